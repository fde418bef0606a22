"""Is a file as good as its Keras model?

Comes in: probabilities of both. Goes out: figures, intervals, and whether the gates passed.
May import: gate_config, source.
"""
