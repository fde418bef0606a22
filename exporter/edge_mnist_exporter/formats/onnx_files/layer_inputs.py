"""Measure the second moments of the inputs of each layer with weights, on calibration images."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from edge_mnist_exporter.formats.onnx_files.graph import read_attributes
from edge_mnist_exporter.formats.onnx_files.rounding import Moments, add_moments
from edge_mnist_exporter.formats.onnx_files.saturation import find_channel_axis
from edge_mnist_exporter.formats.onnx_files.tensors import TensorReader

IMAGES_AT_ONCE: Final = 50
"""Images whose activations are in memory at one time."""

SUMS_PER_LAYER: Final = 32_000
"""Sums of each layer to measure, drawn from all positions of all images."""

MAX_INPUT_VALUES: Final = 32_000_000
"""Most input values of a layer to measure. It limits time and memory: layers with long sums get fewer sums."""


@dataclass(frozen=True)
class WeightedLayer:
    """An operation that multiplies by constant weights."""

    node: onnx.NodeProto
    index: int
    """Index of the weights among its inputs."""
    weights: npt.NDArray[np.float32]
    axis: int
    """The axis of the output channels."""


def find_weighted_layers(model: onnx.ModelProto, operators: Collection[str]) -> Iterator[WeightedLayer]:
    """The operations of a float graph that onnxruntime's quantizer gives int8 weights, in graph order."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            if node.op_type in operators and name in constants and math.prod(constants[name].dims):
                axis = find_channel_axis(node, index, len(constants[name].dims))
                if axis is not None:
                    yield WeightedLayer(node, index, numpy_helper.to_array(constants[name]), axis)


def measure_moments(
    model: onnx.ModelProto, layers: list[WeightedLayer], values: npt.NDArray[np.float32]
) -> list[Moments | None]:
    """Measure the second moments of each layer's inputs; None for a layer that `view_sums` does not support.

    Args:
        model: The float graph.
        layers: The result of `find_weighted_layers`.
        values: Calibration images as the network reads them, float32, shape (N, H, W, C).
    """
    rng = np.random.default_rng(0)
    reader = TensorReader(model, [layer.node.input[0] for layer in layers])
    found: list[Moments | None] = [None] * len(layers)
    for start in range(0, len(values), IMAGES_AT_ONCE):
        images = values[start : start + IMAGES_AT_ONCE]
        for number, (layer, data) in enumerate(zip(layers, reader.read(images), strict=True)):
            windows = view_sums(layer, data)
            if windows is not None:
                drawn = _draw_windows(layer, *windows, fraction=len(images) / len(values), rng=rng)
                found[number] = add_moments(found[number], *drawn)
    return found


def view_sums(layer: WeightedLayer, data: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], int] | None:
    """View a layer's input as the values that each sum multiplies by the weights.

    Returns:
        The view, and how many of its leading axes index sums. None for a matrix product whose weights are its first
        factor or differ within a batch, and for automatic padding (`auto_pad`).
    """
    if layer.node.op_type != "Conv":
        plain = layer.index == 1 and layer.weights.ndim == 2 and not read_attributes(layer.node).get("transA", 0)
        return (data, data.ndim - 1) if plain else None
    taps = layer.weights.shape[2:]
    n_axes = len(taps)
    attributes = read_attributes(layer.node)
    if attributes.get("auto_pad", b"NOTSET") != b"NOTSET":
        return None
    strides, dilations = (attributes.get(name, [1] * n_axes) for name in ("strides", "dilations"))
    pads = attributes.get("pads", [0] * 2 * n_axes)
    spans = [(n_taps - 1) * dilation + 1 for n_taps, dilation in zip(taps, dilations, strict=True)]
    padded = np.pad(data, [(0, 0), (0, 0), *zip(pads[:n_axes], pads[n_axes:], strict=True)])
    spatial = tuple(range(2, 2 + n_axes))
    windows = np.lib.stride_tricks.sliding_window_view(padded, spans, axis=spatial)
    every = (slice(None), slice(None), *(slice(None, None, step) for step in (*strides, *dilations)))
    return np.moveaxis(windows[every], 1, 1 + n_axes), 1 + n_axes


def _draw_windows(
    layer: WeightedLayer, view: npt.NDArray[np.float32], n_axes: int, *, fraction: float, rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]]:
    """Draw the inputs of some sums, shape (S, G, N), and count how often each was drawn, shape (S,).

    These images provide `fraction` of the layer's sums. In small layers draws repeat, and counting them saves time.
    """
    n_groups = read_attributes(layer.node).get("group", 1)
    n_inputs = n_groups * layer.weights.size // layer.weights.shape[layer.axis]
    n_drawn = max(int(min(SUMS_PER_LAYER, MAX_INPUT_VALUES // n_inputs) * fraction), 1)
    shape = view.shape[:n_axes]
    drawn, counts = np.unique(rng.integers(0, math.prod(shape), n_drawn), return_counts=True)
    return view[np.unravel_index(drawn, shape)].reshape(len(drawn), n_groups, -1), counts
