"""Find the weights that decide whether the int8 sums of an ONNX file can saturate.

On x86 without VNNI, onnxruntime's int8 kernels multiply uint8 activations by int8 weights with the instruction
vpmaddubsw. It adds two neighbouring products in 16 bits and saturates: 2 * 255 * 127 = 64,770, but 16 bits hold 32,767.
The kernel decides which products are neighbours. So the sum of any two weights of one sign in an output channel must be
at most 128 steps: 255 * 128 = 32,640.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx

from edge_mnist_exporter.audit.audit import WeightPair
from edge_mnist_exporter.formats.onnx_files.graph import OnnxFile, read_attributes

MAX_COMPUTED_PAIR: Final = 256
"""The largest absolute sum of two int8 values of one sign, -128 - 128. It counts for weights that a graph computes."""


def find_largest_pair(file: OnnxFile) -> WeightPair | None:
    """The two weights with the largest sum, which saturate first; None if the file has no int8 weights."""
    return max(_list_pairs(file), key=lambda pair: pair.steps, default=None)


def largest_pairs(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The largest absolute sum of two values of one sign in each row.

    Args:
        rows: Numbers, shape (K, N).

    Returns:
        The sums, shape (K,), of the same dtype. A single value of its sign is paired with 0.
    """
    ordered = np.sort(np.pad(rows, ((0, 0), (0, 2))), axis=1)
    pairs: npt.NDArray[Any] = np.maximum(ordered[:, -2:].sum(1), -ordered[:, :2].sum(1))
    return pairs


def find_channel_axis(node: onnx.NodeProto, index: int, rank: int) -> int | None:
    """Find the output-channel axis of an operation's weights: its input `index`, with `rank` axes.

    Returns:
        The axis; None if no int8 kernel multiplies and sums this input (ConvTranspose has no such kernel).
    """
    if node.op_type == "Conv" and index == 1:
        return 0
    if node.op_type == "Gemm" and index == 1:
        return 0 if read_attributes(node).get("transB", 0) else 1
    if node.op_type == "MatMul" and rank > 1 and index < 2:
        return rank - 2 if index == 0 else rank - 1
    return None


def channels_first(weights: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
    """Reshape weights to one row for each output channel, shape (K, N)."""
    return np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1)


def _list_pairs(file: OnnxFile) -> Iterator[WeightPair]:
    for node in file.nodes:
        for index, name in enumerate(node.input):
            source = file.find_unmoved(name) if name else ""
            if not file.is_made_by(source, "DequantizeLinear"):
                continue
            quantized = file.makers[source].input[0]
            axis = find_channel_axis(node, index, max(len(file.shapes[quantized]), 2))
            if axis is None or file.dtypes[quantized] != "int8":
                continue
            weights = file.stored.get(file.find_unmoved(quantized))
            if weights is None:  # computed in the graph: any two int8 values may meet
                steps = MAX_COMPUTED_PAIR
            elif not weights.size:
                continue
            else:
                # If an operation moves the weights, any two of them may meet in a sum.
                in_place = source == name and quantized in file.stored and weights.ndim > 1
                rows = channels_first(weights, axis) if in_place else weights.reshape(1, -1)
                steps = int(largest_pairs(rows.astype(np.int64)).max())
            yield WeightPair(steps, f"{node.op_type} {node.name or node.output[0]}")
