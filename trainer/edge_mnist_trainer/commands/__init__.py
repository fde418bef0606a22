"""Commands for training. Keras is imported only when a command runs.

Comes in: arguments. Goes out: text or JSON, and an exit code.
May import: augment, data, fit, networks, report, run_folder, training_run.
"""
