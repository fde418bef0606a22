"""Load the images that a model is calibrated and evaluated on.

Comes in: the export's options. Goes out: calibration and evaluation images.
May import: config, source.
"""
