"""Test whether int8 sums saturate on this processor.

On x86 without VNNI and without AMX, onnxruntime multiplies unsigned activations with signed weights by vpmaddubsw. That
instruction adds two products in 16 bits: 255 * 127 * 2 = 64,770 becomes 32,767. A network with large activations and
large weights then gives wrong answers, without an error. `OnnxSession` asks for exact sums there. This test runs a
model of such layers and compares its output with the exact sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.bundles.bundled_models import read_package_file

SATURATION_MODEL: Final = Path(__file__).parents[1] / "models" / "saturation.onnx"
"""Made by `make golden`. It has each layer below, with all activations 255, half of the weights 127 and half -127."""

SIDE: Final = 6
CHANNELS: Final = 16
FILTERS: Final = 16
ACTIVATION: Final = 255
WEIGHT: Final = 127
KERNEL: Final = 3

LAYERS: Final = {
    "3 x 3 convolution": KERNEL * KERNEL * CHANNELS,
    "1 x 1 convolution": CHANNELS,
    "3 x 3 depthwise convolution": KERNEL * KERNEL,
    "dense layer": SIDE * SIDE * CHANNELS,
}
"""Number of products in one sum of each layer, in the order of the model's output. Each layer has `FILTERS` sums; the
first half is positive."""

STEPS: Final = 100
"""Quantization steps in each sum."""


@dataclass(frozen=True)
class SaturationResult:
    """Layers with wrong sums, each with the fraction of the sum that came out; 0.51 means saturation."""

    wrong: dict[str, float]
    """When this package runs the model."""
    wrong_elsewhere: dict[str, float]
    """With onnxruntime's default options, as in other programs on this device."""


def exact_sums() -> npt.NDArray[np.int64]:
    """The exact integer sum of each output, shape (K,)."""
    signs = np.where(np.arange(FILTERS) < FILTERS // 2, 1, -1).astype(np.int64)
    return np.concatenate([signs * (products * ACTIVATION * WEIGHT) for products in LAYERS.values()])


def check_saturation() -> SaturationResult:
    """Run the model, and compare its output with `exact_sums`.

    Raises:
        IntegrityError: The model cannot be read.
    """
    from edge_mnist_runtime.engines.onnx_session import OnnxSession

    data, image = read_package_file(str(SATURATION_MODEL)), np.full((1, SIDE, SIDE, CHANNELS), ACTIVATION, np.uint8)
    wrong, wrong_elsewhere = (
        find_wrong_layers(OnnxSession(data, origin=SATURATION_MODEL.name, exact=exact).run(image)[0].astype(np.float64))
        for exact in (None, False)
    )
    return SaturationResult(wrong, wrong_elsewhere)


def find_wrong_layers(found: npt.NDArray[np.float64]) -> dict[str, float]:
    """Find the layers with a sum that is off by more than a step, with the worst fraction of each.

    Args:
        found: The model's output: each sum as a fraction of the largest sum of its layer, shape (K,).
    """
    exact = exact_sums().reshape(len(LAYERS), FILTERS).astype(np.float64)
    fractions = found.reshape(len(LAYERS), FILTERS) * np.abs(exact).max(1, keepdims=True) / exact
    worst = fractions[np.arange(len(LAYERS)), np.abs(fractions - 1).argmax(1)]
    return {
        layer: round(float(fraction), 3)
        for layer, fraction in zip(LAYERS, worst, strict=True)
        if abs(fraction - 1) > 1.001 / STEPS
    }
