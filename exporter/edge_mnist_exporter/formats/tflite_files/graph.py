"""Read a TFLite file's graph from its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ai_edge_litert import schema_py_generated as schema

from edge_mnist_exporter.audit.graph import Graph, Operation, Tensor
from edge_mnist_exporter.tflite_schema import DTYPES, has_data, name_operator, open_tflite, read_scales, read_shape
from edge_mnist_runtime.contract import TensorSpec
from edge_mnist_runtime.errors import PrecisionProofError

QUANTIZERS: Final = ("QUANTIZE", "DEQUANTIZE")
"""Operations that only quantized files have, at their input and output."""


@dataclass(frozen=True)
class _Slots:
    """Indices of activations, kernel and bias among the inputs of an operation."""

    data: int
    kernel: int
    bias: int | None
    channels: int
    """The kernel's channel axis, for counting MACs: each output value (input value, for a transposed convolution) uses
    one slice across it."""


SLOTS: Final = {
    "CONV_2D": _Slots(0, 1, 2, channels=0),
    "CONV_3D": _Slots(0, 1, 2, channels=-1),
    "DEPTHWISE_CONV_2D": _Slots(0, 1, 2, channels=-1),
    "TRANSPOSE_CONV": _Slots(2, 1, 3, channels=-1),
    "FULLY_CONNECTED": _Slots(0, 1, 2, channels=0),
    "BATCH_MATMUL": _Slots(0, 1, None, channels=-1),
}
"""The operations that multiply by weights."""


@dataclass(frozen=True)
class TFLiteFile:
    """The content of a TFLite file."""

    graph: Graph
    operators: list[str]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


def read_tflite(data: bytes, file_name: str) -> TFLiteFile:
    """Read the graph of a file.

    Raises:
        PrecisionProofError: The file holds several graphs (loops, conditions), which may run any number of times.
    """
    model = open_tflite(data)
    if len(model.subgraphs) != 1:
        raise PrecisionProofError(
            f"{file_name}: holds {len(model.subgraphs)} graphs (loops or conditions); its precision cannot be proved"
        )
    content = model.subgraphs[0]
    # A tensor without data is computed. All such tensors share the empty buffer 0.
    tensors = [_read_tensor(tensor, stored=has_data(model.buffers[tensor.buffer])) for tensor in content.tensors]
    operators = [name_operator(model.operatorCodes[operation.opcodeIndex]) for operation in content.operators]
    constants = {tensor for tensor in tensors if tensor.stored}
    operations = []
    for kind, raw in zip(operators, content.operators, strict=True):
        made = _read_operation(kind, raw, tensors, constants)
        if made.inputs and constants.issuperset(made.inputs):
            constants.update(made.outputs)
        operations.append(made)
    inputs, outputs = (tuple(tensors[index] for index in indices) for indices in (content.inputs, content.outputs))
    return TFLiteFile(
        Graph(tuple(operations), inputs, outputs),
        operators,
        tuple(_read_spec(content.tensors[index]) for index in content.inputs),
        tuple(_read_spec(content.tensors[index]) for index in content.outputs),
    )


def _read_operation(kind: str, raw: schema.OperatorT, tensors: Sequence[Tensor], constants: set[Tensor]) -> Operation:
    inputs = tuple(tensors[index] for index in raw.inputs if index >= 0)  # -1 marks an absent optional input
    outputs = tuple(tensors[index] for index in raw.outputs)
    slots = SLOTS.get(kind)
    if slots is None:
        return Operation(kind, outputs[0].name if outputs else kind, inputs, outputs)
    data, kernel = tensors[raw.inputs[slots.data]], tensors[raw.inputs[slots.kernel]]
    if kind == "BATCH_MATMUL":
        depth = data.shape[-2 if raw.builtinOptions.adjX else -1]
    else:
        depth = kernel.n_values // kernel.shape[slots.channels]
    macs = depth * (data if kind == "TRANSPOSE_CONV" else outputs[0]).n_values
    if kernel not in constants:  # the product of two activations, as in attention
        return Operation(kind, outputs[0].name, inputs, outputs, macs=macs)
    has_bias = slots.bias is not None and slots.bias < len(raw.inputs) and raw.inputs[slots.bias] >= 0
    bias = tensors[raw.inputs[slots.bias]] if has_bias else None
    return Operation(kind, outputs[0].name, inputs, outputs, data=data, kernel=kernel, bias=bias, macs=macs)


def _read_tensor(tensor: schema.TensorT, *, stored: bool) -> Tensor:
    scales, zero_points = read_scales(tensor)
    return Tensor(tensor.name.decode(), DTYPES[tensor.type], read_shape(tensor), stored, len(scales), zero_points)


def _read_spec(tensor: schema.TensorT) -> TensorSpec:
    scales, zero_points = read_scales(tensor)
    return TensorSpec(
        tensor.name.decode(),
        DTYPES[tensor.type],
        read_shape(tensor),
        scales[0] if scales else None,
        zero_points[0] if scales else None,
    )
