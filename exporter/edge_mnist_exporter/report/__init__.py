"""report.json, and what is made from it.

Comes in: measurements. Goes out: the report, the model card, the table and the page.
May import: audit, bundle, evaluate, program.
"""
