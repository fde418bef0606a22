"""Prove the precision of an ONNX graph, or find the first tensor or operation that breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import onnx

from edge_mnist_exporter.audit.graph import Graph
from edge_mnist_exporter.formats.onnx_files.float_layers import find_unguarded
from edge_mnist_exporter.formats.onnx_files.fusion import SLOTS
from edge_mnist_exporter.formats.onnx_files.graph import MOVING_OPS, OnnxFile

FLOAT_OPS: Final = ("Softmax",)
"""The only operation of an int8 file that may read and write plain float32."""

BOUNDED_OPS: Final = ("Clip",)
"""Operations whose inputs after the first are bounds, which need no quantization."""

PLAIN_DTYPES: Final = ("float32", "int32", "int64", "bool")
"""Dtypes of tensors in a file without quantization; the integers are shapes and axes."""

BYTES: Final = ("uint8", "int8")


def find_problem(file: OnnxFile, graph: Graph, precision: str) -> str | None:
    """Find why a file does not have a precision, as a phrase that names a tensor or operation; None if it has.

    `graph` is the fused graph of the file, and `precision` one of `PROOFS`.
    """
    return next(_find_problems(file, graph, precision), None)


def _find_problems(file: OnnxFile, graph: Graph, precision: str) -> Iterator[str]:
    yield from PROOFS[precision](file, graph)
    if not graph.layers:
        yield "no operation in it has weights"


def _prove_fp32(file: OnnxFile, graph: Graph) -> Iterator[str]:
    yield from _find_quantizing(file)
    for name, values in file.stored.items():
        if values.dtype.name not in PLAIN_DTYPES:
            yield f"constant {name} is {values.dtype.name}"
    yield from _find_foreign_results(file, PLAIN_DTYPES)
    yield from graph.find_other_arithmetic("float")


def _prove_fp16(file: OnnxFile, graph: Graph) -> Iterator[str]:
    """Weights are stored as float16 and cast to float32 before an operation reads them."""
    yield from _find_quantizing(file)
    for name, values in file.stored.items():
        dtype = values.dtype.name
        if dtype not in (*PLAIN_DTYPES, "float16"):
            yield f"constant {name} is {dtype}"
        for node in file.readers.get(name, ()):
            if dtype == "float32" and values.size > 1:  # a single number is a bound or a factor, not a weight
                yield f"{_title(node)} reads the float32 constant {name}"
            if dtype == "float16" and node.op_type != "Cast":
                yield f"{_title(node)} reads {name} as float16"
    yield from _find_foreign_results(file, PLAIN_DTYPES)
    for layer, kernel in zip(graph.layers, graph.kernels, strict=True):
        if kernel.dtype != "float16":
            yield f"{layer.title} has {kernel.dtype} weights"
    yield from graph.find_other_arithmetic("float")


def _prove_int8(file: OnnxFile, graph: Graph) -> Iterator[str]:
    """Every operation but the softmax reads quantized tensors, and every weight is stored as int8."""
    for node in file.nodes:
        yield from _find_wide_quantizer(file, node)
        if node.op_type in ("QuantizeLinear", "DequantizeLinear", *FLOAT_OPS):
            continue
        for name in filter(None, node.input[:1] if node.op_type in BOUNDED_OPS else node.input):
            # A float input may be moved before it is quantized.
            is_moved_input = node.op_type in MOVING_OPS and file.is_input(name)
            if not file.is_float(name) or file.is_made_by(name, "DequantizeLinear") or is_moved_input:
                continue
            if name in file.stored:
                yield f"{_title(node)} reads the {file.dtypes[name]} constant {name}"
            yield f"{_title(node)} reads {name}, which is not quantized"
        if node.op_type in SLOTS:
            kernel = file.makers[node.input[1]].input[0] if node.input[1] in file.makers else node.input[1]
            if node.op_type == "MatMul" and kernel not in file.stored:  # of two activations, as in attention
                continue
            if kernel not in file.stored or file.stored[kernel].dtype.name != "int8":
                yield f"{_title(node)} has no int8 weights"
    for layer in graph.layers:
        if graph.find_arithmetic(layer) != "int8":
            yield f"{layer.title} computes in {graph.find_arithmetic(layer)}: its result is not quantized"


def _prove_mixed(file: OnnxFile, graph: Graph) -> Iterator[str]:
    """Some operations compute in int8, at least one of them with weights, and others in float."""
    for node in file.nodes:
        yield from _find_wide_quantizer(file, node)
        if _takes_integers(node):
            yield f"{_title(node)} computes on integers without dequantizers"
    for name, values in file.stored.items():
        if values.dtype.name not in (*PLAIN_DTYPES, *BYTES):
            yield f"constant {name} is {values.dtype.name}"
    yield from _find_foreign_results(file, (*PLAIN_DTYPES, *BYTES))
    yield from graph.find_other_arithmetic("int8", "float")
    for node in find_unguarded(file.nodes, file.stored):
        yield f"{_title(node)} has float weights, which onnxruntime would quantize to 8 bits"
    found = {graph.find_arithmetic(layer) for layer in graph.layers}
    if found == {"float"} or next(_prove_int8(file, graph), None) is None:
        yield f"{graph.layers[0].title} and all other operations with weights compute in {found.pop()}"


def _find_quantizing(file: OnnxFile) -> Iterator[str]:
    for node in file.nodes:
        if "Quantize" in node.op_type or _takes_integers(node):
            yield f"{_title(node)} quantizes"


def _takes_integers(node: onnx.NodeProto) -> bool:
    """Whether a node computes on quantized tensors without dequantizers, such as QLinearConv and MatMulInteger."""
    return "Integer" in node.op_type or node.op_type.startswith("QLinear")


def _find_wide_quantizer(file: OnnxFile, node: onnx.NodeProto) -> Iterator[str]:
    """Find quantizers to or from activations of more than 8 bits; a stored bias may be int32."""
    if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
        name = node.output[0] if node.op_type == "QuantizeLinear" else node.input[0]
        if file.dtypes[name] not in (*BYTES, *(("int32",) if name in file.stored else ())):
            yield f"{_title(node)} quantizes {name} to {file.dtypes[name]}"


def _find_foreign_results(file: OnnxFile, allowed: tuple[str, ...]) -> Iterator[str]:
    """Find results of other dtypes; bytes are allowed if they come from the input."""
    for node in file.nodes:
        for name in filter(None, node.output):
            if file.dtypes[name] not in allowed and not (file.dtypes[name] in BYTES and file.is_input(name)):
                yield f"{_title(node)} computes {name} as {file.dtypes[name]}"


def _title(node: onnx.NodeProto) -> str:
    return f"{node.op_type} {node.name or node.output[0]}"


PROOFS: Final[dict[str, Callable[[OnnxFile, Graph], Iterator[str]]]] = {
    "fp32": _prove_fp32,
    "fp16": _prove_fp16,
    "int8": _prove_int8,
    "mixed": _prove_mixed,
}
"""Generators of the problems of a file, by precision."""
