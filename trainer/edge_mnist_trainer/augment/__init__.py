"""Distort training images, and generate more of them.

Comes in: digits and a generator. Goes out: distorted, printed, drawn and negative images.
May import: nothing of this package.
"""
