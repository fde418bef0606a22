"""Keras to TFLite, by TensorFlow's own converter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from edge_mnist_exporter.source_model import SourceModel
from edge_mnist_runtime.contract import METADATA_KEY, ModelContract
from edge_mnist_runtime.errors import ConversionError, first_line
from edge_mnist_runtime.preprocess import Pixels


def to_int8(source: SourceModel, calibration: Pixels, contract: ModelContract) -> bytes:
    """Integer-only TFLite: uint8 pixels in, uint8 probabilities out, per-channel int8 weights. See `Converter`."""

    def representative_dataset() -> Iterator[list[npt.NDArray[np.float32]]]:
        for image in calibration:
            yield [image[np.newaxis] / np.float32(255)]

    converter = tf.lite.TFLiteConverter.from_keras_model(source.keras_model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative_dataset
    # Without this set the converter leaves what it cannot quantize in float, and says nothing.
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    return _finish(converter, source, contract)


def to_fp32(source: SourceModel, calibration: Pixels, contract: ModelContract) -> bytes:
    """Float TFLite that takes the same uint8 pixels as the int8 file. See `Converter`."""
    del calibration  # float needs no ranges
    return _finish(tf.lite.TFLiteConverter.from_keras_model(source.build_bytes_model()), source, contract)


def _finish(converter: Any, source: SourceModel, contract: ModelContract) -> bytes:
    try:
        model = bytes(converter.convert())
    except Exception as error:  # the converter raises its own ConverterError, ValueError, RuntimeError, ...
        raise ConversionError(f"{source.origin}: TensorFlow's converter refused it ({first_line(error)})") from error
    return _with_contract(model, contract)


def _with_contract(model: bytes, contract: ModelContract) -> bytes:
    """The same model with plain tensor names and the contract in a metadata buffer."""
    content = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    graph = content.subgraphs[0]
    graph.tensors[graph.inputs[0]].name = b"image"
    graph.tensors[graph.outputs[0]].name = b"probabilities"
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(contract.to_json().encode(), np.uint8)
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA_KEY.encode(), len(content.buffers)
    content.buffers.append(buffer)
    content.metadata = [*(content.metadata or []), entry]
    builder = flatbuffers.Builder(len(model) + 4096)
    builder.Finish(content.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
