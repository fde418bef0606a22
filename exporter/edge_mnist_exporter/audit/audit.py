"""The audit of a model file: its precision, its tensors and its cost on a device, from its graph alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Final

from edge_mnist_exporter.audit.graph import Graph
from edge_mnist_exporter.audit.memory_plan import plan_memory
from edge_mnist_runtime.contract import TensorSpec
from edge_mnist_runtime.errors import PrecisionProofError

InputScale = tuple[float, int]
"""Scale and zero-point: real value = scale * (stored value - zero-point)."""


MAX_WEIGHT_PAIR: Final = 128
"""Largest sum of two int8 weights of one sign in an output channel for exact 16-bit sums: 255 * 128 = 32,640 is below
32,768."""


@dataclass(frozen=True)
class WeightPair:
    """The two int8 weights of one sign in one output channel with the largest sum in a file."""

    steps: int
    """Their absolute sum, in steps of the channel's scale."""
    layer: str
    """The operation that multiplies by them."""

    @property
    def can_saturate(self) -> bool:
        """Whether a kernel that adds two products in 16 bits can saturate."""
        return self.steps > MAX_WEIGHT_PAIR


@dataclass(frozen=True)
class GraphAudit:
    """The result of auditing one file's graph."""

    precision: str
    """The precision that was proved."""
    operators: dict[str, int]
    """Count of each operator, by the format's name for it, in the order of first appearance."""
    n_tensors: int
    """Activations and weights. In an ONNX file, tensors between a quantized operation and its quantizers do not count,
    because an engine fuses the three."""
    float_tensors: tuple[str, ...]
    """Names of the activations and weights that are floating-point numbers."""
    float_layers: tuple[str, ...]
    """Names of the operations with weights (convolutions, fully connected) that compute in float."""
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    weight_dtypes: dict[str, int]
    """Bytes of weights by stored dtype; the sum is `weights_bytes`."""
    weights_bytes: int
    """Stored size of kernels, biases and every other learned tensor (such as the factors of a BatchNorm that was not
    folded), each tensor once. Scales, zero-points, shapes, axes and single numbers (ReLU6 bounds, 1/255) do not
    count."""
    unpacked_weights_bytes: int
    """Memory for weights that are read in another form than stored: the float32 copies of float16 weights. It is
    needed beside the arena for as long as the model is loaded."""
    per_channel: bool | None
    """Whether any kernel has a scale for each output channel; None if no kernel is quantized."""
    arena_bytes: int
    """Peak memory of activations for one image, inputs and outputs included, as `plan_memory` places them. Working
    memory of an engine's kernels comes on top."""
    macs: int
    """Multiply-accumulates for one image in operations with weights. Zero weights of a rewritten stem count too."""
    weight_pair: WeightPair | None = None
    """The pair that decides whether int8 sums can saturate in an ONNX file. None without int8 weights, and for TFLite,
    whose kernels add in 32 bits."""

    @property
    def can_saturate(self) -> bool:
        """Whether int8 sums can saturate on some processors (x86 without VNNI, in onnxruntime)."""
        return self.weight_pair is not None and self.weight_pair.can_saturate

    def to_dict(self) -> dict[str, Any]:
        """The entry of report.json."""
        return asdict(self)


def measure_graph(
    graph: Graph,
    precision: str,
    *,
    operators: list[str],
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    weight_pair: WeightPair | None = None,
) -> GraphAudit:
    """Count tensors, weights and MACs of a graph whose precision is proved, and plan its memory.

    Args:
        graph: The graph that the format's module read.
        precision: The proved precision.
        operators: Name of each operator, in the file's order.
        inputs: As the file states them, possibly with a free batch.
        outputs: Likewise.
        weight_pair: The pair that decides whether int8 sums can saturate.
    """
    values = (*graph.activations, *graph.weights)
    dtypes: Counter[str] = Counter()
    for tensor in graph.weights:
        dtypes[tensor.dtype] += tensor.size_bytes
    n_scales = [kernel.n_scales for kernel in graph.kernels if kernel.n_scales]
    return GraphAudit(
        precision=precision,
        operators=dict(Counter(operators)),
        n_tensors=len(values),
        float_tensors=tuple(tensor.name for tensor in values if tensor.is_float),
        float_layers=tuple(layer.name for layer in graph.layers if graph.find_arithmetic(layer) == "float"),
        inputs=inputs,
        outputs=outputs,
        weight_dtypes=dict(dtypes),
        weights_bytes=dtypes.total(),
        unpacked_weights_bytes=sum(tensor.size_bytes for tensor in graph.unpacked),
        per_channel=max(n_scales) > 1 if n_scales else None,
        arena_bytes=plan_memory(list(graph.list_buffers())).arena_bytes,
        macs=sum(operation.macs for operation in graph.operations),
        weight_pair=weight_pair,
    )


def check_signature(
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    expected_input: InputScale | None,
    file_name: str,
) -> None:
    """Check that a file has one input and one output, and the input's scale and zero-point; None accepts any.

    Raises:
        PrecisionProofError: One of these is different.
    """
    if len(inputs) != 1 or len(outputs) != 1:
        raise PrecisionProofError(f"{file_name}: has {len(inputs)} inputs and {len(outputs)} outputs, not one of each")
    if expected_input is None:
        return
    image, (scale, zero_point) = inputs[0], expected_input
    if image.scale is None:
        raise PrecisionProofError(f"{file_name}: input {image.name} is {image.dtype}, not bytes of scale {scale:.7g}")
    # Converters compute the scale from float32 ranges, so the last digits may differ.
    if abs(image.scale / scale - 1) > 1e-6 or image.zero_point != zero_point:
        raise PrecisionProofError(
            f"{file_name}: input {image.name} has scale {image.scale:.7g} and zero-point {image.zero_point}, not "
            f"{scale:.7g} and {zero_point}: pixels would be misread; use more `calibration_samples`"
        )
