"""Remove needless operations that tf2onnx and onnxruntime's quantizer leave in a graph."""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from edge_mnist_exporter.formats.onnx_files.graph import follow
from edge_mnist_exporter.formats.onnx_files.tensors import TensorReader

FREE: Final = -1
"""A size that depends on the batch, as a Reshape's target states it."""

BROADCASTING_OPS: Final = ("Add", "Sub", "Mul", "MatMul")
"""Operations that broadcast one row to the batch of the other input."""


def fix_shapes(model: onnx.ModelProto) -> None:
    """Replace shapes and initial states that are computed from the batch size by constants.

    tf2onnx computes the shape for Keras's Flatten, and the initial state of a recurrent layer, with Shape, Gather and
    Concat. These run at every call and cannot be int8. Tensors with a second free size are left alone.
    """
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    constants |= {node.output[0]: np.empty(0) for node in graph.node if node.op_type == "Constant"}
    computed = [node for node in graph.node if node.op_type in ("Reshape", "Expand") and node.input[1] not in constants]
    for number, (node, sizes) in enumerate(zip(computed, _measure_sizes(model, computed), strict=True)):
        if sizes.count(FREE) > 1:
            continue
        readers = [reader for reader in graph.node if node.output[0] in reader.input]
        if node.op_type == "Reshape":
            name = f"fixed_shape_{number}"
            graph.initializer.append(numpy_helper.from_array(np.array(sizes, np.int64), name))
            node.input[1] = name
        elif node.input[0] in constants and all(reader.op_type in BROADCASTING_OPS for reader in readers):
            row = np.broadcast_to(constants[node.input[0]], [1 if size == FREE else size for size in sizes])
            graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(row), node.output[0]))
            graph.node.remove(node)
    drop_unused(graph)


def _measure_sizes(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> list[list[int]]:
    """Measure the output sizes of nodes with two batch sizes; FREE if they differ."""
    if not nodes:
        return []
    reader = TensorReader(model, [node.output[0] for node in nodes])
    (image,) = model.graph.input
    dtype = helper.tensor_dtype_to_np_dtype(image.type.tensor_type.elem_type)
    others = [dim.dim_value for dim in image.type.tensor_type.shape.dim][1:]
    two, three = (reader.read(np.zeros((n_images, *others), dtype)) for n_images in (2, 3))
    return [
        [size if size == other else FREE for size, other in zip(one.shape, another.shape, strict=True)]
        for one, another in zip(two, three, strict=True)
    ]


def free_logits(graph: onnx.GraphProto) -> None:
    """Remove the quantizer between the last layer and the softmax: quantized logits would lose precision."""
    makers = {output: node for node in graph.node for output in node.output}
    for softmax in [node for node in graph.node if node.op_type == "Softmax"]:
        dequantize = makers.get(softmax.input[0])
        quantize = makers.get(dequantize.input[0]) if dequantize is not None else None
        if dequantize is None or quantize is None:
            continue
        if (quantize.op_type, dequantize.op_type) == ("QuantizeLinear", "DequantizeLinear"):
            softmax.input[0] = quantize.input[0]
    drop_unused(graph)


def view_averages(graph: onnx.GraphProto) -> None:
    """Replace the squeeze of a quantized global average by a view of the same bytes.

    onnxruntime averages channels-last. A squeeze needs channels-first, and a second quantizer follows it. Without the
    view, a call takes 1 % (edge), 2 % (nano) and 2 % (robust) longer. Those are medians of session.run, 1 thread, on
    AMD EPYC with VNNI.
    """
    makers = {output: node for node in graph.node for output in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for squeeze in [node for node in graph.node if node.op_type == "Squeeze" and len(node.input) == 2]:
        before = _trace_back(makers, squeeze.input[0], "DequantizeLinear", "QuantizeLinear", "GlobalAveragePool")
        after = follow(graph, squeeze.output[0], "QuantizeLinear", "DequantizeLinear")
        axes = constants.get(squeeze.input[1])
        if not before or not after or axes is None or numpy_helper.to_array(axes).tolist() != [2, 3]:
            continue
        quantizer, (requantizer, dequantizer) = before[1], after
        if quantizer.input[1:] != requantizer.input[1:]:  # another scale, so other bytes
            continue
        last, flat, shape = (f"{quantizer.output[0]}_{ending}" for ending in ("last", "flat", "shape"))
        graph.initializer.append(numpy_helper.from_array(np.array([0, -1], np.int64), shape))
        dequantizer.input[0] = flat
        place = next(index for index, node in enumerate(graph.node) if node is squeeze)
        graph.node.insert(place, helper.make_node("Reshape", [last, shape], [flat]))
        graph.node.insert(place, helper.make_node("Transpose", [quantizer.output[0]], [last], perm=[0, 2, 3, 1]))
    drop_unused(graph)


def _trace_back(makers: dict[str, onnx.NodeProto], name: str, *op_types: str) -> list[onnx.NodeProto]:
    """The chain of nodes that made a tensor, last one first; empty if their operators are not `op_types`."""
    nodes: list[onnx.NodeProto] = []
    for op_type in op_types:
        node = makers.get(name)
        if node is None or node.op_type != op_type:
            return []
        nodes.append(node)
        name = node.input[0]
    return nodes


def store_as_float16(graph: onnx.GraphProto) -> None:
    """Store every float32 constant as float16, with a Cast to float32 behind it; arithmetic stays float32."""
    casts = []
    for tensor in [tensor for tensor in graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT]:
        stored = f"{tensor.name}_float16"
        casts.append(helper.make_node("Cast", [stored], [tensor.name], to=onnx.TensorProto.FLOAT))
        values = numpy_helper.to_array(tensor).astype(np.float16)
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(values, stored))
    nodes = [*casts, *(onnx.NodeProto.FromString(node.SerializeToString()) for node in graph.node)]
    del graph.node[:]
    graph.node.extend(nodes)


def drop_unused(graph: onnx.GraphProto) -> None:
    """Remove nodes and constants that no output depends on."""
    makers = {output: node for node in graph.node for output in node.output}
    needed: set[str] = set()
    waiting = [value.name for value in graph.output]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += makers[name].input if name in makers else ()
    for node in [node for node in graph.node if needed.isdisjoint(node.output)]:
        graph.node.remove(node)
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in needed]:
        graph.initializer.remove(tensor)
