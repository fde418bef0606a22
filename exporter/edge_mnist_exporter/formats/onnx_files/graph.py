"""Read an ONNX file's graph from its bytes: the nodes, and every tensor's dtype and shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from edge_mnist_runtime.contract import TensorSpec
from edge_mnist_runtime.errors import PrecisionProofError, first_line

MOVING_OPS: Final = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Transpose", "Split")
"""Operations that move values without changing them. They may stand between bytes and their dequantizer."""


@dataclass(frozen=True)
class OnnxFile:
    """The content of an ONNX file. All mappings are by tensor name."""

    nodes: tuple[onnx.NodeProto, ...]
    """In the order in which they run, without Constant nodes."""
    operators: list[str]
    """The operator of every node, Constant nodes included."""
    makers: Mapping[str, onnx.NodeProto]
    readers: Mapping[str, list[onnx.NodeProto]]
    stored: Mapping[str, npt.NDArray[Any]]
    """Constants that the file stores."""
    dtypes: Mapping[str, str]
    shapes: Mapping[str, tuple[int, ...]]
    """For a batch of one image."""
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def find_unmoved(self, name: str) -> str:
        """The first tensor that holds the values of this one, before operations that only move them."""
        while name in self.makers and self.makers[name].op_type in MOVING_OPS:
            name = self.makers[name].input[0]
        return name

    def is_input(self, name: str) -> bool:
        """Whether the tensor holds the values of an input of the file, in any order."""
        return self.find_unmoved(name) in {spec.name for spec in self.inputs}

    def is_float(self, name: str) -> bool:
        """Whether the tensor holds floating-point numbers of any width."""
        return "float" in self.dtypes[name]

    def is_made_by(self, name: str, op_type: str) -> bool:
        """Whether the tensor is the result of a node with this operator."""
        return name in self.makers and self.makers[name].op_type == op_type


def read_onnx(data: bytes, file_name: str) -> OnnxFile:
    """Read a file's graph.

    Raises:
        PrecisionProofError: It holds nested graphs (loops, conditions, functions), which may run any number of times.
            Or the dtype or shape of a tensor cannot be inferred.
    """
    model = onnx.load_from_string(data)
    graph = model.graph
    inner = [node for node in graph.node if any(field.HasField("g") or field.graphs for field in node.attribute)]
    if inner or model.functions:
        held = f"{inner[0].op_type} {inner[0].name}" if inner else f"function {model.functions[0].name}"
        raise PrecisionProofError(f"{file_name}: {held} holds a graph of its own; its precision cannot be proved")
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    stored |= {node.output[0]: _read_constant(node) for node in graph.node if node.op_type == "Constant"}
    dtypes, shapes = _infer(model, stored, file_name)
    nodes = tuple(node for node in graph.node if node.op_type != "Constant")
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in nodes:
        for name in dict.fromkeys(node.input):
            readers.setdefault(name, []).append(node)
    return OnnxFile(
        nodes,
        [node.op_type for node in graph.node],
        {output: node for node in nodes for output in node.output},
        readers,
        stored,
        dtypes,
        shapes,
        tuple(_read_spec(value) for value in graph.input if value.name not in stored),
        tuple(_read_spec(value) for value in graph.output),
    )


def follow(graph: onnx.GraphProto, name: str, *op_types: str) -> list[onnx.NodeProto] | None:
    """The nodes of these operators behind a tensor, each the only reader of the one before; None if it differs."""
    nodes = []
    for op_type in op_types:
        users = [node for node in graph.node if name in node.input]
        if len(users) != 1 or users[0].op_type != op_type:
            return None
        nodes.append(users[0])
        name = users[0].output[0]
    return nodes


def read_attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """The attributes of a node, without defaults."""
    return {field.name: helper.get_attribute_value(field) for field in node.attribute}


def _infer(
    model: onnx.ModelProto, stored: Mapping[str, npt.NDArray[Any]], file_name: str
) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
    """Dtype and shape of every tensor, for a batch of one image."""
    single = onnx.ModelProto()
    single.CopyFrom(model)
    for value in single.graph.input:
        if value.name not in stored and value.type.tensor_type.shape.dim:
            value.type.tensor_type.shape.dim[0].dim_value = 1
    # The shapes recorded in a file are for a free batch, and may be wrong.
    del single.graph.value_info[:]
    for value in single.graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        inferred = onnx.shape_inference.infer_shapes(single, strict_mode=True, data_prop=True).graph
    except Exception as error:  # onnx raises its own InferenceError, and others on unexpected input
        raise PrecisionProofError(f"{file_name}: its tensors' shapes are not known ({first_line(error)})") from error
    dtypes = {name: values.dtype.name for name, values in stored.items()}
    shapes = {name: values.shape for name, values in stored.items()}
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        tensor = value.type.tensor_type
        dtypes[value.name] = _name_dtype(tensor.elem_type)
        if tensor.HasField("shape") and all(size.HasField("dim_value") for size in tensor.shape.dim):
            shapes[value.name] = tuple(size.dim_value for size in tensor.shape.dim)
    for node in single.graph.node:
        for name in (*filter(None, node.input), *filter(None, node.output)):
            if name not in dtypes or name not in shapes:
                raise PrecisionProofError(f"{file_name}: shape of {name} at {node.op_type} {node.name} is not known")
    return dtypes, shapes


def _read_constant(node: onnx.NodeProto) -> npt.NDArray[Any]:
    """The value of a Constant node, stored as a tensor or as plain numbers."""
    ((name, value),) = read_attributes(node).items()
    if name == "value":
        return numpy_helper.to_array(value)
    return np.array(value, np.float32 if name.startswith("value_float") else np.int64)


def _read_spec(value: onnx.ValueInfoProto) -> TensorSpec:
    tensor = value.type.tensor_type
    shape = tuple(axis.dim_param or axis.dim_value for axis in tensor.shape.dim)
    return TensorSpec(value.name, _name_dtype(tensor.elem_type), shape)


def _name_dtype(elem_type: int) -> str:
    return str(np.dtype(helper.tensor_dtype_to_np_dtype(elem_type)).name)
