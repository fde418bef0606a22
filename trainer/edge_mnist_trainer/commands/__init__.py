"""The workstation's commands for training. Keras is imported when a command runs, not before.

Comes in: arguments. Goes out: text or JSON, and an exit code.
May import: augment, data, fit, networks, report, run_folder, training_run.
"""
