"""Train networks, and make transfer sets.

Comes in: a network, digits, a config. Goes out: a run folder, or a transfer set.
May import: augment, config, data, networks, run_folder, run_record, typed_json.
"""
