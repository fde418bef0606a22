"""Lower the layers without weights: pooling, sums, padding, changes of scale and shape, softmax."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_mnist_exporter.program.fixed_point import (
    EXP_INTEGER_BITS,
    exp_of_negative,
    multiply_high,
    quantize_multiplier,
    rescale,
)
from edge_mnist_exporter.program.program import Add, Concatenation, Lookup, Mean, Pad, Pool, Softmax, Value
from edge_mnist_exporter.program.tflite_nodes import Node

ADD_HEADROOM: Final = 20
"""Bits by which the two inputs of a sum are shifted to the left, so that rounding them costs little."""

LEAST_EXP: Final = 2**11
"""In 2**-31: what is less adds nothing to a softmax's sum, which has 19 bits behind the point, and gets no score."""


def lower_pool(node: Node) -> Pool:
    """Lower a pool that keeps the scale."""
    if not node.input().has_grid_of(node.output):
        raise node.refuse("pooling to another scale")
    kind: Literal["max", "average"] = "max" if node.kind == "MAX_POOL_2D" else "average"
    window = node.window(node.options.filterHeight, node.options.filterWidth)
    return Pool(node.source, node.target, kind, window, node.clamp())


def lower_mean(node: Node) -> Mean:
    """Lower a mean over height and width."""
    source = node.source
    rank = len(node.input().shape)
    axes = {int(axis) % rank for axis in node.constant(1).reshape(-1)}
    if rank != 4 or axes != {1, 2}:
        raise node.refuse("a mean over other axes than height and width")
    count = source.height * source.width
    multiplier, shift = quantize_multiplier(float(node.input().scale) / float(node.output.scale))
    # 1 / count joins the multiplier, with as many more bits as count has and the shift has room for.
    bits = min(count.bit_length() - 1, 32, 31 - shift)
    multiplier, shift = (multiplier << bits) // count, shift + bits
    if shift < 0:
        raise node.refuse("an output scale finer than that of its sums")
    target = replace(node.target, height=1, width=1, channels=source.channels)
    return Mean(source, target, node.input().zero, multiplier, shift, node.clamp())


def lower_add(node: Node) -> Add:
    """Lower the sum of two computed values."""
    sources = node.sources
    if len(sources) != 2 or sources[0].shape != sources[1].shape:
        raise node.refuse("a sum of other inputs than two of the same shape")
    one, other = node.input(), node.input(1)
    twice = 2 * max(float(one.scale), float(other.scale))
    pairs = [quantize_multiplier(float(tensor.scale) / twice) for tensor in (one, other)]
    multiplier, shift = quantize_multiplier(twice / ((1 << ADD_HEADROOM) * float(node.output.scale)))
    if shift < 0:
        raise node.refuse("an output scale finer than that of its sums")
    return Add(
        *sources,
        node.target,
        (one.zero, other.zero),
        (pairs[0][0], pairs[1][0]),
        (pairs[0][1], pairs[1][1]),
        multiplier,
        shift,
        node.clamp(),
    )


def lower_concatenation(node: Node) -> Concatenation:
    """Lower a concatenation of channels."""
    rank = len(node.output.shape)
    if len(node.sources) != len(node.inputs) or node.options.axis % rank != rank - 1:
        raise node.refuse("a concatenation along another axis than the channels, or with constants")
    if not all(item.has_grid_of(node.output) for item in node.inputs if item):
        raise node.refuse("a concatenation of different scales")
    if node.options.fusedActivationFunction != schema.ActivationFunctionType.NONE:
        raise node.refuse("a concatenation with an activation")
    return Concatenation(node.sources, node.target)


def lower_pad(node: Node) -> Pad:
    """Lower a border of constant bytes."""
    pads = node.constant(1).reshape(-1, 2).astype(int)
    if len(pads) != 4 or pads[0].any() or pads[3].any() or (pads < 0).any():
        raise node.refuse("padding of other axes than height and width")
    if not node.input().has_grid_of(node.output):
        raise node.refuse("padding at another scale")
    fill = node.input().zero
    if node.kind == "PADV2":
        fill = int(node.constant(2).reshape(-1)[0]) + (128 if node.input(2).dtype == "int8" else 0)
    return Pad(node.source, node.target, int(pads[1, 0]), int(pads[2, 0]), fill)


def lower_shape(node: Node) -> Value:
    """Lower a change of shape: the same bytes in the same place, under their old name."""
    source = node.sources[0]
    if source.size_bytes != node.target.size_bytes or not node.input().has_grid_of(node.output):
        raise node.refuse("a change of shape that changes values")
    return replace(node.target, name=source.name)


def lower_rescaling(node: Node) -> Lookup | Value:
    """Lower QUANTIZE, RELU or RELU6 to a table of 256 bytes; the same value if the table changes nothing."""
    source, given = node.source, node.input()
    # `quantize.cc` divides the scales as doubles, `activations.cc` as floats.
    quotient = float(given.scale) / float(node.output.scale)
    if node.kind != "QUANTIZE":
        quotient = float(given.scale / node.output.scale)
    multiplier, shift = quantize_multiplier(quotient)
    kinds = schema.ActivationFunctionType
    clamp = node.clamp({"RELU": kinds.RELU, "RELU6": kinds.RELU6}.get(node.kind, kinds.NONE))
    steps = (clamp.zero + rescale(byte - given.zero, multiplier, shift) for byte in range(256))
    table = bytes(min(max(step, clamp.low), clamp.high) for step in steps)
    if table == bytes(range(256)):
        return replace(node.target, name=source.name)
    return Lookup(source, node.target, table)


def lower_softmax(node: Node) -> Softmax:
    """Make softmax from a table of exp(), as TFLite's `PreprocessSoftmaxScaling` and `CalculateInputRadius` do."""
    source = node.source
    if float(node.output.scale) != 1 / 256 or node.output.zero:
        raise node.refuse("a softmax that gives anything but 256ths")
    if source.height * source.width != 1:
        raise node.refuse("a softmax of several pixels")
    fraction_bits = 31 - EXP_INTEGER_BITS
    real = min(float(node.options.beta) * float(node.input().scale) * 2**fraction_bits, 2.0**31 - 1)
    multiplier, shift = quantize_multiplier(real)
    radius = ((2**EXP_INTEGER_BITS - 1) << fraction_bits) >> -shift
    table = [
        exp_of_negative(multiply_high(-distance << -shift, multiplier)) for distance in range(min(radius, 255) + 1)
    ]
    return Softmax(source, node.target, np.array([exp for exp in table if exp >= LEAST_EXP], np.int32))
