"""The first convolution of a QDQ graph, rewritten so that onnxruntime runs it fast, to the same answers bit by bit.

onnxruntime's int8 kernels take their speed from the input channels, and a grey image has one: the first convolution
was the slowest operation of the whole network. Here four neighbouring pixels of a row are one place with four channels,
and the convolution gives all its results that belong to these pixels at once, as groups of channels. The weights are
the same, with zeros where a tap falls outside. Neither view moves a byte. (2 x 2 pixels to a place, space to depth,
would multiply by fewer zeros, but takes longer: the bytes have to be moved.)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from edge_mnist_exporter.formats.onnx_files.graph import follow, read_attributes

CELL: Final = 4
"""Pixels of a row that are one place. Two channels are too few: hardly faster than one."""


@dataclass(frozen=True)
class _Stem:
    """The nodes from the input over the first convolution: bytes -> reshape -> dequantize -> conv -> quantize."""

    reshape: onnx.NodeProto
    dequantize: onnx.NodeProto
    conv: onnx.NodeProto
    quantize: onnx.NodeProto
    result: onnx.NodeProto
    """The dequantizer behind it, which the rest of the network reads."""
    constants: tuple[onnx.NodeProto, ...]
    """The dequantizers of the convolution's weights and, where it has one, of its bias."""
    weights: onnx.TensorProto
    """int8, (F, 1, K, L)."""
    image: tuple[int, int]
    """Rows and columns of the image."""


