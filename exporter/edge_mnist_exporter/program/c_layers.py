"""Every operation of a program as C: its arrays, its structure, and the call of the function that reads them.

These functions stand in `pieces/`, one file a kind of operation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_exporter.program.c_text import array, braces, show_shape, structure
from edge_mnist_exporter.program.program import (
    QUAD,
    SPARE_BYTES,
    Add,
    Clamp,
    Concatenation,
    Convolution,
    Lookup,
    Mean,
    Operation,
    Pad,
    Pool,
    Softmax,
    Value,
    Window,
)

MIN_LANES: Final = 8
"""Outputs that arrays of a convolution have room for: what a vector of 256 bits works on."""

Places = Mapping[str, str]
"""What C calls a value, or a band, by its name in the program."""

Constants = list[tuple[str, str, npt.NDArray[Any], str]]
"""C's type, name, values and shape of each array."""


@dataclass(frozen=True)
class CLayer:
    """One operation as C."""

    pieces: tuple[str, ...]
    """Files of `pieces/` that it needs."""
    title: str
    """What it does, in a few words."""
    constants: str
    constant_bytes: int
    """Of its arrays."""
    calls: tuple[str, ...]


def write_layer(operation: Operation, places: Places) -> CLayer:
    """Write one operation as C."""
    return WRITERS[type(operation)](operation, places)


def arrange_weights(operation: Convolution) -> npt.NDArray[np.int8]:
    """Weights in the order in which the C reads them.

    Returns:
        int8, shape (window's height, quads, lanes, 4); of a depthwise convolution (window's height, window's width,
        outputs).
    """
    outputs, rows, columns, channels = operation.weights.shape
    if operation.is_depthwise:
        return np.ascontiguousarray(operation.weights[..., 0].transpose(1, 2, 0))
    lanes = max(MIN_LANES, outputs)
    flat = operation.weights.reshape(outputs, rows, columns * channels)
    filled = np.pad(flat, [(0, lanes - outputs), (0, 0), (0, operation.quads * QUAD - columns * channels)])
    return np.ascontiguousarray(filled.reshape(lanes, rows, operation.quads, QUAD).transpose(1, 2, 0, 3))


