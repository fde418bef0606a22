"""The ground that a digit is written on: what it would look like without ink, and what differs from it.

Uneven light, shadows and the paper's own colour are larger than a pen's stroke is wide. A grey-scale closing (Serra,
1982), the largest value around each point and then the smallest of those, fills whatever dark is narrower than its
window and leaves every larger edge where it is, that of a shadow, too.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.levels import quantile

Planes = npt.NDArray[np.uint8]
"""A colour picture, plane by plane, uint8, shape (C, H, W), with C 3, or 1 for grey."""

Floats = npt.NDArray[np.float32]

POLARITY_SIDE: Final = 72
"""Pixels of the longer side at which dark ink and light ink are told apart."""

COLOUR_SIDE: Final = 90
"""Pixels of the longer side at which the colour of the ink is found, at least."""

NOISE_ROWS: Final = 40
"""Rows of a picture whose noise is measured, at least."""


def close_gaps(planes: Planes, window: int) -> Planes:
    """Grey-scale closing of each plane, shape (C, H, W), by a square of `window` pixels.

    Beyond its edges the picture goes on as it ends, so that a dark desk at an edge stays ground.
    """
    window = max(2, window)
    values = _slide(_go_on(planes, window, 1), window, 1, np.maximum)
    values = _slide(_go_on(values, window, 2), window, 2, np.maximum)
    values = _slide(_slide(values, window, 1, np.minimum), window, 2, np.minimum)
    return values[:, 1:-1, 1:-1]


def _go_on(planes: Planes, reach: int, axis: int) -> Planes:
    """The picture with its first and last row (axis 1) or column (axis 2) repeated `reach` times beyond it."""
    n = planes.shape[axis]
    rows = np.clip(np.arange(-reach, n + reach), 0, n - 1)
    return planes.take(rows, axis)


def _slide(values: Planes, window: int, axis: int, function: Any) -> Planes:
    """`function` over `window` neighbours along one axis, by doubling: log2(window) passes."""
    values = values.swapaxes(0, axis)
    reach = 1
    while reach < window:
        step = min(reach, window - reach)
        values = function(values[:-step], values[step:])
        reach += step
    slid: Planes = values.swapaxes(0, axis)
    return slid


def compare_polarities(planes: Planes, window: int) -> tuple[bool, float]:
    """Whether the ink is lighter than its ground, and how little doubt there is, 0..1.

    Of two explanations the one with the smoother ground holds: a closing takes dark strokes away and leaves even
    paper, an opening leaves the strokes, and wider ones. Where shadows have edges neither ground is smooth.
    """
    window = max(2, window)
    light, dark = _roughness(close_gaps(255 - planes, window)), _roughness(close_gaps(planes, window))
    return light < dark, 1 - min(light, dark) / max(light, dark, 1e-6)


def _roughness(planes: Planes) -> float:
    values = planes.astype(np.float32)  # squares: the edges of strokes are sharp, light's are not
    return float((np.diff(values, axis=1) ** 2).sum() + (np.diff(values, axis=2) ** 2).sum())


def mix_planes(planes: Planes, window: int) -> Planes:
    """One plane, shape (1, H, W), of a picture's colours: that in which its ink is darkest, whatever colour it is of.

    Args:
        planes: The picture, dark ink on light ground.
        window: Width of the widest stroke, in pixels.
    """
    if len(planes) == 1:
        return planes
    step = max(1, min(max(planes.shape) // COLOUR_SIDE, *planes.shape[1:]))
    few = planes[:, ::step, ::step]  # not averaged: a thin stroke would lose its colour
    ground = close_gaps(few, window // step)
    loss = (ground.astype(np.float32) - few) / np.maximum(ground, 24)
    loss -= np.array([quantile(plane, 0.3) for plane in loss], np.float32)[:, np.newaxis, np.newaxis]
    np.maximum(loss, 0, out=loss)
    # The pen's colour: what the darkest points lack. Cubes, because paper has many points and ink has few.
    direction = np.tensordot(loss, loss.sum(0) ** 2, 2)
    if not direction.max() > 0:
        direction = np.ones(len(planes), np.float32)
    light = np.array([max(24, int(quantile(plane, 0.5))) for plane in ground], np.float32)
    weights = (direction / direction.sum() / light).astype(np.float32)
    weights *= np.float32(min(float(light.mean()), 1 / float(weights.sum())))  # white stays within 255
    sums = np.zeros(planes.shape[1:], np.uint16)
    for plane, weight in zip(planes, weights, strict=True):
        sums += np.multiply(plane, np.uint16(256 * weight), dtype=np.uint16)
    mixed: Planes = (sums >> 8).astype(np.uint8)[np.newaxis]
    return mixed


def measure_darkness(plane: Planes, ground: Planes) -> Floats:
    """How much darker than its ground each point is.

    Args:
        plane: The picture, dark ink on light ground, shape (1, H, W).
        ground: The same without ink, as `close_gaps` gives it.

    Returns:
        float32, shape (H, W): parts of the ground's light, about 0 where there is no ink, below it where noise is
        lighter than the ground, at most about 1.
    """
    darkness: Floats = (ground[0] - plane[0]) / np.maximum(ground[0], 24).astype(np.float32)
    # Noise makes the largest value around a point larger than the paper is. Paper is what most points show, or, where
    # strokes fill the picture, what a fifth of them shows.
    few = darkness[::4, ::4]
    darkness -= min(quantile(few, 0.5), quantile(few, 0.2) + np.float32(1.2 * noise_of(darkness)))
    return darkness


def noise_of(darkness: Floats) -> float:
    """Standard deviation of the noise, from neighbours' differences."""
    if min(darkness.shape) < 2:
        return 0.0
    steps = np.abs(np.diff(darkness[:: max(1, len(darkness) // NOISE_ROWS)], axis=1))
    return float(quantile(steps, 0.5)) / (0.6745 * 2**0.5)
