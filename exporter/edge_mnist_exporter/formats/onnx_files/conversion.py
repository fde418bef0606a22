"""Convert Keras models to ONNX with tf2onnx and onnxruntime's quantizer."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import onnx
import tensorflow as tf
import tf2onnx
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from edge_mnist_exporter.audit.layer_errors import LayerError
from edge_mnist_exporter.formats.layer_names import list_layers
from edge_mnist_exporter.formats.onnx_files.calibration import (
    METHODS,
    MOVES,
    CalibrationReader,
    fix_input,
    list_moved,
    measure_entropy_ranges,
)
from edge_mnist_exporter.formats.onnx_files.channels import fill_channels
from edge_mnist_exporter.formats.onnx_files.cleaning import fix_shapes, free_logits, store_as_float16, view_averages
from edge_mnist_exporter.formats.onnx_files.float_layers import guard_float_layers
from edge_mnist_exporter.formats.onnx_files.layers import find_layers, measure_layers
from edge_mnist_exporter.formats.onnx_files.operations import CUSTOM_OPERATIONS
from edge_mnist_exporter.formats.onnx_files.stem import widen_stem
from edge_mnist_exporter.formats.onnx_files.weights import RoundedWeights, put_weights, round_weights
from edge_mnist_exporter.formats.request import ConversionRequest, Mixer
from edge_mnist_runtime.contract import METADATA_KEY
from edge_mnist_runtime.errors import ConversionError
from edge_mnist_runtime.tensor import Pixels

QUANTIZED_OPS: Final = [
    *("Conv", "Gemm", "MatMul", "Add", "Sub", "Mul", "Max", "Neg", "Concat"),
    *("Relu", "Clip", "LeakyRelu", "Elu", "Selu", "Sigmoid", "Tanh", "Softplus", "Softsign", "Erf", "Exp"),
    *("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "ReduceMax"),
    *("Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Pad", "Slice", "Split", "Tile"),
]
"""Operators that are quantized. The softmax stays in float, because it gives the probabilities."""


@dataclass(frozen=True)
class PreparedGraph:
    """A network prepared for onnxruntime's quantizer."""

    graph: onnx.ModelProto
    """The float graph, from float images to probabilities."""
    weights: dict[str, RoundedWeights]
    """The rounded weights for quantized operations, by name."""


def to_fp32(request: ConversionRequest) -> bytes:
    """Float ONNX. See `Converter`."""
    return _with_contract(_trace_float(request), request)


def to_fp16(request: ConversionRequest) -> bytes:
    """ONNX with weights stored as float16 and computed in float32, as in TFLite. See `Converter`.

    Few processors have float16 kernels. onnxruntime unpacks the weights once, when the file is loaded; a call then
    costs as much as in float32.
    """
    model = _trace_float(request)
    store_as_float16(model.graph)
    return _with_contract(model, request)


def to_int8(request: ConversionRequest) -> bytes:
    """QDQ ONNX: uint8 or float in, float32 probabilities out, int8 weights, uint8 activations.

    onnxruntime's x86 and ARM kernels are fastest with uint8 activations and int8 weights. See `Converter`.
    """
    return _finish(quantize(request), request)


def make_mixer(request: ConversionRequest) -> Mixer:
    """Trace the network once for several files with different layers in float and all others in int8."""

    def mix(float_layers: tuple[str, ...]) -> bytes:
        asked = replace(request, config=replace(request.config, float_layers=float_layers))
        return _finish(quantize(asked), asked)

    return mix


def to_mixed(request: ConversionRequest) -> bytes:
    """QDQ ONNX with the layers in `config.float_layers` in float, all others in int8. See `Converter`."""
    return make_mixer(request)(request.config.float_layers)


def measure_errors(request: ConversionRequest, images: Pixels) -> list[LayerError]:
    """Measure the int8 error of every layer; see `onnx_files.layers.measure_layers`."""
    graph, values = prepare(request).graph, request.source.input_range.apply(images)
    layers = find_layers(graph, list_layers(request.source.keras_model))
    return measure_layers(graph, quantize(request), layers, values, quantizable=QUANTIZED_OPS)


