"""Proof of an ONNX file's precision, from its graph alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import onnx

from edge_mnist_runtime.errors import PrecisionProofError
from edge_mnist_runtime.manifest import TensorSpec

WEIGHTED_OPS: Final = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Operations that multiply by weights: what int8 is about."""

FLOAT_OPS: Final = ("Softmax",)
"""The only operation of an int8 file that may read and write plain float32."""

TRANSPARENT_OPS: Final = ("Reshape", "Transpose", "Squeeze", "Flatten")
"""Operations that move values without changing them, and so may stand between bytes and their dequantizer."""


def prove_precision(
    data: bytes, precision: str, file_name: str
) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Prove the file's precision, and read its inputs and outputs.

    int8: every operation but the softmax reads quantized tensors, and every weight is stored as int8.
    fp32: every weight is stored as float32, and nothing is quantized.

    Raises:
        PrecisionProofError: It does not hold; the message names the first operation that breaks it.
    """
    graph = onnx.load_from_string(data).graph
    problem = _int8_problem(graph) if precision == "int8" else _fp32_problem(graph)
    if problem:
        raise PrecisionProofError(f"{file_name}: {problem}, so the file is not {precision}")
    inputs, outputs = _ends(graph)
    if precision == "int8" and (inputs[0].zero_point != 0 or abs((inputs[0].scale or 0) * 255 - 1) > 1e-6):
        raise PrecisionProofError(f"{file_name}: input scale {inputs[0].scale} is not 1/255: pixels would be misread")
    return inputs, outputs


def _int8_problem(graph: onnx.GraphProto) -> str | None:
    makers = {output: node for node in graph.node for output in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear", *FLOAT_OPS):
            continue
        if node.op_type in TRANSPARENT_OPS and _is_quantized(node.input[0], graph, makers):
            continue
        for name in node.input:
            if name in constants and constants[name].data_type == onnx.TensorProto.FLOAT:
                return f"{node.op_type} {node.name} reads the float32 constant {name}"
            maker = makers.get(name)
            if name and name not in constants and (maker is None or maker.op_type != "DequantizeLinear"):
                return f"{node.op_type} {node.name} reads {name}, which is not quantized"
        if node.op_type in WEIGHTED_OPS:
            stored = constants.get(makers[node.input[1]].input[0]) if node.input[1] in makers else None
            if stored is None or stored.data_type != onnx.TensorProto.INT8:
                return f"{node.op_type} {node.name} has no int8 weights"
    if not any(node.op_type in WEIGHTED_OPS for node in graph.node):
        return "no operation in it has weights"
    return None


def _fp32_problem(graph: onnx.GraphProto) -> str | None:
    for node in graph.node:
        if "Quantize" in node.op_type or "Integer" in node.op_type or node.op_type.startswith("QLinear"):
            return f"{node.op_type} {node.name} quantizes"
    kinds = {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64, onnx.TensorProto.INT32}
    for tensor in graph.initializer:
        if tensor.data_type not in kinds:
            return f"constant {tensor.name} is {onnx.TensorProto.DataType.Name(tensor.data_type).lower()}"
    return None


def _unmoved(name: str, makers: Mapping[str, onnx.NodeProto]) -> str:
    """The tensor whose values this one holds in another order."""
    while name in makers and makers[name].op_type in TRANSPARENT_OPS:
        name = makers[name].input[0]
    return name


def _is_quantized(name: str, graph: onnx.GraphProto, makers: Mapping[str, onnx.NodeProto]) -> bool:
    """Whether the tensor holds 8-bit values: those of the input or of a quantizer, moved about or not."""
    maker = makers.get(_unmoved(name, makers))
    return _is_bytes(name, graph, makers) or (maker is not None and maker.op_type == "QuantizeLinear")


def _is_bytes(name: str, graph: onnx.GraphProto, makers: Mapping[str, onnx.NodeProto]) -> bool:
    """Whether the tensor is the uint8 input, or the input moved about."""
    name = _unmoved(name, makers)
    return bool(name == graph.input[0].name and graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8)


def _ends(graph: onnx.GraphProto) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    makers = {output: node for node in graph.node for output in node.output}
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    scale = zero_point = None
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and _is_bytes(node.input[0], graph, makers):
            scale, zero_point = float(np.float32(values[node.input[1]])), int(values[node.input[2]])
    inputs = tuple(_spec(value, scale, zero_point) for value in graph.input)
    return inputs, tuple(_spec(value, None, None) for value in graph.output)


def _spec(value: onnx.ValueInfoProto, scale: float | None, zero_point: int | None) -> TensorSpec:
    tensor = value.type.tensor_type
    dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)).name
    shape = tuple(axis.dim_param or axis.dim_value for axis in tensor.shape.dim)
    return TensorSpec(value.name, dtype, shape, scale, zero_point)
