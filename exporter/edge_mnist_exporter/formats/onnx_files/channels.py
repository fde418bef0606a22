"""Channels in the numbers that onnxruntime's fast int8 kernel takes, added where a network has others.

The kernel wants input channels in fours and at least 16 output channels; any other convolution of int8 runs on a slower
one, which takes 2.5 us more at 14 x 14 places. A channel that is added has weights and bias of zero, and what reads it
has zeros for it: it costs some bytes, and no answer changes by a bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx
from onnx import numpy_helper

from edge_mnist_exporter.formats.onnx_files.graph import read_attributes
from edge_mnist_exporter.formats.onnx_files.stem import CELL

MULTIPLE: Final = 4
"""Input channels come in so many."""

FEWEST_OUTPUTS: Final = 16
"""Output channels that the kernel is made for."""

CHANNELWISE_OPS: Final = ("QuantizeLinear", "DequantizeLinear", "Relu", "MaxPool", "AveragePool", "GlobalAveragePool")
"""What may stand between a convolution and what multiplies by its channels."""

POOLED_OPS: Final = ("QuantizeLinear", "DequantizeLinear", "Transpose", "Reshape", "Squeeze", "Flatten")
"""The same where a global average has left one place, so that channels are all there is to move."""


def fill_channels(model: onnx.ModelProto) -> int:
    """Add channels in place, and say to how many convolutions.

    Args:
        model: A QDQ graph as onnxruntime's quantizer makes it, its stem not yet widened.
    """
    graph = model.graph
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    n_filled = sum(_fill(graph, convolution) for convolution in convolutions)
    if n_filled:
        del graph.value_info[:]  # shapes that no longer hold
    return n_filled


@dataclass(frozen=True)
class _Growth:
    """A constant, and what is appended to it along one axis."""

    tensor: onnx.TensorProto
    axis: int
    repeats: bool = False
    """Whether the last entry is repeated; else zeros are appended."""


def _fill(graph: onnx.GraphProto, convolution: onnx.NodeProto) -> bool:
    reader = _find_reader(graph, convolution)
    if reader is None or not (_is_plain(convolution) and (reader.op_type != "Conv" or _is_plain(reader))):
        return False
    own, others = _growths_of(graph, convolution), _growth_of_reader(graph, reader)
    if own is None or others is None:
        return False
    n_channels = own[0].tensor.dims[0]
    n_more = _fitting(convolution, own[0].tensor, n_channels) - n_channels
    if not n_more or others.tensor.dims[others.axis] != n_channels:
        return False
    for growth in (*own, others):
        _grow(growth, n_more)
    return True


def _fitting(convolution: onnx.NodeProto, weights: onnx.TensorProto, n_channels: int) -> int:
    """How many output channels a convolution should have."""
    strides = read_attributes(convolution).get("strides", [1, 1])
    # A stem is widened later: it then gives the results of `CELL` / stride columns at one place.
    fewest = -(-FEWEST_OUTPUTS * strides[1] // CELL) if weights.dims[1] == 1 else FEWEST_OUTPUTS
    return max(fewest, -(-n_channels // MULTIPLE) * MULTIPLE)


def _is_plain(convolution: onnx.NodeProto) -> bool:
    return bool(read_attributes(convolution).get("group", 1) == 1)


def _find_reader(graph: onnx.GraphProto, convolution: onnx.NodeProto) -> onnx.NodeProto | None:
    """What alone multiplies by a convolution's channels; None where they go elsewhere, too."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    node: onnx.NodeProto = convolution
    is_pooled = False
    while True:
        users = [other for other in graph.node if node.output[0] in other.input]
        if len(users) != 1:
            return None
        node = users[0]
        if node.op_type in ("Conv", "Gemm", "MatMul"):
            return node
        if node.op_type not in (POOLED_OPS if is_pooled else CHANNELWISE_OPS):
            return None
        if node.op_type == "Reshape" and not _keeps_channels(constants.get(node.input[1])):
            return None
        is_pooled = is_pooled or node.op_type == "GlobalAveragePool"


def _keeps_channels(shape: onnx.TensorProto | None) -> bool:
    """Whether a reshape gives one row of values, however many they are."""
    return shape is not None and numpy_helper.to_array(shape).tolist() == [0, -1]


def _constants_behind(graph: onnx.GraphProto, name: str) -> list[onnx.TensorProto] | None:
    """Values, scales and zero-points of a dequantized constant that nothing else uses; None for anything else."""
    makers = [node for node in graph.node if name in node.output]
    if len(makers) != 1 or makers[0].op_type != "DequantizeLinear" or len(makers[0].input) != 3:
        return None
    constants = {tensor.name: tensor for tensor in graph.initializer}
    uses = [used for node in graph.node for used in node.input]
    names = [*makers[0].input]
    if uses.count(name) != 1 or any(used not in constants or uses.count(used) != 1 for used in names):
        return None
    return [constants[used] for used in names]


def _growths_of(graph: onnx.GraphProto, convolution: onnx.NodeProto) -> list[_Growth] | None:
    """Whatever a convolution holds an entry of for each output channel, its weights first."""
    growths = []
    for name in convolution.input[1:]:
        found = _constants_behind(graph, name)
        if found is None:
            return None
        values, scales, zero_points = found
        growths.append(_Growth(values, 0))
        if [*scales.dims] == [*zero_points.dims] == [values.dims[0]]:  # one a channel; a bias may have one for all
            # Zeros have any scale, but onnxruntime wants the bias's to be the input's times the weights'.
            growths += [_Growth(scales, 0, repeats=True), _Growth(zero_points, 0)]
    return growths


def _growth_of_reader(graph: onnx.GraphProto, reader: onnx.NodeProto) -> _Growth | None:
    """The weights that multiply by the channels."""
    found = _constants_behind(graph, reader.input[1])
    if found is None or found[0].data_type != onnx.TensorProto.INT8:
        return None
    along_columns = reader.op_type == "Conv" or read_attributes(reader).get("transB", 0)
    return _Growth(found[0], 1 if along_columns else 0)


def _grow(growth: _Growth, n_more: int) -> None:
    values = numpy_helper.to_array(growth.tensor)
    widths = [(0, n_more if axis == growth.axis else 0) for axis in range(values.ndim)]
    more = np.pad(values, widths, mode="edge" if growth.repeats else "constant")
    growth.tensor.CopyFrom(numpy_helper.from_array(more, growth.tensor.name))
