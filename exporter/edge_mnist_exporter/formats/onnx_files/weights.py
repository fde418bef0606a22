"""Quantize the weights of an ONNX file to int8, with scales that prevent saturation and with GPTQ rounding.

Scales. `saturation.py` states the bound for two weights of a channel. 7-bit weights (onnxruntime's `reduce_range`) keep
it, because 64 + 64 = 128. Few channels have two weights of that size, so most can have finer steps. Each channel gets
the finest scale that keeps the bound.

Rounding. `rounding.py` rounds each weight up or down so that the errors of a sum cancel on the calibration images. The
result is closer to the float network than 8-bit weights rounded to nearest (docs/results/int8-weights.md).
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
"""A bound that all 8-bit weights keep."""

WIDEN: Final = 1 + 1 / 256
"""A scale is multiplied by this factor until the rounded weights keep the bound."""


@dataclass(frozen=True)
class RoundedWeights:
    """The rounded weights of one layer."""

    values: npt.NDArray[np.float32]
    """Whole steps times scale, in the shape of the float weights."""
    scales: npt.NDArray[np.float32]
    """One for each output channel, shape (K,), or one for all, shape (1,)."""
    axis: int | None
    """The axis of the output channels; None for one scale for all."""

    def to_overrides(self) -> list[dict[str, Any]]:
        """The scales in the form of the quantizer's `TensorQuantOverrides`."""
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
    """Choose scales for all weights that onnxruntime's quantizer will quantize, and round the weights.

    Args:
        model: The float graph that is the quantizer's input.
        values: Calibration images as the network reads them, float32, shape (N, H, W, C).
        operators: Operators that are quantized.
        per_channel: True for a scale for each output channel, False for the largest of them for all.
        allow_saturation: Ignore the bound, so that the weights use all 8 bits.

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
    """Copy the float graph and replace its weights by the rounded ones."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        if tensor.name in rounded:
            tensor.CopyFrom(numpy_helper.from_array(rounded[tensor.name].values, tensor.name))
    return copy


def fit_scales(rows: npt.NDArray[np.floating], max_pair: int = MAX_WEIGHT_PAIR) -> npt.NDArray[np.float64]:
    """The finest scale of each output channel that keeps the bound before rounding.

    Args:
        rows: Float weights, shape (K, N).
        max_pair: Largest sum of two weights of one sign, in steps.

    Returns:
        Scales, shape (K,). A channel of zeros gets the largest scale of the others, because its bias uses it too.
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
