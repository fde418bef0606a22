"""Any Keras model, brought to one form.

Comes in: a .keras, .h5 or SavedModel. Goes out: a `SourceModel`: raw pixels in, probabilities out.
May import: config.
"""
