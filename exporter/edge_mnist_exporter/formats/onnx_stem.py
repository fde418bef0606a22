"""The first convolution of a QDQ graph, rewritten so that onnxruntime runs it fast, to the same answers bit by bit.

onnxruntime's int8 kernels take their speed from the input channels, and a grey image has one: the first convolution
was the slowest operation of the whole network. Here each 2 x 2 block of pixels becomes one place with four channels
(space to depth). A convolution with stride 2 then is one with stride 1 over these places. Where a 2 x 2 max-pooling
follows a convolution with stride 1, all four outputs that it compares are computed as four groups of channels of their
place. The weights are the same, with zeros where a tap falls outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

Cells = tuple[int, int]
"""Places along each axis after space to depth: half the rows and columns of the image."""


@dataclass(frozen=True)
class _Stem:
    """The nodes from the input to the first convolution: bytes -> reshape -> dequantize -> conv."""

    reshape: onnx.NodeProto
    dequantize: onnx.NodeProto
    conv: onnx.NodeProto
    constants: tuple[onnx.NodeProto, ...]
    """The dequantizers of the convolution's weights and, where it has one, of its bias."""
    weights: onnx.TensorProto
    """int8, (F, 1, K, K)."""
    cells: Cells


@dataclass(frozen=True)
class _Pooling:
    """What follows the first convolution: quantize -> dequantize -> pool."""

    quantize: onnx.NodeProto
    dequantize: onnx.NodeProto
    pool: onnx.NodeProto


