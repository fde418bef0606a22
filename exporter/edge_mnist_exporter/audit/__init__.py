"""Measure a finished model file from its graph: precision, weights, memory, errors of layers.

Comes in: a graph. Goes out: operators, float tensors, weights, memory, errors of layers.
May import: nothing of this package.
"""
