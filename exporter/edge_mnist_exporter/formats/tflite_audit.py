"""Proof of a TFLite file's precision, from its graph alone."""

from __future__ import annotations

from typing import Final

from ai_edge_litert import schema_py_generated as schema

from edge_mnist_runtime.errors import PrecisionProofError
from edge_mnist_runtime.manifest import TensorSpec

DTYPES: Final = {code: name.lower() for name, code in vars(schema.TensorType).items() if not name.startswith("_")}
"""TFLite's tensor types by code: `float32`, `int8`, ..."""

ALLOWED: Final = {
    "int8": {"uint8", "int8", "int32", "int64"},
    "fp32": {"float32", "uint8", "int32", "int64"},
}
"""Tensor dtypes that a file of each precision may hold; int32 and int64 are biases, shapes and axes."""

IO_DTYPES: Final = {"int8": ("uint8", "uint8"), "fp32": ("uint8", "float32")}
"""Dtypes of input and output that the tensor contract asks for."""


def prove_precision(
    data: bytes, precision: str, file_name: str
) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    """Prove that every tensor of the file has a dtype of its precision, and read its inputs and outputs.

    Raises:
        PrecisionProofError: A tensor has another dtype; the message names it.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            dtype = DTYPES[tensor.type]
            if dtype not in ALLOWED[precision]:
                raise PrecisionProofError(
                    f"{file_name}: tensor {tensor.name.decode()} is {dtype}, so the file is not {precision}"
                )
    graph = model.subgraphs[0]
    inputs, outputs = (tuple(_spec(graph.tensors[index]) for index in ends) for ends in (graph.inputs, graph.outputs))
    found = (inputs[0].dtype, outputs[0].dtype)
    if len(inputs) != 1 or len(outputs) != 1 or found != IO_DTYPES[precision]:
        raise PrecisionProofError(f"{file_name}: takes and gives {found}, expected {IO_DTYPES[precision]}")
    if precision == "int8" and (inputs[0].zero_point != 0 or abs((inputs[0].scale or 0) * 255 - 1) > 1e-6):
        raise PrecisionProofError(
            f"{file_name}: input scale {inputs[0].scale} is not 1/255: pixels would be misread; "
            "use more --calibration-samples"
        )
    return inputs, outputs


def _spec(tensor: schema.TensorT) -> TensorSpec:
    quantization = tensor.quantization
    quantized = quantization is not None and quantization.scale is not None and len(quantization.scale) > 0
    return TensorSpec(
        tensor.name.decode(),
        DTYPES[tensor.type],
        tuple(int(size) for size in tensor.shape),
        float(quantization.scale[0]) if quantized else None,
        int(quantization.zeroPoint[0]) if quantized else None,
    )