def _write_convolution(operation: Convolution, places: Places) -> CLayer:
    name, source, target, window = operation.target.name, operation.source, operation.target, operation.window
    weights = arrange_weights(operation)
    pieces: tuple[str, ...] = ("scaling", "convolution", "convolve")
    rows, quads, lanes = weights.shape[0], weights.shape[1], max(MIN_LANES, target.channels)
    shape, depthwise = f"[{rows} rows][{quads} quads][{lanes} outputs][{QUAD}]", {}
    if operation.is_depthwise:
        pieces = (*pieces, "depthwise")
        shape = f"[{rows} rows][{quads} columns][{target.channels} outputs], and {SPARE_BYTES} more"
        depthwise = {"each": target.channels // source.channels}
        weights = np.pad(weights.reshape(-1), (0, SPARE_BYTES))
    fields = {
        "channels": source.channels,
        "quads": quads,
        "row_bytes": operation.row_bytes,
        "height": source.height,
        "width": source.width,
        "window_height": rows,
        "stride_y": window.stride_y,
        "stride_x": window.stride_x,
        "pad_top": window.pad_top,
        "pad_left": window.pad_left,
        "out_height": target.height,
        "out_width": target.width,
        "outputs": target.channels,
        "lanes": lanes,
        "pool": operation.pool,
        "rounds_once": int(operation.rounds_once),
        "zero": operation.zero,
        **_limits(operation.clamp),
        **_array_names(name),
        **depthwise,
    }
    arrays = [("int8_t", f"{name}_weights", weights, shape), *_list_scales(operation, lanes)]
    call = f"convolve(&{name}_layer, {places[source.name]}, {places[f'band {name}']}, {places[name]})"
    return _make(pieces, operation, _describe_convolution(operation), call, ("convolution", fields), arrays)


def _describe_convolution(operation: Convolution) -> str:
    if operation.rounds_once:
        return "fully connected"
    window = operation.window
    kind = "depthwise convolution" if operation.is_depthwise else "convolution"
    stride = "" if window.stride_y == window.stride_x == 1 else f", stride {window.stride_y}"
    return f"{kind} {window.height} x {window.width}{stride}{', 2 x 2 maximum' if operation.pooled else ''}"


def _write_pool(operation: Pool, places: Places) -> CLayer:
    source, target, window, clamp = operation.source, operation.target, operation.window, operation.clamp
    fields = {
        **_sizes(source, window),
        "out_height": target.height,
        "out_width": target.width,
        "average": int(operation.kind == "average"),
        "low": clamp.low,
        "high": clamp.high,
    }
    kind = "average" if operation.kind == "average" else "maximum"
    call = f"pool(&{target.name}_layer, {places[source.name]}, {places[target.name]})"
    return _make(
        ("scaling", "pool"), operation, f"{kind} of {window.height} x {window.width}", call, ("pool", fields), []
    )


def _write_mean(operation: Mean, places: Places) -> CLayer:
    source, name = operation.source, operation.target.name
    fields = {
        "pixels": source.height * source.width,
        "channels": source.channels,
        "multiplier": operation.multiplier,
        "shift": operation.shift,
        "zero": operation.zero,
        **_limits(operation.clamp),
    }
    call = f"mean(&{name}_layer, {places[source.name]}, {places[name]})"
    return _make(("scaling", "mean"), operation, "mean over all pixels", call, ("mean", fields), [])


def _write_add(operation: Add, places: Places) -> CLayer:
    name = operation.target.name
    fields = {
        "n": operation.target.size_bytes,
        "multiplier": operation.multiplier,
        "multipliers": braces(operation.multipliers),
        "shift": operation.shift,
        "shifts": braces(operation.shifts),
        "zeros": braces(operation.zeros),
        **_limits(operation.clamp),
    }
    call = f"add(&{name}_layer, {places[operation.source.name]}, {places[operation.other.name]}, {places[name]})"
    return _make(("scaling", "add"), operation, "sum", call, ("add", fields), [])


def _write_concatenation(operation: Concatenation, places: Places) -> CLayer:
    target = operation.target
    firsts = accumulate((source.channels for source in operation.sources), initial=0)
    calls = tuple(
        f"concatenate({places[source.name]}, {target.height * target.width}, {source.channels}, "
        f"{places[target.name]}, {first}, {target.channels})"
        for source, first in zip(operation.sources, firsts, strict=False)
    )
    return CLayer(("concatenate",), "concatenation", "", 0, calls)


def _write_pad(operation: Pad, places: Places) -> CLayer:
    source, target = operation.source, operation.target
    fields = {
        "height": source.height,
        "row_bytes": source.width * source.channels,
        "top": operation.top,
        "left_bytes": operation.left * source.channels,
        "out_height": target.height,
        "out_row_bytes": target.width * target.channels,
        "fill": operation.fill,
    }
    call = f"pad(&{target.name}_layer, {places[source.name]}, {places[target.name]})"
    return _make(("pad",), operation, "padding", call, ("pad", fields), [])


def _write_lookup(operation: Lookup, places: Places) -> CLayer:
    name, n = operation.target.name, operation.target.size_bytes
    table = ("uint8_t", f"{name}_table", np.frombuffer(operation.table, np.uint8), "by byte")
    call = f"look_up({name}_table, {places[operation.source.name]}, {n}, {places[name]})"
    return _make(("lookup",), operation, "table", call, None, [table])


def _write_softmax(operation: Softmax, places: Places) -> CLayer:
    name, n = operation.target.name, operation.target.size_bytes
    table = ("int32_t", f"{name}_exp", operation.exp, "by steps below the largest score, in 2^-31")
    source = places[operation.source.name]
    call = f"softmax({name}_exp, {len(operation.exp)}, {source}, {n}, {places[name]})"
    return _make(("scaling", "softmax"), operation, "softmax", call, None, [table])


WRITERS: Final[dict[type, Callable[[Any, Places], CLayer]]] = {
    Convolution: _write_convolution,
    Pool: _write_pool,
    Mean: _write_mean,
    Add: _write_add,
    Concatenation: _write_concatenation,
    Pad: _write_pad,
    Lookup: _write_lookup,
    Softmax: _write_softmax,
}


def _make(
    pieces: tuple[str, ...],
    operation: Operation,
    title: str,
    call: str,
    settings: tuple[str, dict[str, Any]] | None,
    arrays: Constants,
) -> CLayer:
    """A layer whose arrays come first, then the structure that names them."""
    head = f"/* {operation.target.name}: {title} -> {show_shape(operation.target)} */\n"
    text = "".join([head, *(array(*each) for each in arrays)])
    if settings:
        text += structure(settings[0], f"{operation.target.name}_layer", settings[1])
    return CLayer(pieces, title, text, sum(values.nbytes for _, _, values, _ in arrays), (call,))


def _list_scales(operation: Convolution, lanes: int) -> Constants:
    """Bias, multiplier and shift of every output."""
    room, name, scale = (0, lanes - len(operation.bias)), operation.target.name, operation.scale
    return [
        ("int32_t", f"{name}_bias", np.pad(operation.bias, room), f"[{lanes}]"),
        ("int32_t", f"{name}_multiplier", np.pad(scale.multiplier, room), f"[{lanes}]"),
        ("int8_t", f"{name}_shift", np.pad(scale.shift, room), f"[{lanes}]"),
    ]


def _array_names(name: str) -> dict[str, str]:
    return {part: f"{name}_{part}" for part in ("weights", "bias", "multiplier", "shift")}


def _limits(clamp: Clamp) -> dict[str, int]:
    return {"out_zero": clamp.zero, "low": clamp.low, "high": clamp.high}


def _sizes(source: Value, window: Window) -> dict[str, int]:
    return {
        "height": source.height,
        "width": source.width,
        "channels": source.channels,
        "window_height": window.height,
        "window_width": window.width,
        "stride_y": window.stride_y,
        "stride_x": window.stride_x,
        "pad_top": window.pad_top,
        "pad_left": window.pad_left,
    }
