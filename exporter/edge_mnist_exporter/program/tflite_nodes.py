"""Read the operators of an int8 TFLite file: constants, scales, windows, clamps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from edge_mnist_exporter.program.program import Clamp, Value, Window
from edge_mnist_exporter.tflite_schema import DTYPES, has_data, name_operator, read_scales, read_shape
from edge_mnist_runtime.errors import ConversionError

BYTES: Final = ("int8", "uint8")
"""Dtypes of what operations read and write."""

RELU6_MAX: Final = 6.0

STORED_DTYPES: Final = ("int8", "uint8", "int32", "int64")
"""Dtypes of the constants that operations read."""


@dataclass(frozen=True)
class Tensor:
    """A tensor of the file."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    scales: npt.NDArray[np.float32]
    """Empty for a tensor that is not quantized."""
    zero_points: tuple[int, ...]
    data: npt.NDArray[Any] | None
    """The values that the file stores; None for a tensor that an operation computes."""

    @property
    def scale(self) -> np.float32:
        """The scale of a tensor that has one."""
        found: np.float32 = self.scales[0]
        return found

    @property
    def zero(self) -> int:
        """Zero-point, as a byte of the program: 0..255."""
        return self.zero_points[0] + (128 if self.dtype == "int8" else 0)

    def has_grid_of(self, other: Tensor) -> bool:
        """Whether its bytes stand for the same real values."""
        return (self.scale, self.zero) == (other.scale, other.zero)

    def require_bytes(self) -> None:
        """Raise `ConversionError` unless its values are bytes with one scale."""
        if self.dtype not in BYTES:
            raise ConversionError(f"tensor {self.name} is {self.dtype}; the C program computes in int8")
        if len(self.scales) != 1:
            raise ConversionError(f"tensor {self.name} has {len(self.scales)} scales; the C program reads one")


@dataclass(frozen=True)
class Node:
    """An operator of the file, with the values of the program that it reads and writes."""

    kind: str
    inputs: tuple[Tensor | None, ...]
    output: Tensor
    options: Any
    sources: tuple[Value, ...]
    """The inputs that earlier operations compute."""
    target: Value

    def refuse(self, what: str) -> ConversionError:
        """Make the error that says what the program cannot do here."""
        return ConversionError(f"{self.kind} {self.output.name}: {what}, which the C program does not have")

    @property
    def source(self) -> Value:
        """The only computed input."""
        if len(self.sources) != 1:
            raise self.refuse(f"{len(self.sources)} computed inputs")
        return self.sources[0]

    def input(self, index: int = 0) -> Tensor:
        """An input that must be there."""
        found = self.inputs[index]
        if found is None:
            raise self.refuse(f"no input {index}")
        return found

    def has_input(self, index: int) -> bool:
        """Whether an optional input is there."""
        return index < len(self.inputs) and self.inputs[index] is not None

    def constant(self, index: int) -> npt.NDArray[Any]:
        """The values of a weight, a bias or a list of axes."""
        found = self.inputs[index] if self.has_input(index) else None
        if found is None or found.data is None:
            raise self.refuse(f"an input {index} that is no constant")
        return found.data

    def clamp(self, activation: int | None = None) -> Clamp:
        """`CalculateActivationRangeQuantized` of TensorFlow Lite, in bytes. None: the node's own activation."""
        kinds = schema.ActivationFunctionType
        if activation is None:
            activation = getattr(self.options, "fusedActivationFunction", kinds.NONE)
        zero, scale = self.output.zero, self.output.scale

        def at(real: float) -> int:
            return zero + math.floor(float(np.float32(real) / scale) + 0.5)

        low = {kinds.RELU: zero, kinds.RELU6: zero, kinds.RELU_N1_TO_1: at(-1)}.get(activation, 0)
        high = {kinds.RELU6: at(RELU6_MAX), kinds.RELU_N1_TO_1: at(1)}.get(activation, 255)
        if activation not in (kinds.NONE, kinds.RELU, kinds.RELU6, kinds.RELU_N1_TO_1):
            raise self.refuse("an activation beside ReLU and ReLU6")
        return Clamp(zero, max(0, low), min(255, high))

    def window(self, height: int, width: int) -> Window:
        """How a kernel of this size moves (`ComputePaddingHeightWidth`)."""
        options, source, target = self.options, self.source, self.target
        if (getattr(options, "dilationHFactor", 1), getattr(options, "dilationWFactor", 1)) != (1, 1):
            raise self.refuse("a dilated kernel")
        pads = (0, 0)
        if options.padding == schema.Padding.SAME:
            pads = (
                max(0, (target.height - 1) * options.strideH + height - source.height) // 2,
                max(0, (target.width - 1) * options.strideW + width - source.width) // 2,
            )
        return Window(height, width, options.strideH, options.strideW, *pads)


def read_tensors(model: schema.ModelT) -> list[Tensor]:
    """Read all tensors of a file with one graph."""
    found = []
    for raw in model.subgraphs[0].tensors:
        scales, zero_points = read_scales(raw)
        dtype, shape, buffer = DTYPES[raw.type], read_shape(raw), model.buffers[raw.buffer]
        data = None
        if has_data(buffer) and dtype in STORED_DTYPES:
            data = np.frombuffer(bytes(buffer.data), dtype).reshape(shape)
        found.append(Tensor(raw.name.decode(), dtype, shape, np.asarray(scales, np.float32), zero_points, data))
    return found


def read_node(
    raw: schema.OperatorT, model: schema.ModelT, tensors: Sequence[Tensor], values: dict[int, Value], target: Value
) -> Node:
    """Read one operator. `values` holds what earlier operators compute, by tensor index."""
    return Node(
        name_operator(model.operatorCodes[raw.opcodeIndex]),
        tuple(tensors[index] if index >= 0 else None for index in raw.inputs),
        tensors[raw.outputs[0]],
        raw.builtinOptions,
        tuple(values[index] for index in raw.inputs if index in values),
        target,
    )
