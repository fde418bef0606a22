"""The graph of a model file in the form that the audits of both formats share: tensors, operations, weights.

The module of each format reads its files into this form. Quantized ONNX operations, which a file stores as float
operations between quantizers, are fused: operations on bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from edge_mnist_exporter.audit.memory_plan import Buffer

FLOAT_DTYPES: Final = ("float16", "bfloat16", "float32", "float64")

ARITHMETIC: Final = {
    ("uint8", "int8"): "int8",
    ("int8", "int8"): "int8",
    ("int16", "int8"): "int16x8",
    ("float32", "float32"): "float",
    ("float32", "int8"): "dynamic",
}
"""Name of the arithmetic by the dtypes of activations and weights."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """One tensor. Tensors compare by identity, because names may repeat."""

    name: str
    dtype: str
    """NumPy's name, where it has one: `uint8`, `float32`, ..."""
    shape: tuple[int, ...]
    """Sizes for a batch of one image."""
    stored: bool = False
    """Whether the file holds its values: weights, but also shapes and axes."""
    n_scales: int = 0
    """Number of quantization scales: none, one, or one for each channel."""
    zero_points: tuple[int, ...] = ()

    @property
    def is_float(self) -> bool:
        """Whether its values are floating-point numbers of any width."""
        return self.dtype in FLOAT_DTYPES

    @property
    def n_values(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Memory of its values."""
        return self.n_values * np.dtype(self.dtype).itemsize


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation."""

    kind: str
    """The format's operator: `CONV_2D`, `Conv`."""
    name: str
    """Its own name, else the name of its output tensor."""
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    data: Tensor | None = None
    """The activations that the kernel multiplies; None for an operation without weights."""
    kernel: Tensor | None = None
    """The weights in the form that the operation reads; None for an operation without weights."""
    bias: Tensor | None = None
    macs: int = 0
    """Multiply-accumulates for one image."""
    overwrites: Tensor | None = None
    """The input whose memory the result reuses, if any."""

    @property
    def title(self) -> str:
        """Operator and name, for messages."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, eq=False)
class Graph:
    """One graph, with its operations in the order in which they run."""

    operations: tuple[Operation, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """Every tensor once, inputs first, then in the order of first use."""
        used = (tensor for operation in self.operations for tensor in (*operation.inputs, *operation.outputs))
        return tuple(dict.fromkeys((*self.inputs, *used)))

    @property
    def layers(self) -> tuple[Operation, ...]:
        """The operations that multiply by weights."""
        return tuple(operation for operation in self.operations if operation.kernel is not None)

    @cached_property
    def sources(self) -> dict[Tensor, Tensor]:
        """Map every tensor that depends only on stored ones to its stored tensor; a stored tensor maps to itself."""
        sources = {tensor: tensor for tensor in self.tensors if tensor.stored}
        for operation in self.operations:
            if operation.inputs and all(tensor in sources for tensor in operation.inputs):
                sources |= dict.fromkeys(operation.outputs, sources[operation.inputs[0]])
        return sources

    @property
    def activations(self) -> tuple[Tensor, ...]:
        """Every tensor that depends on the image."""
        return tuple(tensor for tensor in self.tensors if tensor not in self.sources)

    @property
    def unpacked(self) -> tuple[Tensor, ...]:
        """Every tensor computed only from stored ones: weights in the form that operations read."""
        return tuple(tensor for tensor in self.tensors if tensor in self.sources and not tensor.stored)

    @property
    def kernels(self) -> tuple[Tensor, ...]:
        """The stored kernel of each layer."""
        return tuple(self.sources[layer.kernel] for layer in self.layers if layer.kernel in self.sources)

    @property
    def weights(self) -> tuple[Tensor, ...]:
        """Every stored tensor that is learned, as defined by `GraphAudit.weights_bytes`."""
        biases = (self.sources[layer.bias] for layer in self.layers if layer.bias in self.sources)
        learned = {*self.kernels, *biases}
        return tuple(
            tensor
            for tensor in self.tensors
            if tensor.stored and (tensor in learned or (tensor.shape and (tensor.is_float or tensor.n_scales)))
        )

    def find_arithmetic(self, layer: Operation) -> str:
        """The arithmetic of a layer: `int8`, `int16x8`, `float`, `dynamic` (float by int8), or its two dtypes."""
        data, kernel = layer.data, layer.kernel
        if data is None or kernel is None:
            raise ValueError(f"{layer.kind} {layer.name} has no weights")
        dtypes = (data.dtype, kernel.dtype)
        return ARITHMETIC.get(dtypes, " x ".join(dtypes))

    def find_other_arithmetic(self, *expected: str) -> Iterator[str]:
        """Describe each layer that computes in another arithmetic."""
        for layer in self.layers:
            found = self.find_arithmetic(layer)
            if found not in expected:
                yield f"{layer.title} computes in {found}"

    def list_buffers(self) -> Iterator[Buffer]:
        """The memory of activations and when each is used: inputs first, then in the order of computation.

        Inputs are in use from the start, outputs to the end.
        """
        last = len(self.operations) - 1
        lives: dict[Tensor, list[int]] = {tensor: [0] for tensor in self.inputs}
        owners: dict[Tensor, Tensor] = {tensor: tensor for tensor in self.inputs}
        activations = set(self.activations)
        for number, operation in enumerate(self.operations):
            for tensor in operation.outputs:
                shared = operation.overwrites
                owners[tensor] = tensor if shared is None else owners[shared]
            for tensor in (*operation.inputs, *operation.outputs):
                if tensor in activations:
                    lives.setdefault(owners[tensor], []).append(number)
        for tensor in self.outputs:
            lives[owners[tensor]].append(last)
        return (Buffer(min(uses), max(uses), tensor.size_bytes) for tensor, uses in lives.items())
