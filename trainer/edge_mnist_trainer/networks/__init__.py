"""Define networks, and load their weights.

Comes in: a name or a .keras file. Goes out: a Keras model with the settings that train it.
May import: augment, config, run_folder, run_record.
"""
