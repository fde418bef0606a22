"""Quantiles, and filters by the largest and smallest neighbours: the one home of both, for all steps of reading."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[Any]
"""Planes of grey levels, shape (C, H, W)."""

Floats = npt.NDArray[np.float32]


def quantile(values: npt.NDArray[Any], part: float) -> Any:
    """The value below which `part` (0..1) of all values lie, without interpolation.

    NumPy's median and percentile import numpy.ma, which costs a cold start 6 ms.
    """
    place = int(part * (values.size - 1))
    return np.partition(values, place, axis=None)[place]


def quantile_along(values: npt.NDArray[Any], part: float) -> npt.NDArray[Any]:
    """As `quantile`, along the last axis, which stays with length 1."""
    place = int(part * (values.shape[-1] - 1))
    return np.partition(values, place, axis=-1)[..., place : place + 1]


def grey_closing(planes: Levels, window: int) -> Levels:
    """Grey-scale closing of each plane, shape (C, H, W), by a square of `window` pixels.

    Beyond its edges the picture goes on as it ends, so that a dark desk at an edge stays background.
    """
    window = max(2, window)
    values = _slide(_go_on(planes, window, 1), window, 1, np.maximum)
    values = _slide(_go_on(values, window, 2), window, 2, np.maximum)
    values = _slide(_slide(values, window, 1, np.minimum), window, 2, np.minimum)
    return values[:, 1:-1, 1:-1]


def _go_on(planes: Levels, reach: int, axis: int) -> Levels:
    """The picture with its first and last row (axis 1) or column (axis 2) repeated `reach` times beyond it."""
    n = planes.shape[axis]
    shape = [*planes.shape]
    shape[axis] += 2 * reach
    longer = np.empty(shape, planes.dtype)
    along, before = longer.swapaxes(0, axis), planes.swapaxes(0, axis)
    along[reach : n + reach], along[:reach], along[n + reach :] = before, before[0], before[-1]
    return longer


def _slide(values: Levels, window: int, axis: int, function: Any) -> Levels:
    """`function` over `window` neighbours along one axis, by doubling: log2(window) passes."""
    values = values.swapaxes(0, axis)
    reach = 1
    while reach < window:
        step = min(reach, window - reach)
        values = function(values[:-step], values[step:])
        reach += step
    slid: Levels = values.swapaxes(0, axis)
    return slid


def dilate(mask: npt.NDArray[np.bool_], reach: int) -> npt.NDArray[np.bool_]:
    """The mask and all that is within `reach` pixels of it, in a square."""
    for axis in (0, 1):
        # How many of its pixels lie before each place, and so between any two places, however far they are apart.
        before = np.pad(mask.cumsum(axis, dtype=np.int32), [(1, 0) if axis == side else (0, 0) for side in (0, 1)])
        last = mask.shape[axis]
        places = np.arange(last)
        ends, starts = np.minimum(places + reach + 1, last), np.maximum(places - reach, 0)
        mask = before.take(ends, axis) > before.take(starts, axis)
    return mask


def max_within(values: Floats, reach: int) -> Floats:
    """The largest value within `reach` neighbours along the last axis."""
    n = values.shape[-1]
    padded = np.zeros((*values.shape[:-1], n + 2 * reach), np.float32)
    padded[..., reach : n + reach] = values
    widest: Floats = padded[..., :n].copy()
    for shift in range(1, 2 * reach + 1):
        np.maximum(widest, padded[..., shift : n + shift], out=widest)
    return widest
