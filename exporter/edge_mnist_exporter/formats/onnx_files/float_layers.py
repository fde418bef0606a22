"""Keep onnxruntime from quantizing the float layers of a mixed file.

When onnxruntime loads a file, it quantizes float weights of Conv, ConvTranspose and Gemm to 8 bits if a dequantizer is
before the layer and a quantizer behind it (its optimization WeightBiasQuantization, since version 1.21). The layer then
computes in int8, with one scale for all channels, and its sums can saturate.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edge_mnist_exporter.formats.onnx_files.graph import MOVING_OPS

QUANTIZABLE_OPS: Final = ("Conv", "ConvTranspose", "Gemm")
"""Operations whose float weights onnxruntime quantizes."""

PASSING_OPS: Final = (*MOVING_OPS, "MaxPool", "Slice")
"""Operations through which onnxruntime moves a dequantizer down to its reader."""

LOWEST: Final = "lowest_float32"


def find_unguarded(nodes: Sequence[onnx.NodeProto], constants: Collection[str]) -> Iterator[onnx.NodeProto]:
    """The layers with float weights that onnxruntime may quantize. `constants`: names of stored tensors."""
    makers = {output: node for node in nodes for output in node.output}
    for node in nodes:
        if node.op_type not in QUANTIZABLE_OPS or node.input[1] not in constants:
            continue
        maker = makers.get(node.input[0])
        while maker is not None and maker.op_type in PASSING_OPS:
            maker = makers.get(maker.input[0])
        if maker is not None and maker.op_type == "DequantizeLinear":
            yield node


def guard_float_layers(graph: onnx.GraphProto) -> None:
    """Put a Clip without effect before each layer that `find_unguarded` finds: a dequantizer does not pass it."""
    for node in [*find_unguarded(graph.node, {tensor.name for tensor in graph.initializer})]:
        if LOWEST not in {tensor.name for tensor in graph.initializer}:
            graph.initializer.append(numpy_helper.from_array(np.array(np.finfo(np.float32).min), LOWEST))
        clipped = f"{node.output[0]}_input"
        place = next(index for index, other in enumerate(graph.node) if other is node)
        graph.node.insert(place, helper.make_node("Clip", [node.input[0], LOWEST], [clipped], name=f"{clipped}_Clip"))
        node.input[0] = clipped
