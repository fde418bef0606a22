"""How large a network is on a device: multiply-accumulates and bytes of weights, counted from its Keras layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NetworkSize:
    """What a network costs, before any converter has seen it."""

    layers: int
    """Those with weights, BatchNorm aside: it disappears into the convolution before it."""
    parameters: int
    """Trained and tracked values, as Keras counts them."""
    macs: int
    """Multiply-accumulates of one image, in convolutions and Dense layers."""
    int8_weights_bytes: int
    """Kernels at one byte a value and biases at four, with BatchNorm folded into them."""


def measure_network(model: Any) -> NetworkSize:
    """Count a functional Keras model of convolutions, BatchNorm and Dense layers."""
    n_layers = macs = weights = 0
    for layer in model.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is None:
            continue
        n_layers += 1
        n_values = math.prod(kernel.shape)
        channels = layer.output.shape[-1]
        places = math.prod(layer.output.shape[1:-1])  # 1 for a Dense layer
        macs += places * n_values
        weights += n_values + 4 * channels
    return NetworkSize(n_layers, model.count_params(), macs, weights)
