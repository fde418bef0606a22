"""Digits to learn from.

Comes in: a path, or nothing. Goes out: a `DigitSet`, and its three splits.
May import: nothing of this package.
"""
