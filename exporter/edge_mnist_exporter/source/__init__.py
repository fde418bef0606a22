"""Load Keras models and bring them to one input and output signature.

Comes in: a .keras, .h5 or SavedModel. Goes out: a `SourceModel`: raw pixels in, probabilities out.
May import: config.
"""
