"""Load digits: MNIST, or the user's own.

Comes in: a path, or nothing. Goes out: a `DigitSet` with its three splits.
May import: nothing of this package.
"""
