"""The first convolution of a QDQ graph, rewritten so that onnxruntime runs it fast, to the same answers bit by bit.

onnxruntime's int8 kernels take their speed from the input channels, and a grey image has one: the first 3 x 3
convolution was the slowest operation of the whole network. Here each 2 x 2 block of pixels becomes one place with four
channels (space to depth), and the convolution computes all four of its outputs that the following 2 x 2 max-pooling
compares, as four groups of channels of that place. The weights are the same, with zeros where a tap falls outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

CELLS: Final = 14
"""Places along each axis after space to depth."""


@dataclass(frozen=True)
class _Stem:
    """The nodes from the input to the first pooling: bytes -> dequantize -> conv -> quantize -> dequantize -> pool."""

    reshape: onnx.NodeProto
    dequantize: onnx.NodeProto
    conv: onnx.NodeProto
    quantize_after: onnx.NodeProto
    dequantize_after: onnx.NodeProto
    pool: onnx.NodeProto
    constants: tuple[onnx.NodeProto, ...]
    """The dequantizers of the convolution's weights and, where it has one, of its bias."""


def widen_stem(model: onnx.ModelProto) -> bool:
    """Rewrite the stem in place where it is a 3 x 3 convolution of one channel before a 2 x 2 max-pooling.

    Args:
        model: A QDQ graph that takes `image`, uint8, (N, 28, 28, 1).

    Returns:
        Whether it was; any other graph is left as it is.
    """
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    stem = _find_stem(graph, constants)
    if stem is None:
        return False
    weights = constants[stem.constants[0].input[0]]
    filters = weights.dims[0]
    _replace(weights, _regroup(numpy_helper.to_array(weights)))
    per_filter = {name for node in stem.constants for name in node.input} - {weights.name}  # bias, scales, zero-points
    for name in per_filter:
        if constants[name].dims:
            _replace(constants[name], np.tile(numpy_helper.to_array(constants[name]), 4))
    _set_attributes(stem.conv, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1])
    _set_attributes(stem.pool, kernel_shape=[1, 4], strides=[1, 4])
    stem.dequantize.input[0], stem.dequantize_after.input[0] = "stem_cells", "stem_groups"
    _insert(graph, stem, filters)
    return True


def _regroup(weights: npt.NDArray[np.int8]) -> npt.NDArray[np.int8]:
    """Weights (F, 1, 3, 3) over pixels as weights (4 F, 4, 3, 3) over cells: group g = 2 dy + dx is output (dy, dx)."""
    filters = weights.shape[0]
    wide = np.zeros((4, filters, 4, 3, 3), np.int8)
    for dy, dx, ky, kx in np.ndindex(2, 2, 3, 3):
        y, x = dy + ky - 1, dx + kx - 1  # the pixel under this tap, from the cell's own corner: -1..2
        wide[2 * dy + dx, :, 2 * (y % 2) + x % 2, y // 2 + 1, x // 2 + 1] = weights[:, 0, ky, kx]
    return wide.reshape(4 * filters, 4, 3, 3)


def _insert(graph: onnx.GraphProto, stem: _Stem, filters: int) -> None:
    """Put the moves of bytes in: pixels to cells at the input, and groups side by side before the pooling.

    Both are written channels-last, so that onnxruntime's own channels-last convolution and pooling meet them without a
    transposition.
    """
    for name, shape in (
        ("stem_blocks_shape", [-1, CELLS, 2, CELLS, 2]),
        ("stem_cells_shape", [-1, CELLS, CELLS, 4]),
        ("stem_groups_shape", [-1, CELLS, 4 * CELLS, filters]),
    ):
        graph.initializer.append(numpy_helper.from_array(np.array(shape, np.int64), name))
    to_cells = [
        helper.make_node("Reshape", [graph.input[0].name, "stem_blocks_shape"], ["stem_blocks"]),
        helper.make_node("Transpose", ["stem_blocks"], ["stem_cells_rows"], perm=[0, 1, 3, 2, 4]),
        helper.make_node("Reshape", ["stem_cells_rows", "stem_cells_shape"], ["stem_cells_last"]),
        helper.make_node("Transpose", ["stem_cells_last"], ["stem_cells"], perm=[0, 3, 1, 2]),
    ]
    to_groups = [
        helper.make_node("Transpose", [stem.quantize_after.output[0]], ["stem_filters_last"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["stem_filters_last", "stem_groups_shape"], ["stem_groups_last"]),
        helper.make_node("Transpose", ["stem_groups_last"], ["stem_groups"], perm=[0, 3, 1, 2]),
    ]
    nodes = [node for node in graph.node if node is not stem.reshape]
    at_input, at_pool = nodes.index(stem.dequantize), nodes.index(stem.dequantize_after)
    ordered = [*nodes[:at_input], *to_cells, *nodes[at_input:at_pool], *to_groups, *nodes[at_pool:]]
    unused = next(tensor for tensor in graph.initializer if tensor.name == stem.reshape.input[1])
    graph.initializer.remove(unused)
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in ordered]
    del graph.node[:]
    graph.node.extend(copies)


def _find_stem(graph: onnx.GraphProto, constants: dict[str, onnx.TensorProto]) -> _Stem | None:
    """Follow the input from node to node; None where it does not meet exactly the nodes of `_Stem`."""
    nodes = []
    name = graph.input[0].name
    for op_type in ("Reshape", "DequantizeLinear", "Conv", "QuantizeLinear", "DequantizeLinear", "MaxPool"):
        users = [node for node in graph.node if name in node.input]
        if len(users) != 1 or users[0].op_type != op_type:
            return None
        nodes.append(users[0])
        name = users[0].output[0]
    makers = {output: node for node in graph.node for output in node.output}
    dequantizers = tuple(makers[tensor] for tensor in nodes[2].input[1:] if tensor in makers)
    if len(dequantizers) != len(nodes[2].input) - 1 or any(n.op_type != "DequantizeLinear" for n in dequantizers):
        return None
    reshape, dequantize, _, quantize_after, dequantize_after, pool = nodes
    stem = _Stem(reshape, dequantize, nodes[2], quantize_after, dequantize_after, pool, dequantizers)
    shape = list(constants[dequantizers[0].input[0]].dims)
    conv, pool = _read_attributes(stem.conv), _read_attributes(stem.pool)
    plain = (conv["pads"], conv["strides"], conv["dilations"], conv["group"]) == ([1] * 4, [1, 1], [1, 1], 1)
    halving = (pool["kernel_shape"], pool["pads"], pool["strides"], pool["ceil_mode"]) == ([2, 2], [0] * 4, [2, 2], 0)
    matches = shape[1:] == [1, 3, 3] and plain and halving
    return stem if matches else None


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
