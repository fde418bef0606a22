"""Count a network's multiply-accumulates and bytes of weights on a device from its Keras layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NetworkSize:
    """The size of a network before conversion."""

    layers: int
    """Number of layers with weights, without BatchNorm, which is folded into the convolution before it."""
    parameters: int
    """Trained and tracked values, as Keras counts them."""
    macs: int
    """Multiply-accumulates for one image, in convolutions and Dense layers."""
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
        positions = math.prod(layer.output.shape[1:-1])  # 1 for a Dense layer
        macs += positions * n_values
        weights += n_values + 4 * channels
    return NetworkSize(n_layers, model.count_params(), macs, weights)
