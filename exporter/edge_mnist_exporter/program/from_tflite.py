"""From a finished int8 TFLite file to the integer program.

Each operator's arithmetic is that of TensorFlow Lite's reference kernels (`kernels/internal/reference/integer_ops`, and
`kernel_util.cc` for multipliers and clamps). Whether the program really gives their integers is proved at every export.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from edge_mnist_exporter.program.other_layers import (
    lower_add,
    lower_concatenation,
    lower_mean,
    lower_pad,
    lower_pool,
    lower_rescaling,
    lower_shape,
    lower_softmax,
)
from edge_mnist_exporter.program.program import Convolution, Operation, Pool, Program, Value, Window, list_sources
from edge_mnist_exporter.program.tflite_nodes import Node, Tensor, read_node, read_tensors
from edge_mnist_exporter.program.weighted_layers import lower_convolution, lower_depthwise
from edge_mnist_exporter.tflite_schema import name_operator, open_tflite
from edge_mnist_runtime.errors import ConversionError

SHAPE_DTYPES: Final = ("int32", "int64")

LOWERINGS: Final[dict[str, Callable[[Node], Operation | Value]]] = {
    "CONV_2D": lower_convolution,
    "DEPTHWISE_CONV_2D": lower_depthwise,
    "FULLY_CONNECTED": lower_convolution,
    "MAX_POOL_2D": lower_pool,
    "AVERAGE_POOL_2D": lower_pool,
    "MEAN": lower_mean,
    "ADD": lower_add,
    "CONCATENATION": lower_concatenation,
    "PAD": lower_pad,
    "PADV2": lower_pad,
    "RESHAPE": lower_shape,
    "SQUEEZE": lower_shape,
    "EXPAND_DIMS": lower_shape,
    "QUANTIZE": lower_rescaling,
    "RELU": lower_rescaling,
    "RELU6": lower_rescaling,
    "SOFTMAX": lower_softmax,
}
"""By TFLite's name."""


def read_program(model: bytes, origin: str) -> Program:
    """Turn an int8 TFLite file into an integer program.

    Raises:
        ConversionError: The file computes in something else than int8, or holds an operator, a stride or a scale that
            the program does not have; the message names it.
    """
    try:
        return _read(model)
    except ConversionError as error:
        raise ConversionError(f"{origin}: {error}; export tflite or onnx instead") from error


def _read(data: bytes) -> Program:
    model = open_tflite(data)
    if len(model.subgraphs) != 1:
        raise ConversionError(f"holds {len(model.subgraphs)} graphs, of which the C program has one")
    graph, tensors, names = model.subgraphs[0], read_tensors(model), _Names()
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise ConversionError("has several inputs or outputs")
    first, last = int(graph.inputs[0]), int(graph.outputs[0])
    tensors[first].require_bytes()
    pixels = _make_value(tensors[first], names.choose("pixels"))
    values = {first: pixels}
    operations: list[Operation] = []
    for raw in graph.operators:
        target = int(raw.outputs[0])
        output, kind = tensors[target], name_operator(model.operatorCodes[raw.opcodeIndex])
        if output.dtype in SHAPE_DTYPES:  # Flatten computes the shape that it makes; the file states it, too
            continue
        if kind not in LOWERINGS:
            raise ConversionError(f"the operator {kind} ({output.name}) is none that the C program has")
        output.require_bytes()
        value = _make_value(output, names.choose(output.name))
        made = LOWERINGS[kind](read_node(raw, model, tensors, values, value))
        if isinstance(made, Value):  # the same bytes in another shape
            values[target] = made
        else:
            values[target] = made.target
            operations.append(made)
    scores = values[last]
    if not operations or scores != operations[-1].target:
        raise ConversionError("gives what its last operation does not make")
    return Program(pixels, scores, float(tensors[last].scale), _fuse_pools(operations))


class _Names:
    """Chooses unique names that C accepts."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def choose(self, tensor_name: str) -> str:
        wanted = re.sub(r"\W+", "_", tensor_name.partition(":")[0], flags=re.ASCII).strip("_").lower() or "value"
        wanted = f"layer_{wanted}" if wanted[0].isdigit() else wanted
        unique, count = wanted, 1
        while unique in self._taken:
            count += 1
            unique = f"{wanted}_{count}"
        self._taken.add(unique)
        return unique


def _make_value(tensor: Tensor, name: str) -> Value:
    """Describe a tensor of one image. Missing leading axes become 1."""
    shape = tensor.shape[1:]
    if not tensor.shape or tensor.shape[0] != 1 or len(shape) > 3:
        raise ConversionError(f"tensor {tensor.name} has the shape {tensor.shape}, not that of one image")
    height, width, channels = (1,) * (3 - len(shape)) + shape
    return Value(name, height, width, channels)


def _fuse_pools(operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """Join a 2 x 2 maximum with the convolution before it, whose results are then never stored."""
    readers = [source.name for operation in operations for source in list_sources(operation)]
    fused: list[Operation] = []
    for operation in operations:
        before = fused[-1] if fused else None
        if (
            isinstance(operation, Pool)
            and operation.kind == "max"
            and operation.window == Window(2, 2, 2, 2)
            and isinstance(before, Convolution)
            and not before.pooled
            and before.height >= 2 * operation.target.height
            and before.width >= 2 * operation.target.width
            and operation.target.width >= 2
            and operation.source == before.target
            and readers.count(before.target.name) == 1
        ):
            clamp = replace(
                before.clamp,
                low=max(before.clamp.low, operation.clamp.low),
                high=min(before.clamp.high, operation.clamp.high),
            )
            fused[-1] = replace(before, target=operation.target, clamp=clamp, pooled=True)
        else:
            fused.append(operation)
    return tuple(fused)
