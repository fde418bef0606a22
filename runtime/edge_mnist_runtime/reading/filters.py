"""Quantiles, and minimum and maximum filters (closing, dilation), without SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[Any]
"""Planes of grey levels, shape (C, H, W)."""

Floats = npt.NDArray[np.float32]


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
    values = _slide(_go_on(planes, window, 1), window, 1, np.maximum)
    values = _slide(_go_on(values, window, 2), window, 2, np.maximum)
    values = _slide(_slide(values, window, 1, np.minimum), window, 2, np.minimum)
    return values[:, 1:-1, 1:-1]


def _go_on(planes: Levels, reach: int, axis: int) -> Levels:
    """Pad by repeating the first and last row (axis 1) or column (axis 2) `reach` times."""
    n = planes.shape[axis]
    shape = [*planes.shape]
    shape[axis] += 2 * reach
    longer = np.empty(shape, planes.dtype)
    along, before = longer.swapaxes(0, axis), planes.swapaxes(0, axis)
    along[reach : n + reach], along[:reach], along[n + reach :] = before, before[0], before[-1]
    return longer


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


def dilate(mask: npt.NDArray[np.bool_], reach: int) -> npt.NDArray[np.bool_]:
    """Dilate a mask, shape (H, W), by `reach` pixels in a square."""
    for axis in (0, 1):
        # Cumulative counts make the cost independent of `reach`: a difference counts the pixels between two positions.
        before = np.pad(mask.cumsum(axis, dtype=np.int32), [(1, 0) if axis == side else (0, 0) for side in (0, 1)])
        last = mask.shape[axis]
        positions = np.arange(last)
        ends, starts = np.minimum(positions + reach + 1, last), np.maximum(positions - reach, 0)
        mask = before.take(ends, axis) > before.take(starts, axis)
    return mask


def max_within(values: Floats, reach: int) -> Floats:
    """Maximum filter along the last axis over `reach` neighbours to each side; values must not be negative."""
    n = values.shape[-1]
    padded = np.zeros((*values.shape[:-1], n + 2 * reach), np.float32)
    padded[..., reach : n + reach] = values
    widest: Floats = padded[..., :n].copy()
    for shift in range(1, 2 * reach + 1):
        np.maximum(widest, padded[..., shift : n + shift], out=widest)
    return widest
