"""Evaluate a trained network.

Comes in: a network and images. Goes out: its threshold, and its accuracy on digits from outside MNIST.
May import: augment, data, run_record.
"""
