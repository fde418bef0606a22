"""What the layers of a float graph multiply by their weights, drawn from calibration images."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from edge_mnist_exporter.formats.onnx_graph import read_attributes
from edge_mnist_exporter.formats.onnx_saturation import find_channel_axis
from edge_mnist_exporter.formats.onnx_tensors import TensorReader

IMAGES_AT_ONCE: Final = 50
"""Images whose activations are in memory at one time."""

SUMS: Final = 32_000
"""Sums of each layer that are drawn, from all positions of all images."""

INPUT_VALUES: Final = 32_000_000
"""Most input values of a layer, which bounds memory: a layer of long sums gives fewer of them."""

Inputs = npt.NDArray[np.float32]
"""What some sums of a layer multiply by its weights, shape (S, G, N): S sums of each of G groups of channels."""


@dataclass(frozen=True)
class WeightedLayer:
    """An operation that multiplies by constant weights."""

    node: onnx.NodeProto
    index: int
    """Which of its inputs the weights are."""
    weights: npt.NDArray[np.float32]
    axis: int
    """Along which the output channels lie."""


def find_weighted_layers(model: onnx.ModelProto, operators: Collection[str]) -> Iterator[WeightedLayer]:
    """The operations of a float graph that onnxruntime's quantizer gives int8 weights, in its order."""
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        for index, name in enumerate(node.input):
            if node.op_type in operators and name in constants:
                axis = find_channel_axis(node, index, len(constants[name].dims))
                if axis is not None:
                    yield WeightedLayer(node, index, numpy_helper.to_array(constants[name]), axis)


def draw_inputs(
    model: onnx.ModelProto, layers: list[WeightedLayer], values: npt.NDArray[np.float32]
) -> Iterator[Inputs | None]:
    """What some sums of each layer multiply by its weights; None for a layer whose sums are not found."""
    rng = np.random.default_rng(0)
    reader = TensorReader(model, [layer.node.input[0] for layer in layers])
    drawn: list[list[Inputs]] = [[] for _ in layers]
    for start in range(0, len(values), IMAGES_AT_ONCE):
        images = values[start : start + IMAGES_AT_ONCE]
        for layer, data, parts in zip(layers, reader.read(images), drawn, strict=True):
            windows = _view_windows(layer, data)
            if windows is not None:
                n_values = layer.weights.size // layer.weights.shape[layer.axis]
                most = min(SUMS, INPUT_VALUES // n_values) * len(images) // len(values)
                parts.append(_draw_windows(windows, max(most, 1), rng))
    groups = [read_attributes(layer.node).get("group", 1) for layer in layers]
    return (
        np.concatenate(parts).reshape(sum(map(len, parts)), n_groups, -1) if parts else None
        for parts, n_groups in zip(drawn, groups, strict=True)
    )


def _view_windows(layer: WeightedLayer, data: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], int] | None:
    """What a layer's sums multiply by its weights, as a view, and how many of its axes count sums.

    None for a product whose weights are not its second factor, or differ within a batch, and for padding that the
    graph leaves to the engine.
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
    windows: tuple[npt.NDArray[np.float32], int], n_drawn: int, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Some sums' inputs, shape (n_drawn, G * N)."""
    view, n_axes = windows
    positions = np.unravel_index(rng.integers(0, math.prod(view.shape[:n_axes]), n_drawn), view.shape[:n_axes])
    return view[positions].reshape(n_drawn, -1)
