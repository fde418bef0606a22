"""Find the layers of a TFLite graph and measure the quantization error of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from edge_mnist_exporter.audit.layer_errors import LayerError, median_signal_to_noise, round_to_steps, signal_to_noise
from edge_mnist_exporter.formats.layer_names import find_layer
from edge_mnist_exporter.formats.tflite_files.graph import QUANTIZERS
from edge_mnist_exporter.tflite_schema import name_operator, open_tflite
from edge_mnist_runtime.engines.tflite_interpreter import load_interpreter
from edge_mnist_runtime.errors import ConversionError

ERRORLESS: Final = ("RESHAPE", "TRANSPOSE", "SQUEEZE", "SOFTMAX")
"""Operations without an error to measure: they move values, or have a scale fixed by the format (softmax)."""

VALUE_TYPES: Final = (schema.TensorType.FLOAT32, schema.TensorType.INT8, schema.TensorType.INT16)
"""Types of layer results. Operations that compute shapes give int32 or int64."""


@dataclass(frozen=True)
class TFLiteLayer:
    """One operation of a TFLite graph."""

    name: str
    operator: str
    output: int
    """Index of its output tensor."""
    tensor_names: tuple[str, ...]
    """Names of its output tensors, which identify it for TensorFlow's quantizer."""


def find_layers(model: bytes, keras_layers: Iterable[tuple[str, bool]]) -> list[TFLiteLayer]:
    """Find the layers of a TFLite graph, in graph order, without operations that only move or quantize values.

    Operations that compute shapes are left out too, such as SHAPE and STRIDED_SLICE of Flatten.
    """
    known = tuple(keras_layers)
    weighted = [layer for layer in known if layer[1]]
    content = open_tflite(model)
    tensors = content.subgraphs[0].tensors
    found = []
    for operation in content.subgraphs[0].operators:
        operator = name_operator(content.operatorCodes[operation.opcodeIndex])
        if operator in (*QUANTIZERS, *ERRORLESS) or tensors[operation.outputs[0]].type not in VALUE_TYPES:
            continue
        own = tuple(tensors[index].name.decode() for index in operation.outputs)
        # Other inputs than weights have the name of the layer before.
        weights = (tensors[index] for index in operation.inputs if index >= 0)
        constant = [tensor.name.decode() for tensor in weights if content.buffers[tensor.buffer].data is not None]
        # Layers with equal weights may share them, so an operation's outputs identify it better than its inputs.
        name = find_layer(own, weighted) or find_layer((*own, *constant), known) or own[0]
        found.append(TFLiteLayer(name, operator, int(operation.outputs[0]), own))
    return found


def measure_layers(
    exact: bytes, quantized: bytes, keras_layers: Iterable[tuple[str, bool]], values: npt.NDArray[np.float32]
) -> list[LayerError]:
    """Compare every layer of an int8 TFLite file with the float file of the same network.

    Args:
        exact: The float file, with a float input.
        quantized: The int8 file, with a float input.
        keras_layers: The result of `list_layers`.
        values: The network's input, float32, shape (N, H, W, C).

    Raises:
        ConversionError: The two files do not hold the same operations.
    """
    known = tuple(keras_layers)
    wanted, found = find_layers(exact, known), find_layers(quantized, known)
    if [layer.operator for layer in wanted] != [layer.operator for layer in found]:
        raise ConversionError("TensorFlow's converter made other operations in int8 than in float; nothing to compare")
    right, measured = _run(exact, wanted, values), _run(quantized, found, values)
    details = {detail["index"]: detail for detail in _open(quantized).get_tensor_details()}
    errors = []
    for layer, twin, one, other in zip(wanted, found, right, measured, strict=True):
        detail = details[twin.output]
        scale, zero_point = detail["quantization"]
        own = round_to_steps(one, scale, zero_point, detail["dtype"]) if scale else one
        own_snr_db = median_signal_to_noise(one, own, channel_axis=-1)
        snr_db = signal_to_noise(one, other)
        errors.append(LayerError(layer.name, layer.operator, snr_db, own_snr_db, in_float=not scale))
    return errors


def _open(model: bytes) -> Any:
    # Delegates would hide their inner tensors.
    return load_interpreter(model, "file to measure", kernels="BUILTIN_WITHOUT_DEFAULT_DELEGATES", keep_tensors=True)


def _run(model: bytes, layers: list[TFLiteLayer], values: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """The output of every layer for each image, float32, shape (N, *tensor's own)."""
    interpreter = _open(model)
    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    index = interpreter.get_input_details()[0]["index"]
    collected: list[list[npt.NDArray[np.float32]]] = [[] for _ in layers]
    for value in values:
        interpreter.set_tensor(index, value[np.newaxis])
        interpreter.invoke()
        for outputs, layer in zip(collected, layers, strict=True):
            stored = interpreter.get_tensor(layer.output)
            scale, zero_point = details[layer.output]["quantization"]
            real = (stored.astype(np.float32) - np.float32(zero_point)) * np.float32(scale) if scale else stored
            outputs.append(real.astype(np.float32))
    return [np.stack(outputs) for outputs in collected]
