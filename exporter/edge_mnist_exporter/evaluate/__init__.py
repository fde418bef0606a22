"""Compare files with their Keras model, and check the gates.

Comes in: probabilities of both. Goes out: figures, intervals, and whether the gates passed.
May import: gate_config, source.
"""
