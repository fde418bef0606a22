"""Evaluate a trained network.

Comes in: a network and images. Goes out: its threshold, its accuracy on digits that are not MNIST's.
May import: augment, data, run_record.
"""
