"""Keras to ONNX, by tf2onnx and onnxruntime's quantizer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import tensorflow as tf
import tf2onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from edge_mnist_exporter.formats.onnx_cleaning import fix_shapes, free_logits
from edge_mnist_exporter.formats.onnx_stem import widen_stem
from edge_mnist_exporter.source_model import SourceModel
from edge_mnist_runtime.contract import IMAGE_SHAPE, METADATA_KEY, ModelContract
from edge_mnist_runtime.errors import ConversionError, first_line
from edge_mnist_runtime.preprocess import Pixels

OPSET: Final = 17
"""Per-channel QDQ needs 13, 8-bit MaxPool 12; 17 is what every onnxruntime since 1.12 (2022) reads."""

CALIBRATION_BATCH: Final = 100

QUANTIZED_OPS: Final = ["Conv", "Gemm", "MatMul", "Add", "MaxPool", "AveragePool", "GlobalAveragePool", "Reshape",
                        "Squeeze", "Flatten", "Transpose", "Relu", "Concat"]  # fmt: skip
"""All that may stand before the softmax. Softmax itself stays in float: its ten values are what the file promises."""


def to_fp32(source: SourceModel, calibration: Pixels, contract: ModelContract) -> bytes:
    """Float ONNX that takes the same uint8 pixels as the int8 file. See `Converter`."""
    del calibration  # float needs no ranges
    return _with_contract(_trace(source.build_bytes_model(), tf.uint8, source), contract)


def to_int8(source: SourceModel, calibration: Pixels, contract: ModelContract) -> bytes:
    """QDQ ONNX: uint8 pixels in, float32 probabilities out, per-channel int8 weights, uint8 activations.

    uint8 activations with int8 weights are what onnxruntime's x86 and ARM kernels are fastest on. See `Converter`.
    """
    floating = _trace(source.keras_model, tf.float32, source)
    with tempfile.TemporaryDirectory() as folder:
        traced, prepared, quantized = (Path(folder) / f"{stage}.onnx" for stage in ("traced", "prepared", "quantized"))
        onnx.save(floating, traced)
        try:
            # Fuses MatMul and Add into Gemm, among others; the symbolic part would need sympy and adds nothing here.
            quant_pre_process(str(traced), str(prepared), skip_symbolic_shape=True)
            quantize_static(
                prepared,
                quantized,
                _CalibrationReader(calibration),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=QUANTIZED_OPS,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
        except Exception as error:  # the quantizer raises whatever its parts do
            raise ConversionError(
                f"{source.origin}: onnxruntime's quantizer refused it ({first_line(error)})"
            ) from error
        model = _take_bytes(onnx.load(quantized), source.origin)
        free_logits(model.graph)
        widen_stem(model)
        return _with_contract(model, contract)


class _CalibrationReader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime.quantization ships no types
    """Feeds calibration images to onnxruntime's quantizer, in the float range that the Keras model was trained on."""

    def __init__(self, images: Pixels) -> None:
        self._batches: Iterator[Pixels] = iter(np.array_split(images, -(-len(images) // CALIBRATION_BATCH)))

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch / np.float32(255)}


def _trace(model: Any, dtype: Any, source: SourceModel) -> onnx.ModelProto:
    signature = (tf.TensorSpec((None, *IMAGE_SHAPE), dtype, name="image"),)
    traced = tf.function(lambda image: {"probabilities": model(image, training=False)}, input_signature=signature)
    try:
        proto: onnx.ModelProto = tf2onnx.convert.from_function(traced, signature, opset=OPSET)[0]
    except Exception as error:  # tf2onnx raises ValueError, KeyError, AssertionError, ...
        raise ConversionError(f"{source.origin}: tf2onnx refused it ({first_line(error)})") from error
    fix_shapes(proto)
    return proto


def _take_bytes(model: onnx.ModelProto, origin: str) -> onnx.ModelProto:
    """Drop the quantizer at the input, so that the graph takes the bytes that it would have made.

    Raises:
        ConversionError: The input's scale is not exactly 1/255 with zero-point 0, which is what makes bytes and
            floats in 0..1 the same thing. It is whenever the calibration images reach both ends.
    """
    graph = model.graph
    quantizer = next(node for node in graph.node if node.op_type == "QuantizeLinear")
    before = {output: node for node in graph.node for output in node.output}
    path = before.get(quantizer.input[0])
    if quantizer.input[0] != "image" and (path is None or path.op_type not in ("Reshape", "Transpose")):
        raise ConversionError(f"{origin}: its first operation is {path.op_type if path else 'unknown'}, before any "
                              "quantization; int8 needs a network that begins with quantizable layers")  # fmt: skip
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    scale, zero_point = values[quantizer.input[1]], values[quantizer.input[2]]
    if np.float32(scale) != np.float32(1 / 255) or zero_point != 0:
        raise ConversionError(
            f"{origin}: calibration images span {float(scale) * 255:.3f} of the input range, not all of it; "
            "use more --calibration-samples"
        )
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == quantizer.output[0]:
                node.input[index] = quantizer.input[0]
    graph.node.remove(quantizer)
    graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    del graph.value_info[:]  # the types recorded for the first tensors no longer hold
    return model


def _with_contract(model: onnx.ModelProto, contract: ModelContract) -> bytes:
    """The bytes of the file, with free batch axes by one name and the contract in `metadata_props`."""
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    onnx.helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
    model.producer_name, model.producer_version, model.doc_string = "edge-mnist", "", ""
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:
        raise ConversionError(
            f"{contract.name}: the converted graph is not valid ONNX ({first_line(error)})"
        ) from error
    return bytes(model.SerializeToString(deterministic=True))
