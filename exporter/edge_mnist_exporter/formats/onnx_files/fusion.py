"""Fuse the operations of a QDQ graph with their quantizers, as onnxruntime does when it loads a file.

In QDQ form a quantized convolution has three steps: dequantize the input, convolve in float, quantize the result.
onnxruntime fuses them into one operation on bytes, so that no float tensor exists. Audits need the fused graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import onnx

from edge_mnist_exporter.audit.graph import Graph, Operation, Tensor
from edge_mnist_exporter.formats.onnx_files.graph import OnnxFile, read_attributes

FUSED_OPS: Final = (
    *("Conv", "Gemm", "MatMul", "Add", "Mul", "Concat", "AveragePool", "GlobalAveragePool", "MaxPool", "LeakyRelu"),
    *("Relu", "Sigmoid", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"),
)
"""Operations that onnxruntime fuses with the quantizers around them."""

FLOAT_RESULT_OPS: Final = ("Gemm", "MatMul")
"""Fused operations that may have a float result."""

VIEW_OPS: Final = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity")
"""Operations that give the same bytes another shape."""

IN_PLACE_OPS: Final = ("Relu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "Elu", "Add", "Sub", "Mul", "Div")
"""Operations that onnxruntime lets overwrite an input without other readers."""


BIAS_TOLERANCE: Final = 0.01
"""Relative difference that onnxruntime allows between a bias scale and input scale * weight scale."""


@dataclass(frozen=True)
class _Slots:
    """Positions of the bias and the channel axis; input 0 is always the activations, input 1 the kernel."""

    bias: int | None = None
    """Index of the bias among the inputs."""
    channels: int | None = None
    """The kernel's channel axis, for counting MACs: each output value (input value, for a transposed convolution) uses
    one slice across it. None for a matrix product, where the depth counts instead."""


SLOTS: Final = {
    "Conv": _Slots(bias=2, channels=0),
    "ConvTranspose": _Slots(bias=2, channels=0),
    "Gemm": _Slots(bias=2),
    "MatMul": _Slots(),
}
"""The operations that multiply by weights."""


def fuse(file: OnnxFile) -> Graph:
    """Fuse operations with their quantizers into the graph form that the audits of both formats share."""
    return _Fusion(file).build()


class _Fusion:
    """The fused operations, and one `Tensor` for each name that remains."""

    def __init__(self, file: OnnxFile) -> None:
        self._file = file
        self._tensors: dict[str, Tensor] = {}
        self._signature = {spec.name for spec in (*file.inputs, *file.outputs)}
        self._fused = {node.output[0] for node in file.nodes if self._is_fused(node)}  # names of their results
        # The quantizers and dequantizers around a tensor hold its scales.
        self._scales = {node.output[0]: node.input[1] for node in file.nodes if node.op_type == "QuantizeLinear"}
        self._scales |= {node.input[0]: node.input[1] for node in file.nodes if node.op_type == "DequantizeLinear"}

    def build(self) -> Graph:
        inputs = tuple(self._tensor(spec.name) for spec in self._file.inputs)
        constants = set(self._file.stored)
        operations = []
        for node in self._file.nodes:
            if node.input and all(name in constants for name in node.input if name):
                constants.update(node.output)
            if not self._disappears(node):
                operations.append(self._operation(node, constants))
        return Graph(tuple(operations), inputs, tuple(self._tensor(spec.name) for spec in self._file.outputs))

    def _is_fused(self, node: onnx.NodeProto) -> bool:
        floats = [name for name in node.input if name and self._file.is_float(name)]
        if node.op_type not in FUSED_OPS or not floats:
            return False
        reads_bytes = all(self._file.is_made_by(name, "DequantizeLinear") for name in floats)
        gives_bytes = node.op_type in FLOAT_RESULT_OPS or self._quantizer(node) is not None
        return reads_bytes and gives_bytes and self._has_fitting_bias(node)

    def _has_fitting_bias(self, node: onnx.NodeProto) -> bool:
        """Whether bias scale = input scale * weight scale; otherwise onnxruntime computes in float."""
        slots = SLOTS.get(node.op_type)
        if slots is None or slots.bias is None or len(node.input) <= slots.bias or not node.input[slots.bias]:
            return True
        names = (node.input[0], node.input[1], node.input[slots.bias])
        data, kernel, bias = (self._file.stored.get(self._file.makers[name].input[1]) for name in names)
        if data is None or kernel is None or bias is None:
            return False
        return bool(np.allclose(bias, data * kernel, rtol=BIAS_TOLERANCE, atol=0))

    def _quantizer(self, node: onnx.NodeProto) -> onnx.NodeProto | None:
        """The quantizer of a node's result, if the result has no other reader."""
        name = node.output[0]
        readers = self._file.readers.get(name, [])
        alone = len(node.output) == len(readers) == 1 and name not in self._signature
        return readers[0] if alone and readers[0].op_type == "QuantizeLinear" else None

    def _disappears(self, node: onnx.NodeProto) -> bool:
        """Whether a node is a quantizer or dequantizer that is fused with every operation around it."""
        if node.op_type == "QuantizeLinear":
            maker = self._file.makers.get(node.input[0])
            return maker is not None and maker.output[0] in self._fused and self._quantizer(maker) is not None
        readers = self._file.readers.get(node.output[0], [])
        fused = all(reader.output[0] in self._fused for reader in readers)
        return bool(node.op_type == "DequantizeLinear" and fused and node.output[0] not in self._signature)

    def _operation(self, node: onnx.NodeProto, constants: set[str]) -> Operation:
        fused = node.output[0] in self._fused
        # A quantizer's scale and zero-point do not count as tensors.
        names = node.input[:1] if node.op_type in ("QuantizeLinear", "DequantizeLinear") else node.input
        reads = {name: self._read(name, fused=fused) for name in names if name}
        quantizer = self._quantizer(node) if fused else None
        outputs = tuple(map(self._tensor, quantizer.output if quantizer else filter(None, node.output)))
        name = node.name or node.output[0]
        inputs = tuple(reads.values())
        slots = SLOTS.get(node.op_type)
        if slots is None:
            return Operation(node.op_type, name, inputs, outputs, overwrites=self._find_overwritten(node, constants))
        data, kernel = reads[node.input[0]], reads[node.input[1]]
        macs = _count_macs(node, data, kernel, outputs[0])
        if node.input[1] not in constants:  # the product of two activations, as in attention
            return Operation(node.op_type, name, inputs, outputs, macs=macs)
        bias = reads.get(node.input[slots.bias]) if slots.bias is not None and len(node.input) > slots.bias else None
        return Operation(node.op_type, name, inputs, outputs, data=data, kernel=kernel, bias=bias, macs=macs)

    def _find_overwritten(self, node: onnx.NodeProto, constants: set[str]) -> Tensor | None:
        """The input whose memory the result reuses."""
        fused = node.output[0] in self._fused
        candidates = [name for name in node.input[:2] if name and name not in constants]
        if node.op_type in VIEW_OPS and node.input[0] in candidates:
            return self._read(node.input[0], fused=fused)
        if node.op_type not in IN_PLACE_OPS or fused:
            return None
        result = self._tensor(node.output[0])
        for name in candidates:
            read = self._tensor(name)
            if (read.dtype, read.shape) == (result.dtype, result.shape) and self._is_read_once(name):
                return read
        return None

    def _is_read_once(self, name: str) -> bool:
        """Whether a tensor's memory has a single reader, counting all views of the same memory."""
        maker = self._file.makers.get(name)
        if maker is None or name in self._signature or len(self._file.readers[name]) > 1:
            return False
        return maker.op_type not in VIEW_OPS or self._is_read_once(maker.input[0])

    def _read(self, name: str, *, fused: bool) -> Tensor:
        """The tensor that a node reads; for a fused node, the bytes in front of the dequantizer."""
        return self._tensor(self._file.makers[name].input[0] if fused and self._file.is_float(name) else name)

    def _tensor(self, name: str) -> Tensor:
        if name not in self._tensors:
            scale = self._scales.get(name)
            n_scales = 0 if scale is None else int(np.prod(self._file.shapes[scale]))
            dtype, shape = self._file.dtypes[name], self._file.shapes[name]
            self._tensors[name] = Tensor(name, dtype, shape, name in self._file.stored, n_scales)
        return self._tensors[name]


def _count_macs(node: onnx.NodeProto, data: Tensor, kernel: Tensor, result: Tensor) -> int:
    channels = SLOTS[node.op_type].channels
    if channels is None:
        transposed = node.op_type == "Gemm" and read_attributes(node).get("transA", 0)
        return result.n_values * data.shape[0 if transposed else -1]
    positions = data if node.op_type == "ConvTranspose" else result
    return positions.n_values * (kernel.n_values // kernel.shape[channels])