def _finish(model: onnx.ModelProto, request: ConversionRequest) -> bytes:
    if request.kind.has_8_bit_input:
        _take_bytes(model, request)
    free_logits(model.graph)
    view_averages(model.graph)
    fill_channels(model)
    widen_stem(model)
    guard_float_layers(model.graph)
    return _with_contract(model, request)


def prepare(request: ConversionRequest) -> PreparedGraph:
    """Trace the network and round its quantizable weights, once for all requests that share the result.

    Raises:
        ConversionError: tf2onnx or onnxruntime refused.
    """
    return request.make_once("prepared ONNX graph", lambda: _prepare(request))


def _prepare(request: ConversionRequest) -> PreparedGraph:
    floating, config = _trace(request.source.keras_model, tf.float32, request), request.config
    with tempfile.TemporaryDirectory() as folder:
        traced, prepared = (Path(folder) / f"{stage}.onnx" for stage in ("traced", "prepared"))
        onnx.save(floating, traced)
        try:
            # Fuses MatMul and Add into Gemm, for example. Symbolic shapes would need sympy and are of no use here.
            quant_pre_process(str(traced), str(prepared), skip_symbolic_shape=True)
            graph = onnx.load(prepared)
        except Exception as error:  # it raises exceptions of many classes
            raise request.refused("onnxruntime", error) from error
    try:
        weights = round_weights(
            graph,
            request.calibration_values,
            QUANTIZED_OPS,
            per_channel=config.per_channel,
            allow_saturation=config.allow_saturation,
        )
    except ValueError as error:
        raise request.refused("rounding its weights", error) from error
    except Exception as error:  # onnxruntime's own classes
        raise request.refused("onnxruntime", error) from error
    return PreparedGraph(graph, weights)


def quantize(request: ConversionRequest) -> onnx.ModelProto:
    """Quantize a network with onnxruntime: a QDQ graph from float images to probabilities.

    The layers in `config.float_layers` stay in float.

    Raises:
        ConversionError: tf2onnx or the quantizer refused.
    """
    config, method, prepared = request.config, request.config.calibration_method, prepare(request)
    layers = find_layers(prepared.graph, list_layers(request.source.keras_model)) if config.float_layers else []
    excluded = [node for layer in layers if layer.name in config.float_layers for node in layer.nodes]
    graph, weights = _split_shared_weights(prepared.graph, excluded), _select_quantized(prepared, excluded)
    with tempfile.TemporaryDirectory() as folder:
        floating, quantized = Path(folder) / "prepared.onnx", Path(folder) / "quantized.onnx"
        onnx.save(put_weights(graph, weights), floating)
        values = request.calibration_values
        try:
            ranges = measure_entropy_ranges(floating, QUANTIZED_OPS, values) if method == "entropy" else {}
            overrides = {name: rounded.to_overrides() for name, rounded in weights.items()}
            quantize_static(
                floating,
                quantized,
                CalibrationReader(values),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=QUANTIZED_OPS,
                nodes_to_exclude=excluded,
                per_channel=config.per_channel,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=METHODS[method],
                extra_options={
                    "TensorQuantOverrides": {**ranges, **overrides, **fix_input(prepared.graph, request.source)},
                    # A weight shared by several steps, as in a recurrent layer, cannot be adjusted to each bias.
                    "QDQDisableWeightAdjustForInt32Bias": _shares_weights(prepared.graph.graph),
                },
            )
        except Exception as error:  # the quantizer raises exceptions of many classes
            raise request.refused("onnxruntime's quantizer", error) from error
        return onnx.load(quantized)


