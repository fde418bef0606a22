"""Prove the precision of a TFLite graph, or find the first tensor or operation that breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from edge_mnist_exporter.audit.graph import Graph, Tensor
from edge_mnist_exporter.formats.tflite_files.graph import QUANTIZERS

MIN_DYNAMIC_VALUES: Final = 1024
"""The converter's dynamic-range quantization leaves kernels with fewer values in float."""


@dataclass(frozen=True)
class _Dtypes:
    """The dtypes that tensors of a file may have.

    int32 and int64 (biases, shapes, axes) and bool (results of comparisons) are always allowed.
    """

    computed: frozenset[str]
    stored: frozenset[str]
    signature: frozenset[str]
    """Allowed for inputs and outputs too, beside `computed`."""


def _dtypes(computed: str, stored: str, signature: str) -> _Dtypes:
    return _Dtypes(*(frozenset((*names.split(), "int32", "int64", "bool")) for names in (computed, stored, signature)))


ALLOWED: Final = {
    "fp32": _dtypes("float32", "float32", "uint8 int8"),
    "fp16": _dtypes("float32", "float32 float16", "uint8 int8"),
    "dynamic": _dtypes("float32", "float32 int8", "uint8 int8"),
    "mixed": _dtypes("float32 int8", "float32 int8", "uint8"),
    "int8": _dtypes("int8", "int8", "uint8 float32"),
    "int16x8": _dtypes("int16", "int8 int16", "float32"),
}


def find_problem(graph: Graph, precision: str) -> str | None:
    """Find why the graph does not have a precision, as a phrase that names a tensor or operation; None if it has."""
    return next(_find_problems(graph, precision), None)


def _find_problems(graph: Graph, precision: str) -> Iterator[str]:
    yield from _find_foreign_tensors(graph, ALLOWED[precision])
    if not graph.layers:
        yield "no operation in it has weights"
    yield from PROOFS[precision](graph)


def _find_foreign_tensors(graph: Graph, allowed: _Dtypes) -> Iterator[str]:
    signature = {*graph.inputs, *graph.outputs}
    for tensor in graph.tensors:
        here = allowed.stored if tensor.stored else allowed.computed
        if tensor.dtype not in here and not (tensor in signature and tensor.dtype in allowed.signature):
            yield _describe_foreign(graph, tensor)


def _describe_foreign(graph: Graph, tensor: Tensor) -> str:
    """Describe a tensor of another dtype by the operation that computes with it, quantizers aside."""
    for operation in () if tensor.stored else graph.operations:
        if operation.kind not in QUANTIZERS and tensor in (*operation.inputs, *operation.outputs):
            return f"{operation.title} computes with {tensor.dtype} (tensor {tensor.name})"
    return f"tensor {tensor.name} is {tensor.dtype}"


def _prove_fp32(graph: Graph) -> Iterator[str]:
    yield from graph.find_other_arithmetic("float")


def _prove_fp16(graph: Graph) -> Iterator[str]:
    """Kernels are stored as float16 and unpacked to float32 before an operation reads them."""
    for operation in graph.operations:
        for tensor in operation.inputs:
            if tensor.dtype == "float16" and operation.kind != "DEQUANTIZE":
                yield f"{operation.title} reads {tensor.name} as float16"
    for layer, kernel in zip(graph.layers, graph.kernels, strict=True):
        if kernel.dtype != "float16":
            yield f"{layer.title} has {kernel.dtype} weights"
    yield from graph.find_other_arithmetic("float")


def _prove_dynamic(graph: Graph) -> Iterator[str]:
    """Large kernels are stored as int8, and all activations are float."""
    kernels = graph.kernels
    for tensor in graph.tensors:
        if tensor.stored and tensor.dtype == "int8" and tensor not in kernels:
            yield f"tensor {tensor.name} is int8, but not a kernel"
    for layer, kernel in zip(graph.layers, kernels, strict=True):
        if kernel.dtype != "int8" and kernel.n_values >= MIN_DYNAMIC_VALUES:
            yield f"{layer.title} has {kernel.n_values:,} weights in {kernel.dtype}"
    if kernels and not any(kernel.dtype == "int8" for kernel in kernels):
        largest = max(kernels, key=lambda kernel: kernel.n_values)
        yield (
            f"the network is too small for it (the converter leaves kernels of fewer than {MIN_DYNAMIC_VALUES:,} "
            f"values in float, and the largest, {largest.name}, has {largest.n_values:,})"
        )


def _prove_int8(graph: Graph) -> Iterator[str]:
    yield from _find_unquantized_signature(graph)
    yield from graph.find_other_arithmetic("int8")


def _prove_int16x8(graph: Graph) -> Iterator[str]:
    yield from _find_unquantized_signature(graph)
    for tensor in graph.tensors:
        if tensor.dtype == "int16" and any(tensor.zero_points):
            yield f"tensor {tensor.name} has zero-point {next(filter(None, tensor.zero_points))}, not 0"
    yield from graph.find_other_arithmetic("int16x8")


def _prove_mixed(graph: Graph) -> Iterator[str]:
    """Some operations compute in int8, at least one of them with weights, and others in float."""
    yield from graph.find_other_arithmetic("int8", "float")
    found = {graph.find_arithmetic(layer) for layer in graph.layers}
    if found == {"float"} or find_problem(graph, "int8") is None:
        yield f"{graph.layers[0].title} and all other operations with weights compute in {found.pop()}"


def _find_unquantized_signature(graph: Graph) -> Iterator[str]:
    """Find float inputs and outputs that an operation other than a quantizer reads or writes."""
    floats = {tensor for tensor in (*graph.inputs, *graph.outputs) if tensor.is_float}
    for operation in graph.operations:
        reads, writes = floats.intersection(operation.inputs), floats.intersection(operation.outputs)
        if (reads and operation.kind != "QUANTIZE") or (writes and operation.kind != "DEQUANTIZE"):
            tensor: Tensor = (reads or writes).pop()
            yield f"tensor {tensor.name} is {tensor.dtype}, and {operation.kind} computes with it"


PROOFS: Final[dict[str, Callable[[Graph], Iterator[str]]]] = {
    "fp32": _prove_fp32,
    "fp16": _prove_fp16,
    "dynamic": _prove_dynamic,
    "mixed": _prove_mixed,
    "int8": _prove_int8,
    "int16x8": _prove_int16x8,
}
"""Generators of further problems by precision, once all dtypes are allowed ones."""
