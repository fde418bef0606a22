"""Measure a finished model file from its graph: weights, memory, errors of layers.

`precision.py` of each format, in `formats/`, proves the precision from this graph.

Comes in: a graph. Goes out: operators, float tensors, weights, memory, errors of layers.
May import: nothing of this package.
"""