def widen_stem(model: onnx.ModelProto) -> bool:
    """Rewrite the stem in place.

    What is rewritten is a convolution of one channel that gives `CELL` / S columns for every `CELL` pixels of a row, S
    being its stride, and looks no farther than `CELL` pixels to either side of them.

    Args:
        model: A QDQ graph that takes `image`, uint8, (N, H, W, 1).

    Returns:
        Whether it was; any other graph is left as it is.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    stem = _find_stem(graph, constants)
    if stem is None or not _fits_cells(stem):
        return False
    attributes = _read_attributes(stem.conv)
    top, left, bottom, _ = attributes["pads"]
    (row_stride, stride), (height, width) = attributes["strides"], stem.image
    filters, _, taps, _ = stem.weights.dims
    _replace(stem.weights, _spread(numpy_helper.to_array(stem.weights), left, stride))
    _repeat_per_filter(stem, constants, CELL // stride)
    _set_attributes(stem.conv, kernel_shape=[taps, 3], pads=[top, 1, bottom, 1], strides=[row_stride, 1])
    rows = (height + top + bottom - taps) // row_stride + 1
    cells = _to_cells(graph, height, width // CELL)
    places = _to_places(graph, stem.quantize.output[0], (rows, width // stride, filters))
    stem.dequantize.input[0], stem.result.input[0] = cells[-1].output[0], places[-1].output[0]
    _insert(graph, stem.reshape, [(stem.dequantize, cells), (stem.result, places)])
    return True


def _spread(weights: npt.NDArray[np.int8], left: int, stride: int) -> npt.NDArray[np.int8]:
    """Weights (F, 1, K, L) over pixels as weights (G F, CELL, K, 3) over cells: group g is the cell's g-th result."""
    filters, _, taps, width = weights.shape
    groups = CELL // stride
    wide = np.zeros((groups, filters, CELL, taps, 3), np.int8)
    for group, tap in np.ndindex(groups, width):
        x = group * stride + tap - left  # the pixel under this tap, from the cell's own corner
        wide[group, :, x % CELL, :, x // CELL + 1] = weights[:, 0, :, tap]
    return wide.reshape(groups * filters, CELL, taps, 3)


def _repeat_per_filter(stem: _Stem, constants: dict[str, onnx.TensorProto], groups: int) -> None:
    """Bias, scales and zero-points for so many groups of filters in place of one."""
    for name in {name for node in stem.constants for name in node.input} - {stem.weights.name}:
        if constants[name].dims:
            _replace(constants[name], np.tile(numpy_helper.to_array(constants[name]), groups))


# Views are written channels-last, between transpositions that onnxruntime's own channels-last convolutions take away.


def _to_cells(graph: onnx.GraphProto, rows: int, columns: int) -> list[onnx.NodeProto]:
    """From the input's pixels to cells, (N, CELL, H, W / CELL)."""
    _append_shape(graph, "stem_cells_shape", [-1, rows, columns, CELL])
    return [
        helper.make_node("Reshape", [graph.input[0].name, "stem_cells_shape"], ["stem_cells_last"]),
        helper.make_node("Transpose", ["stem_cells_last"], ["stem_cells"], perm=[0, 3, 1, 2]),
    ]


def _to_places(graph: onnx.GraphProto, groups: str, shape: tuple[int, int, int]) -> list[onnx.NodeProto]:
    """From groups of channels to places side by side, (N, F, rows, columns); `shape` has the channels last."""
    _append_shape(graph, "stem_places_shape", [-1, *shape])
    return [
        helper.make_node("Transpose", [groups], ["stem_groups_last"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["stem_groups_last", "stem_places_shape"], ["stem_places_last"]),
        helper.make_node("Transpose", ["stem_places_last"], ["stem_places"], perm=[0, 3, 1, 2]),
    ]


def _append_shape(graph: onnx.GraphProto, name: str, sizes: list[int]) -> None:
    graph.initializer.append(numpy_helper.from_array(np.array(sizes, np.int64), name))


def _insert(
    graph: onnx.GraphProto, reshape: onnx.NodeProto, moves: list[tuple[onnx.NodeProto, list[onnx.NodeProto]]]
) -> None:
    """Put each list of nodes in front of the node named with it, in place of the reshape at the input."""
    ordered: list[onnx.NodeProto] = []
    for node in graph.node:
        ordered += next((inserted for before, inserted in moves if before is node), [])
        if node is not reshape:
            ordered.append(node)
    if not any(reshape.input[1] in node.input for node in ordered):
        graph.initializer.remove(next(t for t in graph.initializer if t.name == reshape.input[1]))
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in ordered]
    del graph.node[:]
    graph.node.extend(copies)


def _find_stem(graph: onnx.GraphProto, constants: dict[str, onnx.TensorProto]) -> _Stem | None:
    """A convolution of one channel at the input, between quantizers; None where there is another beginning."""
    height, width = (dim.dim_value for dim in graph.input[0].type.tensor_type.shape.dim[1:3])
    steps = ("Reshape", "DequantizeLinear", "Conv", "QuantizeLinear", "DequantizeLinear")
    nodes = follow(graph, graph.input[0].name, *steps)
    if nodes is None:
        return None
    reshape, dequantize, conv, quantize, result = nodes
    if numpy_helper.to_array(constants[reshape.input[1]]).tolist()[1:] != [1, height, width]:
        return None
    makers = {output: node for node in graph.node for output in node.output}
    dequantizers = tuple(makers[tensor] for tensor in conv.input[1:] if tensor in makers)
    if len(dequantizers) != len(conv.input) - 1 or any(n.op_type != "DequantizeLinear" for n in dequantizers):
        return None
    weights = constants[dequantizers[0].input[0]]
    attributes = _read_attributes(conv)
    plain = attributes["dilations"] == [1, 1] and attributes["group"] == 1 and weights.dims[1] == 1
    if not plain:
        return None
    return _Stem(reshape, dequantize, conv, quantize, result, dequantizers, weights, (height, width))


def _fits_cells(stem: _Stem) -> bool:
    """Whether every cell gets results of its own, from itself and its two neighbours."""
    attributes = _read_attributes(stem.conv)
    (_, left, _, right), (_, stride) = attributes["pads"], attributes["strides"]
    taps, (_, width) = stem.weights.dims[3], stem.image
    if width % CELL or CELL % stride:
        return False
    columns = (width + left + right - taps) // stride + 1
    last = CELL - stride - left + taps - 1  # the farthest pixel, from the cell's own corner
    return bool(columns == width // stride and left <= CELL and last < 2 * CELL)


def _read_attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """The node's attributes, with ONNX's defaults for two axes where it states none."""
    defaults = {"pads": [0] * 4, "strides": [1, 1], "dilations": [1, 1], "group": 1}
    return {**defaults, **read_attributes(node)}


def _replace(tensor: onnx.TensorProto, values: npt.NDArray[np.generic]) -> None:
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _set_attributes(node: onnx.NodeProto, **attributes: list[int]) -> None:
    del node.attribute[:]
    node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
