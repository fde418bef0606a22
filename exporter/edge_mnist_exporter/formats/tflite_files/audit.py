"""Prove a TFLite file's precision and measure its cost on a device, from its graph alone."""

from __future__ import annotations

from edge_mnist_exporter.audit.audit import GraphAudit, InputScale, check_signature, measure_graph
from edge_mnist_exporter.formats.tflite_files.graph import read_tflite
from edge_mnist_exporter.formats.tflite_files.precision import PROOFS, find_problem
from edge_mnist_runtime.errors import PrecisionProofError


def audit(data: bytes, precision: str, file_name: str, *, expected_input: InputScale | None = None) -> GraphAudit:
    """Prove the file's precision and measure its graph. See `Audit`.

    fp32: every tensor is float32. fp16: every kernel is stored as float16 and unpacked to float32. dynamic: every
    kernel of 1,024 values or more is int8, all activations are float32. int8: no tensor is float. int16x8: activations
    are int16 with zero-point 0, kernels int8. mixed: some operations compute in int8, at least one of them with
    weights, and others in float. In all precisions the image may be bytes. In int8 and int16x8, inputs and outputs may
    be float32 if only quantizers read and write them.
    """
    if precision not in PROOFS:
        raise PrecisionProofError(f"{file_name}: TFLite files have no precision {precision}")
    file = read_tflite(data, file_name)
    problem = find_problem(file.graph, precision)
    if problem:
        raise PrecisionProofError(f"{file_name}: {problem}, so the file is not {precision}")
    check_signature(file.inputs, file.outputs, expected_input, file_name)
    return measure_graph(file.graph, precision, operators=file.operators, inputs=file.inputs, outputs=file.outputs)
