"""What a finished file says about itself.

Comes in: a graph. Goes out: operators, float tensors, weights, memory, errors of layers.
May import: nothing of this package.
"""
