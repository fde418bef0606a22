"""Lower the layers with weights: convolution, depthwise convolution, fully connected."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_exporter.program.fixed_point import INT32_MAX, quantize_multiplier
from edge_mnist_exporter.program.program import (
    Convolution,
    Int8s,
    Int32s,
    Scale,
    Window,
)
from edge_mnist_exporter.program.tflite_nodes import Node

BIAS: Final = 2
"""Index of the bias among the inputs."""


def lower_convolution(node: Node) -> Convolution:
    """Lower a convolution, or a fully connected layer as the convolution of one pixel."""
    source, target, weights = node.source, node.target, _weights(node)
    is_dense = node.kind == "FULLY_CONNECTED"
    if is_dense:
        n_outputs, depth = weights.shape
        if node.options.weightsFormat or depth != source.size_bytes:
            raise node.refuse(f"weights of {depth} values for each of its outputs over an input of {source.shape}")
        weights = weights.reshape(n_outputs, 1, 1, depth)
        source = replace(source, height=1, width=1, channels=depth)
        target = replace(target, height=1, width=1, channels=n_outputs)
        window = Window(1, 1)
    else:
        _, height, width, channels = weights.shape
        if channels != source.channels:
            raise node.refuse(f"groups of {channels} of {source.channels} channels")
        window = node.window(height, width)
    zero = node.input().zero
    bias, largest = _fold_bias(node, weights, zero, 0)
    return Convolution(
        source,
        target,
        window,
        target.height,
        target.width,
        weights,
        bias,
        zero,
        _scale(node, largest, in_float=is_dense),
        node.clamp(),
        rounds_once=is_dense,
    )


def lower_depthwise(node: Node) -> Convolution:
    """Lower a depthwise convolution. Of a single channel it is an ordinary one."""
    weights = _weights(node)
    _, height, width, _ = weights.shape
    zero = node.input().zero
    bias, largest = _fold_bias(node, weights, zero, 3)
    return Convolution(
        node.source,
        node.target,
        node.window(height, width),
        node.target.height,
        node.target.width,
        weights.transpose(3, 1, 2, 0),
        bias,
        zero,
        _scale(node, largest),
        node.clamp(),
        rounds_once=False,
        is_depthwise=node.source.channels > 1,
    )


def _weights(node: Node) -> Int8s:
    weights, tensor = node.constant(1), node.input(1)
    if tensor.dtype != "int8":
        raise node.refuse(f"{tensor.dtype} weights")
    if any(tensor.zero_points):
        raise node.refuse(f"weights with zero-point {next(filter(None, tensor.zero_points))}")
    return weights


def _fold_bias(node: Node, weights: Int8s, zero: int, outputs_axis: int) -> tuple[Int32s, npt.NDArray[np.int64]]:
    """The bias less the zero-point's part of every sum, and how large sums can become."""
    others = tuple(axis for axis in range(weights.ndim) if axis != outputs_axis)
    wide = weights.astype(np.int64)
    bias = node.constant(BIAS).astype(np.int64).reshape(-1) if node.has_input(BIAS) else 0
    folded = bias - zero * wide.sum(axis=others)
    largest = np.abs(folded) + 255 * np.abs(wide).sum(axis=others)
    if largest.max() > INT32_MAX:
        raise node.refuse("sums that 32 bits do not hold")
    return folded.astype(np.int32), largest


def _scale(node: Node, largest: npt.NDArray[np.int64], *, in_float: bool = False) -> Scale:
    """Multipliers of sums that are at most `largest` in size, one for each channel.

    Args:
        node: The layer.
        largest: One maximum an output channel.
        in_float: Multiply a single weight scale with the input's in float32, as TFLite does in fully connected layers.
    """
    source, target, scales = node.input().scale, float(node.output.scale), node.input(1).scales
    if in_float and len(scales) == 1:
        reals = [float(source * scales[0]) / target]
    else:
        reals = [float(source) * float(scale) / target for scale in scales]
    pairs = [quantize_multiplier(real) for real in (reals * len(largest) if len(reals) == 1 else reals)]
    if len(pairs) != len(largest):
        raise node.refuse(f"{len(pairs)} weight scales for {len(largest)} outputs")
    if any(shift < 0 for _, shift in pairs):
        raise node.refuse("an output scale finer than that of its sums")
    # Half of 2**shift is added to a sum before it is shifted.
    if any(int(most) + ((1 << shift) >> 1) > INT32_MAX for most, (_, shift) in zip(largest, pairs, strict=True)):
        raise node.refuse("sums that 32 bits do not hold")
    return Scale(np.array([number for number, _ in pairs], np.int32), np.array([shift for _, shift in pairs], np.int8))
