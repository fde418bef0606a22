"""Quantiles, and minimum and maximum filters, without SciPy. Every such filter of picture reading is here."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
"""Darkness, 0..1, or another measure of pixels; each use states the shape."""

Levels = npt.NDArray[Any]
"""Grey levels, darkness or a mask; each use states the shape."""


def quantile(values: npt.NDArray[Any], fraction: float) -> Any:
    """The value below which `fraction` (0..1) of all values lie, without interpolation.

    NumPy's median and percentile import numpy.ma, which costs 6 ms of a cold start.
    """
    rank = int(fraction * (values.size - 1))
    return np.partition(values, rank, axis=None)[rank]


def quantile_along(values: npt.NDArray[Any], fraction: float) -> npt.NDArray[Any]:
    """Like `quantile`, along the last axis, which is kept with length 1."""
    rank = int(fraction * (values.shape[-1] - 1))
    return np.partition(values, rank, axis=-1)[..., rank : rank + 1]


def grey_closing(planes: Levels, window: int) -> Levels:
    """Grey-scale closing of each plane, shape (C, H, W), by a square of `window` pixels.

    The edge pixels are repeated beyond the picture, so that a dark desk at an edge stays background.
    """
    window = max(2, window)
    values = _slide(repeat_edges(planes, window, 1), window, 1, np.maximum)
    values = _slide(repeat_edges(values, window, 2), window, 2, np.maximum)
    values = _slide(_slide(values, window, 1, np.minimum), window, 2, np.minimum)
    return values[:, 1:-1, 1:-1]


def max_within(values: Levels, reach: int, axes: tuple[int, ...] = (-2, -1)) -> Levels:
    """Maximum over `reach` neighbours to each side along the axes: over a square, or along one axis."""
    return _over_neighbours(values, reach, axes, np.maximum)


def min_within(values: Levels, reach: int, axes: tuple[int, ...] = (-2, -1)) -> Levels:
    """Minimum over the same neighbours."""
    return _over_neighbours(values, reach, axes, np.minimum)


def despeckle(values: Levels) -> Levels:
    """Keep every grey level, uint8, shape (H, W), within the range of its neighbours: eight, fewer at the border.

    Single noisy pixels go; two that touch stay. Lines of one pixel stay, which a median filter would remove.
    """
    low, high = _among_neighbours(values, 255, np.minimum), _among_neighbours(values, 0, np.maximum)
    kept: Levels = np.maximum(np.minimum(values, high), low)
    return kept


def _among_neighbours(values: Levels, beyond: int, function: Any) -> Levels:
    """Apply np.minimum or np.maximum over the eight neighbours of each value; `beyond` lies outside."""
    padded = np.full((values.shape[0] + 2, values.shape[1] + 2), beyond, values.dtype)
    padded[1:-1, 1:-1] = values
    beside = function(padded[:, :-2], padded[:, 2:])
    rows = function(beside, padded[:, 1:-1])
    found: Levels = function(function(rows[:-2], rows[2:]), beside[1:-1])
    return found


def erode(mask: Levels) -> Levels:
    """Erode a mask, shape (H, W): keep the pixels whose four neighbours are in it, too."""
    return _over_cross(mask, np.minimum)


def widen(values: Levels) -> Levels:
    """Dilate values, shape (H, W), not below 0, by one pixel to each side; shape (H + 2, W + 2)."""
    return _over_cross(np.pad(values, 1), np.maximum)


def repeat_edges(values: Levels, reach: int, axis: int) -> Levels:
    """Pad by repeating the first and last values along an axis `reach` times."""
    n = values.shape[axis]
    shape = [*values.shape]
    shape[axis] += 2 * reach
    longer = np.empty(shape, values.dtype)  # np.pad would double the time
    along, before = longer.swapaxes(0, axis), values.swapaxes(0, axis)
    along[reach : n + reach], along[:reach], along[n + reach :] = before, before[0], before[-1]
    return longer


def _over_neighbours(values: Levels, reach: int, axes: tuple[int, ...], function: Any) -> Levels:
    for axis in axes:
        values = _slide(repeat_edges(values, reach, axis), 2 * reach + 1, axis, function)
    return values


def _over_cross(values: Levels, function: Any) -> Levels:
    """Apply np.maximum or np.minimum over each pixel and its four neighbours; 0 lies beyond the edges."""
    padded = np.zeros((values.shape[0] + 2, values.shape[1] + 2), values.dtype)
    padded[1:-1, 1:-1] = values
    upright = function(function(padded[2:], padded[:-2]), padded[1:-1])
    sideways = function(padded[:, 2:], padded[:, :-2])
    crossed: Levels = function(upright[:, 1:-1], sideways[1:-1])
    return crossed


def _slide(values: Levels, window: int, axis: int, function: Any) -> Levels:
    """Apply np.maximum or np.minimum over `window` neighbours along one axis, in log2(window) passes."""
    values = values.swapaxes(0, axis)
    reach = 1
    while reach < window:
        step = min(reach, window - reach)
        values = function(values[:-step], values[step:])
        reach += step
    slid: Levels = values.swapaxes(0, axis)
    return slid


def edges_of(values: Levels) -> Levels:
    """The first and last row and column of an array, shape (H, W), joined: the corners twice; shape (2 * (H + W),)."""
    edges: Levels = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    return edges


def roughness(planes: npt.NDArray[np.uint8]) -> float:
    """Sum of squared differences of neighbours in planes, shape (C, H, W).

    Squares weigh sharp edges of strokes above soft ones of light.
    """
    values = planes.astype(np.float32)
    down, right = values[:, 1:] - values[:, :-1], values[:, :, 1:] - values[:, :, :-1]
    return float((down * down).sum() + (right * right).sum())
