"""Write the report page of a run.

Comes in: a run folder. Goes out: report.html.
May import: augment, data, evaluate, networks, run_folder, run_record.
"""
