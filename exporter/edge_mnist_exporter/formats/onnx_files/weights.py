"""int8 weights of an ONNX file: scales with which no sum can saturate, and rounding that costs no accuracy.

Scales. `saturation.py` says which weights can saturate. 7-bit weights (onnxruntime's `reduce_range`) keep that
bound by 64 + 64. Few output channels have two weights that are that large, so most can have finer steps than 7 bits
give: each channel gets the finest scale that keeps the bound.

Rounding. Each weight is rounded up or down so that the errors of a sum cancel on the calibration images
(`rounding.py`). With both, weights that cannot saturate stay closer to the float network than plainly rounded
weights of 8 bits (docs/results/int8-weights.md).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import QuantType

from edge_mnist_exporter.audit.audit import MAX_WEIGHT_PAIR
from edge_mnist_exporter.formats.onnx_files.layer_inputs import WeightedLayer, find_weighted_layers, measure_moments
from edge_mnist_exporter.formats.onnx_files.rounding import INT8_MAX, Moments, Rounding
from edge_mnist_exporter.formats.onnx_files.saturation import channels_first, largest_pairs

UNBOUNDED_PAIR: Final = 2 * INT8_MAX
"""A bound that 8-bit weights keep anyhow."""

WIDEN: Final = 1 + 1 / 256
"""A scale grows by this factor while rounded weights break the bound."""


@dataclass(frozen=True)
class RoundedWeights:
    """The weights of one layer as the int8 file will hold them."""

    values: npt.NDArray[np.float32]
    """Whole steps times scale, in the weights' own shape."""
    scales: npt.NDArray[np.float32]
    """One an output channel, shape (K,), or one for all, shape (1,)."""
    axis: int | None
    """Along which the output channels lie; None where one scale serves all."""

    def to_overrides(self) -> list[dict[str, Any]]:
        """As the quantizer's `TensorQuantOverrides` has it."""
        channel = {} if self.axis is None else {"axis": self.axis}
        fixed = {"quant_type": QuantType.QInt8, "zero_point": np.array(0, np.int8)}
        return [{**channel, **fixed, "scale": np.array(scale)} for scale in self.scales]


def round_weights(
    model: onnx.ModelProto,
    values: npt.NDArray[np.float32],
    operators: Collection[str],
    *,
    per_channel: bool = True,
    allow_saturation: bool = False,
) -> dict[str, RoundedWeights]:
    """Choose scales and steps of all weights that onnxruntime's quantizer will find.

    Args:
        model: The float graph as it goes into the quantizer.
        values: Calibration images as the network reads them, float32, shape (N, H, W, C).
        operators: Which operators are quantized.
        per_channel: Whether each output channel has a scale of its own; otherwise the coarsest serves all.
        allow_saturation: Leave the bound out, so that the weights use all of their 8 bits.

    Returns:
        The rounded weights by their names in `model`.
    """
    max_pair = UNBOUNDED_PAIR if allow_saturation else MAX_WEIGHT_PAIR
    layers = list(find_weighted_layers(model, operators))
    return {
        layer.node.input[layer.index]: _round_layer(layer, moments, max_pair, per_channel=per_channel)
        for layer, moments in zip(layers, measure_moments(model, layers, values), strict=True)
    }


def put_weights(model: onnx.ModelProto, rounded: dict[str, RoundedWeights]) -> onnx.ModelProto:
    """A copy of the float graph with rounded weights in place of its own."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        if tensor.name in rounded:
            tensor.CopyFrom(numpy_helper.from_array(rounded[tensor.name].values, tensor.name))
    return copy


def fit_scales(rows: npt.NDArray[np.floating], max_pair: int = MAX_WEIGHT_PAIR) -> npt.NDArray[np.float64]:
    """The finest scale of each output channel with which its weights keep the bound before they are rounded.

    Args:
        rows: Float weights, shape (K, N).
        max_pair: Most steps that two weights of one sign may be together.

    Returns:
        Scales, shape (K,). A channel of zeros has the largest scale of the others: its bias counts in its steps.
    """
    scales: npt.NDArray[np.float64] = np.abs(rows).max(1).astype(np.float64) / INT8_MAX
    scales = np.maximum(scales, largest_pairs(rows) / max_pair)
    scales[scales < np.finfo(np.float32).tiny] = scales.max() or 1.0
    return scales


def _round_layer(layer: WeightedLayer, moments: Moments | None, max_pair: int, *, per_channel: bool) -> RoundedWeights:
    rows = channels_first(layer.weights, layer.axis).astype(np.float64)
    scales = fit_scales(rows, max_pair)
    rounding = Rounding(moments)
    while True:
        shared = scales if per_channel else np.full_like(scales, scales.max())
        exact = shared.astype(np.float32)
        steps = rounding.round(rows / exact[:, None].astype(np.float64))
        broken = largest_pairs(steps) > max_pair
        if not broken.any():
            break
        scales[broken] = shared[broken] * WIDEN
    products = (steps.astype(np.float32) * exact[:, None]).reshape(np.moveaxis(layer.weights, layer.axis, 0).shape)
    values = np.ascontiguousarray(np.moveaxis(products, 0, layer.axis))
    return RoundedWeights(values, exact, layer.axis) if per_channel else RoundedWeights(values, exact[:1], None)
