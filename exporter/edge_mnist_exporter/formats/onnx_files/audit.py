"""Prove an ONNX file's precision and measure its cost on a device, from its graph alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_mnist_exporter.audit.audit import GraphAudit, InputScale, check_signature, measure_graph
from edge_mnist_exporter.formats.onnx_files.fusion import fuse
from edge_mnist_exporter.formats.onnx_files.graph import OnnxFile, read_onnx
from edge_mnist_exporter.formats.onnx_files.precision import PROOFS, find_problem
from edge_mnist_exporter.formats.onnx_files.saturation import find_largest_pair
from edge_mnist_runtime.contract import TensorSpec
from edge_mnist_runtime.errors import PrecisionProofError


def audit(data: bytes, precision: str, file_name: str, *, expected_input: InputScale | None = None) -> GraphAudit:
    """Prove the file's precision and measure its graph. See `Audit`.

    fp32: every weight is stored as float32, and nothing is quantized. fp16: every weight is stored as float16 and cast
    to float32. int8: every operation but the softmax reads quantized tensors, and every weight is stored as int8.
    mixed: some operations compute in int8, at least one of them with weights, and others in float.
    """
    if precision not in PROOFS:
        raise PrecisionProofError(f"{file_name}: ONNX files have no precision {precision}")
    file = read_onnx(data, file_name)
    graph = fuse(file)
    problem = find_problem(file, graph, precision)
    if problem:
        raise PrecisionProofError(f"{file_name}: {problem}, so the file is not {precision}")
    inputs = tuple(_add_scale(file, spec) for spec in file.inputs)
    check_signature(inputs, file.outputs, expected_input, file_name)
    return measure_graph(
        graph,
        precision,
        operators=file.operators,
        inputs=inputs,
        outputs=file.outputs,
        weight_pair=find_largest_pair(file),
    )


def _add_scale(file: OnnxFile, spec: TensorSpec) -> TensorSpec:
    """Add the scale and zero-point of the dequantizer that reads an input, if there is one."""
    for node in file.nodes:
        if node.op_type == "DequantizeLinear" and file.find_unmoved(node.input[0]) == spec.name:
            scale = file.stored[node.input[1]]
            zero_point = file.stored[node.input[2]] if len(node.input) > 2 else 0
            return replace(spec, scale=float(np.float32(scale)), zero_point=int(zero_point))
    return spec
