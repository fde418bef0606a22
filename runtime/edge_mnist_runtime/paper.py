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


def close_gaps(planes: Planes, window: int) -> Planes:
    """Grey-scale closing of each plane, shape (C, H, W), by a square of `window` pixels.

    Beyond its edges the picture goes on as it ends, so that a dark desk at an edge stays ground.
    """
    window = max(2, window)
    values = np.pad(planes, ((0, 0), (window, window), (window, window)), mode="edge")
    for function in (np.maximum, np.minimum):
        for axis in (1, 2):
            values = _slide(values, window, axis, function)
    return values[:, 1:-1, 1:-1]


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
    step = max(1, max(planes.shape) // POLARITY_SIDE)
    small = _average_down(planes, step)
    window = max(2, window // step)
    light, dark = _roughness(close_gaps(255 - small, window)), _roughness(close_gaps(small, window))
    return light < dark, 1 - min(light, dark) / max(light, dark, 1e-6)


def _average_down(planes: Planes, step: int) -> Planes:
    height, width = (side // step * step for side in planes.shape[1:])
    blocks = planes[:, :height, :width].reshape(len(planes), height // step, step, width // step, step)
    small: Planes = blocks.mean((2, 4)).astype(np.uint8)
    return small


def _roughness(planes: Planes) -> float:
    values = planes.astype(np.float32)  # squares: the edges of strokes are sharp, light's are not
    return float((np.diff(values, axis=1) ** 2).sum() + (np.diff(values, axis=2) ** 2).sum())


def measure_darkness(planes: Planes, ground: Planes) -> Floats:
    """How much darker than its ground each point is, along the colour of the ink.

    Args:
        planes: The picture, dark ink on light ground.
        ground: The same without ink, as `close_gaps` gives it.

    Returns:
        float32, shape (H, W): parts of the ground's light, about 0 where there is no ink, below it where noise is
        lighter than the ground, at most about 1.
    """
    loss = (ground.astype(np.float32) - planes) / np.maximum(ground, 24)
    # Noise makes the largest value around a point larger than the paper is.
    loss -= np.array([quantile(plane[::2, ::2], 0.5) for plane in loss], np.float32)[:, np.newaxis, np.newaxis]
    # The pen's colour: what the darkest points lack. Cubes, because paper has many points and ink has few.
    strength = np.maximum(loss, 0).sum(0)
    direction = (np.maximum(loss, 0) * strength**2).sum((1, 2))
    length = float(np.sqrt((direction**2).sum()))
    if length <= 0:
        return np.zeros(loss.shape[1:], np.float32)
    along = np.tensordot(direction / length, loss, 1) / np.float32((direction / length).sum())
    darkness: Floats = along.astype(np.float32)
    return darkness


def noise_of(darkness: Floats) -> float:
    """Standard deviation of the noise, from neighbours' differences."""
    if min(darkness.shape) < 2:
        return 0.0
    steps = np.abs(np.diff(darkness[::2], axis=1))
    return float(quantile(steps, 0.5)) / (0.6745 * 2**0.5)
