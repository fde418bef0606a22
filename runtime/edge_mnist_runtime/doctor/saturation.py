"""Does this processor add int8 products without saturating?

On x86 without VNNI (and without AMX), onnxruntime multiplies unsigned activations with signed weights by an
instruction (vpmaddubsw) that adds two products into 16 bits: 255 * 127 twice is 64,770, and 32,767 is what comes out.
A network with large activations under large weights then answers wrongly, without a word. `OnnxSession` asks for
exact sums there; here a model of such layers alone is run, and what it gives compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.bundles.bundled_models import read_package_file

SATURATION_MODEL: Final = Path(__file__).parents[1] / "models" / "saturation.onnx"
"""Made by `make golden`; each layer below on its own, every activation 255, half of the weights 127, half -127."""

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
"""Products in one sum of each layer, in the order of the model's output, `FILTERS` values each. The first half of
these is positive."""

STEPS: Final = 100
"""The sum, in steps of its layer's output scale."""


@dataclass(frozen=True)
class SaturationResult:
    """What became of the sums. Of each layer whose sums are wrong, the part that came out; 0.51 is saturation."""

    wrong: dict[str, float]
    """As this package runs models."""
    wrong_elsewhere: dict[str, float]
    """As onnxruntime runs them unless it is told to be exact: other programs on this device."""


def exact_sums() -> npt.NDArray[np.int64]:
    """What each output stands for, in integers, shape (K,)."""
    signs = np.where(np.arange(FILTERS) < FILTERS // 2, 1, -1).astype(np.int64)
    return np.concatenate([signs * (products * ACTIVATION * WEIGHT) for products in LAYERS.values()])


def check_saturation() -> SaturationResult:
    """Run the model in this package, and compare with `exact_sums`.

    Raises:
        IntegrityError: It cannot be read.
    """
    from edge_mnist_runtime.engines.onnx_session import OnnxSession

    data, image = read_package_file(str(SATURATION_MODEL)), np.full((1, SIDE, SIDE, CHANNELS), ACTIVATION, np.uint8)
    wrong, wrong_elsewhere = (
        find_wrong_layers(OnnxSession(data, origin=SATURATION_MODEL.name, exact=exact).run(image)[0].astype(np.float64))
        for exact in (None, False)
    )
    return SaturationResult(wrong, wrong_elsewhere)


def find_wrong_layers(found: npt.NDArray[np.float64]) -> dict[str, float]:
    """The layers of which a sum is off by more than a step, with the part that came out, the worst of each.

    Args:
        found: The model's output: each sum as a part of the largest sum of its layer, shape (K,).
    """
    exact = exact_sums().reshape(len(LAYERS), FILTERS).astype(np.float64)
    parts = found.reshape(len(LAYERS), FILTERS) * np.abs(exact).max(1, keepdims=True) / exact
    worst = parts[np.arange(len(LAYERS)), np.abs(parts - 1).argmax(1)]
    return {
        layer: round(float(part), 3) for layer, part in zip(LAYERS, worst, strict=True) if abs(part - 1) > 1.001 / STEPS
    }
