"""Convert Keras models to TFLite with TensorFlow's own converter."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

import flatbuffers
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from edge_mnist_exporter.audit.layer_errors import LayerError
from edge_mnist_exporter.formats.layer_names import list_layers
from edge_mnist_exporter.formats.request import ConversionRequest, Mixer
from edge_mnist_exporter.formats.tflite_files.cleaning import add_signature, fix_sizes, name_tensors
from edge_mnist_exporter.formats.tflite_files.layers import find_layers, measure_layers
from edge_mnist_exporter.kinds import Kind
from edge_mnist_exporter.source.unrolling import has_unrolled_layers
from edge_mnist_runtime.contract import METADATA_KEY
from edge_mnist_runtime.tensor import Pixels


def to_int8(request: ConversionRequest) -> bytes:
    """Integer-only TFLite: 8-bit weights and activations, 8-bit or float input and output. See `Converter`."""
    return _finish(_int8_converter(request), request)


def to_shared_int8(request: ConversionRequest) -> bytes:
    """The same, made once for all files of an export that hold the integer program."""
    return request.make_once("int8 TFLite of programs", lambda: to_int8(request))


def to_int16x8(request: ConversionRequest) -> bytes:
    """Integer-only TFLite with float input and output: int8 weights, int16 activations. See `Converter`."""
    operations = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    return _finish(_calibrated(request, operations), request)


def make_mixer(request: ConversionRequest) -> Mixer:
    """Calibrate once for several mixed files with different layers in float and all others in int8.

    Their input and output are float.
    """
    layers = find_layers(_make_plain(request, _float_converter), list_layers(request.source.keras_model))

    def options(float_layers: tuple[str, ...]) -> Any:
        names = [name for layer in layers if layer.name in float_layers for name in layer.tensor_names]
        return tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=names)

    # Only the debugger of TensorFlow's converter can leave named nodes in float.
    try:
        converter = _calibrated(request, tf.lite.OpsSet.TFLITE_BUILTINS)
        dataset = converter.representative_dataset
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=dataset, debug_options=options(())
        )
    except Exception as error:  # the quantizer raises many classes
        raise request.refused("TensorFlow's quantizer", error) from error

    def mix(float_layers: tuple[str, ...]) -> bytes:
        try:
            debugger.options = options(float_layers)
            return _with_contract(bytes(debugger.get_nondebug_quantized_model()), request)
        except Exception as error:
            raise request.refused("TensorFlow's quantizer", error) from error

    return mix


def measure_errors(request: ConversionRequest, images: Pixels) -> list[LayerError]:
    """Measure the int8 error of every layer; see `tflite_files.layers.measure_layers`."""
    exact, quantized = (_make_plain(request, make) for make in (_float_converter, _int8_converter))
    values = request.source.input_range.apply(images)
    return measure_layers(exact, quantized, list_layers(request.source.keras_model), values)


def _make_plain(request: ConversionRequest, make_converter: Callable[[ConversionRequest], Any]) -> bytes:
    """Make a file with float input and output and the converter's own names, which identify layers best."""
    between_floats = replace(request, kind=Kind("tflite", "int8", "float32"))
    return request.make_once(
        f"plain TFLite file by {make_converter.__name__}",
        lambda: _finish_plain(make_converter(between_floats), between_floats),
    )


def to_mixed(request: ConversionRequest) -> bytes:
    """TFLite with the layers in `config.float_layers` in float and all others in int8. See `Converter`."""
    return make_mixer(request)(request.config.float_layers)


def to_dynamic(request: ConversionRequest) -> bytes:
    """TFLite with int8 weights in layers of at least 1,024 weights, and float activations. See `Converter`."""
    converter = _float_converter(request)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return _finish(converter, request)


def to_fp16(request: ConversionRequest) -> bytes:
    """TFLite with weights stored as float16 and computed in float32. See `Converter`."""
    converter = _float_converter(request)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return _finish(converter, request)


def to_fp32(request: ConversionRequest) -> bytes:
    """Float TFLite. See `Converter`."""
    return _finish(_float_converter(request), request)


def _int8_converter(request: ConversionRequest) -> Any:
    # Without this set the converter silently leaves operations that it cannot quantize in float.
    converter = _calibrated(request, tf.lite.OpsSet.TFLITE_BUILTINS_INT8)
    converter.inference_input_type = converter.inference_output_type = tf.as_dtype(request.kind.input_dtype)
    return converter


def _calibrated(request: ConversionRequest, operations: Any) -> Any:
    def representative_dataset() -> Iterator[list[npt.NDArray[np.float32]]]:
        for image in request.calibration_values:
            yield [image[np.newaxis]]

    converter = _make_converter(request.source.keras_model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative_dataset
    converter.target_spec.supported_ops = [operations]
    # The converter has no public switch for this. The audit of the file checks the result.
    converter._experimental_disable_per_channel = not request.config.per_channel
    return converter


def _float_converter(request: ConversionRequest) -> Any:
    source, takes_floats = request.source, request.kind.input_dtype == "float32"
    return _make_converter(source.keras_model if takes_floats else source.build_bytes_model())


class _WithoutStackTraces:
    """Passed to TensorFlow's converter, whose refusals then name operations and not lines of Keras's source."""

    graph_debug_info: Final = None


def _make_converter(model: Any) -> Any:
    """Make TensorFlow's converter for a network; with unrolled recurrent layers, for a batch of one image.

    With a fixed batch size the initial state of a recurrent layer is a constant. A computed state of zeros would get a
    scale near zero, which XNNPACK refuses to run. A loop instead of unrolled layers crashes the calibrator.

    The converter gets a traced function. With the network itself it would write and read a SavedModel, which takes
    three quarters of its time.
    """
    import keras

    if has_unrolled_layers(model):
        (image,) = model.inputs
        one_image = keras.Input(batch_shape=(1, *image.shape[1:]), dtype=image.dtype, name="image")
        model = keras.Model(one_image, model(one_image))
    (image,) = model.inputs
    taken = tf.TensorSpec(image.shape, image.dtype, name=image.name)
    network = tf.function(lambda images: model(images, training=False), input_signature=[taken], autograph=False)
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [network.get_concrete_function()], _WithoutStackTraces()
    )
    converter.experimental_lower_to_saved_model = False
    return converter


def _finish(converter: Any, request: ConversionRequest) -> bytes:
    return _with_contract(_finish_plain(converter, request), request)


def _finish_plain(converter: Any, request: ConversionRequest) -> bytes:
    try:
        return bytes(converter.convert())
    except Exception as error:  # the converter raises its own ConverterError, ValueError, RuntimeError, ...
        raise request.refused("TensorFlow's converter", error) from error


def _with_contract(model: bytes, request: ConversionRequest) -> bytes:
    """The same TFLite file with short tensor names, fixed shapes, and the contract in a metadata buffer."""
    content = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    name_tensors(content, list_layers(request.source.keras_model))
    fix_sizes(content)
    add_signature(content)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(request.contract.to_json().encode(), np.uint8)
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA_KEY.encode(), len(content.buffers)
    content.buffers.append(buffer)
    content.metadata = [*(content.metadata or []), entry]
    builder = flatbuffers.Builder(len(model) + 4096)
    builder.Finish(content.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
