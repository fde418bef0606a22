"""Trains the digit network with Keras: `edge-mnist train`. Needs the extra `train`."""
