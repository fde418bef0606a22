"""Find the layers of an ONNX graph and measure the quantization error of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from edge_mnist_exporter.audit.layer_errors import LayerError, median_signal_to_noise, round_to_steps, signal_to_noise
from edge_mnist_exporter.formats.layer_names import find_layer
from edge_mnist_exporter.formats.onnx_files.tensors import TensorReader

ACTIVATIONS: Final = ("Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSigmoid", "Tanh", "Elu", "PRelu")
"""Operations that belong to the layer in front of them, because quantizers fuse both."""

ERRORLESS: Final = ("Reshape", "Transpose", "Squeeze", "Flatten", "Identity", "Softmax")
"""Operations without a quantization error: they move values, or stay in float (softmax)."""

DEQUANTIZED: Final = "_DequantizeLinear_Output"
"""Suffix that onnxruntime's quantizer appends to the name of a quantized tensor."""


@dataclass(frozen=True)
class OnnxLayer:
    """One layer of a float graph."""

    name: str
    operator: str
    """Operator of its first operation."""
    nodes: tuple[str, ...]
    """Names of its operations."""
    output: str
    """Name of its output tensor."""


def find_layers(model: onnx.ModelProto, keras_layers: Iterable[tuple[str, bool]]) -> list[OnnxLayer]:
    """Find the layers of a float graph, in graph order, without those that only move values.

    Args:
        model: The float graph that is the quantizer's input.
        keras_layers: The result of `list_layers`.
    """
    known = tuple(keras_layers)
    weighted = [layer for layer in known if layer[1]]
    constants = {tensor.name for tensor in model.graph.initializer}
    owners: dict[str, str] = {}  # by tensor
    found: dict[str, OnnxLayer] = {}
    for node in model.graph.node:
        if node.op_type == "Constant":
            continue
        name = owners.get(node.input[0]) if node.op_type in ACTIVATIONS and node.input[0] in owners else None
        weights = constants.intersection(node.input)  # other inputs have the name of the layer before
        own = (node.name, *node.output)
        # Layers with equal weights may share them, so an operation's outputs identify it better than its inputs.
        name = name or find_layer(own, weighted) or find_layer((*own, *sorted(weights)), known) or node.name
        owners[node.output[0]] = name
        before = found.get(name)
        if node.op_type in ERRORLESS and before is None:
            continue
        if before is None:
            found[name] = OnnxLayer(name, node.op_type, (node.name,), node.output[0])
        else:
            output = before.output if node.op_type in ERRORLESS else node.output[0]
            found[name] = OnnxLayer(name, before.operator, (*before.nodes, node.name), output)
    return list(found.values())


def measure_layers(
    exact: onnx.ModelProto,
    quantized: onnx.ModelProto,
    layers: Iterable[OnnxLayer],
    values: npt.NDArray[np.float32],
    *,
    quantizable: Collection[str],
) -> list[LayerError]:
    """Compare every layer of a QDQ graph with the float graph that it was made from.

    Args:
        exact: The float graph.
        quantized: The QDQ graph with a float input, unchanged from onnxruntime's quantizer.
        layers: The result of `find_layers` for the float graph.
        values: The network's input, float32, shape (N, H, W, C).
        quantizable: The operators that the quantizer was told to quantize.
    """
    floating = {node.name for node in exact.graph.node if node.op_type not in (*quantizable, *ERRORLESS)}
    scales = _read_scales(quantized)
    known = {output for node in quantized.graph.node for output in node.output}
    known -= _list_other_dtypes(exact)
    compared = [layer for layer in layers if layer.output in known]
    outputs = [layer.output + DEQUANTIZED if layer.output in scales else layer.output for layer in compared]
    wanted = TensorReader(exact, [layer.output for layer in compared]).read(values)
    found = TensorReader(quantized, outputs).read(values)
    errors = []
    for layer, right, measured in zip(compared, wanted, found, strict=True):
        own = round_to_steps(right, *scales[layer.output]) if layer.output in scales else right
        own_snr_db = median_signal_to_noise(right, own, channel_axis=1)
        snr_db, in_float = signal_to_noise(right, measured), not floating.isdisjoint(layer.nodes)
        errors.append(LayerError(layer.name, layer.operator, snr_db, own_snr_db, in_float=in_float))
    return errors


def _list_other_dtypes(model: onnx.ModelProto) -> set[str]:
    """The tensors that are not float32, such as the booleans of a mask."""
    known = onnx.shape_inference.infer_shapes(model).graph.value_info
    return {value.name for value in known if value.type.tensor_type.elem_type != onnx.TensorProto.FLOAT}


def _read_scales(model: onnx.ModelProto) -> dict[str, tuple[float, int, npt.DTypeLike]]:
    """Scale, zero-point and dtype of every quantized activation, by its float tensor's name."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    scales: dict[str, tuple[float, int, npt.DTypeLike]] = {}
    for node in model.graph.node:
        if node.op_type == "QuantizeLinear":
            scale, zero_point = (constants[name] for name in node.input[1:3])
            scales[node.input[0]] = float(scale), int(zero_point), zero_point.dtype
    return scales