def _split_shared_weights(model: onnx.ModelProto, excluded: list[str]) -> onnx.ModelProto:
    """Copy weights that float and int8 operations share, because tf2onnx stores equal weights once."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    constants = {tensor.name: tensor for tensor in copy.graph.initializer}
    kept = {name for node in copy.graph.node if node.name not in excluded for name in node.input}
    for node in copy.graph.node:
        for index, name in enumerate(node.input):
            if node.name in excluded and name in kept and name in constants:
                own = f"{name}_in_float"
                if own not in constants:
                    constants[own] = copy.graph.initializer.add()
                    constants[own].CopyFrom(constants[name])
                    constants[own].name = own
                node.input[index] = own
    return copy


def _select_quantized(prepared: PreparedGraph, excluded: list[str]) -> dict[str, RoundedWeights]:
    """The rounded weights that at least one quantized operation reads."""
    read = {name for node in prepared.graph.graph.node if node.name not in excluded for name in node.input}
    return {name: rounded for name, rounded in prepared.weights.items() if name in read}


def _shares_weights(graph: onnx.GraphProto) -> bool:
    readers = Counter(name for node in graph.node for name in node.input)
    return any(readers[tensor.name] > 1 for tensor in graph.initializer if len(tensor.dims) > 1)


def _trace_float(request: ConversionRequest) -> onnx.ModelProto:
    source = request.source
    if request.kind.input_dtype == "float32":
        return _trace(source.keras_model, tf.float32, request)
    return _trace(source.build_bytes_model(), tf.uint8, request)


def _trace(model: Any, dtype: Any, request: ConversionRequest) -> onnx.ModelProto:
    signature = (tf.TensorSpec((None, *request.source.image_shape), dtype, name="image"),)
    traced = tf.function(lambda image: {"probabilities": model(image, training=False)}, input_signature=signature)
    try:
        proto: onnx.ModelProto = tf2onnx.convert.from_function(
            traced, signature, opset=request.config.opset, custom_op_handlers={**CUSTOM_OPERATIONS}
        )[0]
    except Exception as error:  # tf2onnx raises ValueError, KeyError, AssertionError, ...
        raise request.refused("tf2onnx", error) from error
    _store_captured(proto.graph, traced.get_concrete_function())
    for node in proto.graph.node:
        if not onnx.defs.has(node.op_type, node.domain):  # tf2onnx only logs operations that it could not convert
            at = request.locate(node.name, *node.output)
            raise ConversionError(
                f"{request.source.origin}: tf2onnx refused it at {at} (ONNX has no operation like {node.op_type})"
            )
    try:
        fix_shapes(proto)
    except Exception as error:  # onnxruntime raises its own classes
        raise request.refused("onnxruntime", error) from error
    return proto


def _store_captured(graph: onnx.GraphProto, function: Any) -> None:
    """Store the constants of layers in the file; tf2onnx makes them inputs."""
    captured = {inner.name: outer for outer, inner in function.graph.captures if outer.dtype != tf.resource}
    for value in [value for value in graph.input if value.name in captured]:
        graph.initializer.append(onnx.numpy_helper.from_array(captured[value.name].numpy(), value.name))
        graph.input.remove(value)


def _take_bytes(model: onnx.ModelProto, request: ConversionRequest) -> None:
    """Remove the quantizers at the input, so that the graph takes the quantized bytes.

    Raises:
        ConversionError: An operation computes on the input before a quantizer.
    """
    graph = model.graph
    moved = list_moved(graph)
    quantizers = []
    for node in graph.node:
        if moved.isdisjoint(node.input) or node.op_type in (*MOVES, "Shape"):
            continue
        if node.op_type != "QuantizeLinear":
            raise ConversionError(
                f"{request.source.origin}: computes {node.op_type} at {request.locate(node.name, *node.output)} before "
                "any quantization; an int8 ONNX file needs a network that begins with layers that can be quantized"
            )
        quantizers.append(node)
    unquantized = {node.output[0]: node.input[0] for node in quantizers}
    for node in graph.node:
        for index, name in enumerate(node.input):
            node.input[index] = unquantized.get(name, name)
    for quantizer in quantizers:
        graph.node.remove(quantizer)
    graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT8
    del graph.value_info[:]  # the types recorded for the first tensors no longer hold


def _with_contract(model: onnx.ModelProto, request: ConversionRequest) -> bytes:
    """Serialize the graph, with the batch axis named N and the contract in `metadata_props`."""
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    onnx.helper.set_model_props(model, {METADATA_KEY: request.contract.to_json()})
    model.producer_name, model.producer_version, model.doc_string = "edge-mnist", "", ""
    model.graph.doc_string = ""  # tf2onnx writes a count of functions there, which differs from process to process
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:
        raise request.refused("onnx's own checker", error) from error
    return bytes(model.SerializeToString(deterministic=True))
