"""Write the report of an export as JSON, model card, terminal table and web page.

Comes in: measurements. Goes out: report.json, MODEL_CARD.md, a table and report.html.
May import: audit, bundle, evaluate.
"""