def widen_stem(model: onnx.ModelProto) -> bool:
    """Rewrite the stem in place.

    Two are known: a convolution of one channel with stride 2 and a kernel of at most 6 x 6, and a 3 x 3 convolution of
    one channel before a 2 x 2 max-pooling.

    Args:
        model: A QDQ graph that takes `image`, uint8, (N, H, W, 1), H and W even.

    Returns:
        Whether it was; any other graph is left as it is.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    stem = _find_stem(graph, constants)
    if stem is None:
        return False
    moves = []
    if _has_stride_2(stem):
        top, left = _read_attributes(stem.conv)["pads"][:2]
        _replace(stem.weights, _gather_taps(numpy_helper.to_array(stem.weights), top, left))
    elif (pooling := _find_pooling(graph, stem)) is not None:
        filters = stem.weights.dims[0]
        _replace(stem.weights, _regroup(numpy_helper.to_array(stem.weights)))
        _repeat_per_filter(stem, constants)
        _set_attributes(pooling.pool, kernel_shape=[1, 4], strides=[1, 4])
        moves.append((pooling.dequantize, _to_groups(graph, pooling, filters, stem.cells)))
        pooling.dequantize.input[0] = "stem_groups"
    else:
        return False
    _set_attributes(stem.conv, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1])
    moves.append((stem.dequantize, _to_cells(graph, stem.cells)))
    stem.dequantize.input[0] = "stem_cells"
    _insert(graph, stem.reshape, moves)
    return True


def _gather_taps(weights: npt.NDArray[np.int8], top: int, left: int) -> npt.NDArray[np.int8]:
    """Weights (F, 1, K, K) with stride 2 over pixels as weights (F, 4, 3, 3) with stride 1 over cells."""
    filters, _, height, width = weights.shape
    wide = np.zeros((filters, 4, 3, 3), np.int8)
    for ky, kx in np.ndindex(height, width):
        y, x = ky - top, kx - left  # the pixel under this tap, from the cell's own corner: -2..3
        wide[:, 2 * (y % 2) + x % 2, y // 2 + 1, x // 2 + 1] = weights[:, 0, ky, kx]
    return wide


def _regroup(weights: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Weights (F, 1, 3, 3) over pixels as weights (4 F, 4, 3, 3) over cells: group g = 2 dy + dx is output (dy, dx)."""
    filters = weights.shape[0]
    wide = np.zeros((4, filters, 4, 3, 3), np.int8)
    for dy, dx, ky, kx in np.ndindex(2, 2, 3, 3):
        y, x = dy + ky - 1, dx + kx - 1  # the pixel under this tap, from the cell's own corner: -1..2
        wide[2 * dy + dx, :, 2 * (y % 2) + x % 2, y // 2 + 1, x // 2 + 1] = weights[:, 0, ky, kx]
    return wide.reshape(4 * filters, 4, 3, 3)


def _repeat_per_filter(stem: _Stem, constants: dict[str, onnx.TensorProto]) -> None:
    """Bias, scales and zero-points for four groups of filters in place of one."""
    for name in {name for node in stem.constants for name in node.input} - {stem.weights.name}:
        if constants[name].dims:
            _replace(constants[name], np.tile(numpy_helper.to_array(constants[name]), 4))


# The moves of bytes are written channels-last, so that onnxruntime's own channels-last convolution and pooling meet
# them without a transposition.


def _to_cells(graph: onnx.GraphProto, cells: Cells) -> list[onnx.NodeProto]:
    """From the input's pixels to cells, (N, 4, H / 2, W / 2)."""
    rows, columns = cells
    _append_shape(graph, "stem_blocks_shape", [-1, rows, 2, columns, 2])
    _append_shape(graph, "stem_cells_shape", [-1, rows, columns, 4])
    return [
        helper.make_node("Reshape", [graph.input[0].name, "stem_blocks_shape"], ["stem_blocks"]),
        helper.make_node("Transpose", ["stem_blocks"], ["stem_cells_rows"], perm=[0, 1, 3, 2, 4]),
        helper.make_node("Reshape", ["stem_cells_rows", "stem_cells_shape"], ["stem_cells_last"]),
        helper.make_node("Transpose", ["stem_cells_last"], ["stem_cells"], perm=[0, 3, 1, 2]),
    ]


def _to_groups(graph: onnx.GraphProto, pooling: _Pooling, filters: int, cells: Cells) -> list[onnx.NodeProto]:
    """From four groups of channels to four places side by side, (N, F, H / 2, 2 W)."""
    rows, columns = cells
    _append_shape(graph, "stem_groups_shape", [-1, rows, 4 * columns, filters])
    return [
        helper.make_node("Transpose", [pooling.quantize.output[0]], ["stem_filters_last"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["stem_filters_last", "stem_groups_shape"], ["stem_groups_last"]),
        helper.make_node("Transpose", ["stem_groups_last"], ["stem_groups"], perm=[0, 3, 1, 2]),
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


def _follow(graph: onnx.GraphProto, name: str, *op_types: str) -> list[onnx.NodeProto] | None:
    """The nodes from a tensor on, each the only user of the one before; None where they are others."""
    nodes = []
    for op_type in op_types:
        users = [node for node in graph.node if name in node.input]
        if len(users) != 1 or users[0].op_type != op_type:
            return None
        nodes.append(users[0])
        name = users[0].output[0]
    return nodes


def _find_stem(graph: onnx.GraphProto, constants: dict[str, onnx.TensorProto]) -> _Stem | None:
    """A convolution of one channel at the input, of even height and width; None where there is another."""
    height, width = (dim.dim_value for dim in graph.input[0].type.tensor_type.shape.dim[1:3])
    nodes = _follow(graph, graph.input[0].name, "Reshape", "DequantizeLinear", "Conv")
    if nodes is None or height % 2 or width % 2:
        return None
    reshape, dequantize, conv = nodes
    if numpy_helper.to_array(constants[reshape.input[1]]).tolist()[1:] != [1, height, width]:
        return None
    makers = {output: node for node in graph.node for output in node.output}
    dequantizers = tuple(makers[tensor] for tensor in conv.input[1:] if tensor in makers)
    if len(dequantizers) != len(conv.input) - 1 or any(n.op_type != "DequantizeLinear" for n in dequantizers):
        return None
    weights = constants[dequantizers[0].input[0]]
    attributes = _read_attributes(conv)
    plain = attributes["dilations"] == [1, 1] and attributes["group"] == 1 and weights.dims[1] == 1
    return _Stem(reshape, dequantize, conv, dequantizers, weights, (height // 2, width // 2)) if plain else None


def _has_stride_2(stem: _Stem) -> bool:
    """Whether the convolution halves both axes, by a kernel within three cells."""
    attributes = _read_attributes(stem.conv)
    top, left, bottom, right = attributes["pads"]
    height, width = stem.weights.dims[2:]
    pixels = [2 * cells for cells in stem.cells]
    found = (pixels[0] + top + bottom - height) // 2 + 1, (pixels[1] + left + right - width) // 2 + 1
    halves = found == stem.cells
    within = max(top, left) <= 2 and max(height - top, width - left) <= 4
    return bool(attributes["strides"] == [2, 2] and halves and within)


def _find_pooling(graph: onnx.GraphProto, stem: _Stem) -> _Pooling | None:
    """A 2 x 2 max-pooling behind a 3 x 3 convolution; None where there is another."""
    nodes = _follow(graph, stem.conv.output[0], "QuantizeLinear", "DequantizeLinear", "MaxPool")
    if nodes is None:
        return None
    conv, pool = _read_attributes(stem.conv), _read_attributes(nodes[2])
    same = (conv["pads"], conv["strides"], list(stem.weights.dims[2:])) == ([1] * 4, [1, 1], [3, 3])
    halving = (pool["kernel_shape"], pool["pads"], pool["strides"], pool["ceil_mode"]) == ([2, 2], [0] * 4, [2, 2], 0)
    return _Pooling(*nodes) if same and halving else None


def _read_attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """The node's attributes, with ONNX's defaults for two axes where it states none."""
    stated = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    defaults = {"pads": [0] * 4, "strides": [1, 1], "dilations": [1, 1], "group": 1, "ceil_mode": 0}
    return {**defaults, **stated}


def _replace(tensor: onnx.TensorProto, values: npt.NDArray[np.generic]) -> None:
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _set_attributes(node: onnx.NodeProto, **attributes: list[int]) -> None:
    del node.attribute[:]
    node.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
