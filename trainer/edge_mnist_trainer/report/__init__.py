"""A run's report.html.

Comes in: a run folder. Goes out: one HTML page.
May import: augment, data, evaluate, networks, run_folder, run_record.
"""
