"""The ground that a digit is written on: what it would look like without ink, and what differs from it.

Uneven light, shadows and the paper's own colour are larger than a pen's stroke is wide. A grey-scale closing (Serra,
1982), the largest value around each point and then the smallest of those, fills whatever dark is narrower than its
window and leaves every larger edge where it is, that of a shadow, too.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.reading.filters import quantile
from edge_mnist_runtime.reading.parameters import PICTURE_READING

Planes = npt.NDArray[np.uint8]
"""A colour picture, plane by plane, uint8, shape (C, H, W), with C 3, or 1 for grey."""

Plane = npt.NDArray[np.uint8]
"""One of them, shape (H, W)."""

Floats = npt.NDArray[np.float32]

GROUND: Final = PICTURE_READING.ground

NEIGHBOURS_MEDIAN: Final = 0.6745 * 2**0.5
"""Median of the absolute difference of two neighbours whose noise is normal with a standard deviation of 1."""


def measure_darkness(plane: Plane, ground: Plane) -> tuple[Floats, float]:
    """How much darker than its ground each point is, and the standard deviation of its noise.

    Args:
        plane: The picture, dark ink on light ground.
        ground: The same without ink, as `close_gaps` gives it.

    Returns:
        float32, shape (H, W): parts of the ground's light, 0 where there is no ink, at most about 1.
    """
    # Rows of one number, because NumPy's maximum with a number, or clip, takes several times as long.
    width = plane.shape[1]
    light = np.maximum(ground, np.full(width, GROUND.darkest_level, np.uint8)).astype(np.float32)
    darkness = np.divide(ground - plane, light, out=light)  # each plane of floats more is asked of the kernel anew
    noise = noise_of(darkness)
    # Noise makes the largest value around a point larger than the paper is. Paper is what most points show, or, where
    # strokes fill the picture, what a fifth of them shows.
    few = np.sort(darkness[:: GROUND.sample_step, :: GROUND.sample_step], axis=None)
    middle, low = few[(few.size - 1) // 2], few[int(GROUND.paper_quantile * (few.size - 1))]
    darkness -= np.float32(min(middle, low + GROUND.paper_noise * noise))
    return np.maximum(darkness, np.zeros(width, np.float32), out=darkness), noise


def noise_of(darkness: Floats) -> float:
    """Standard deviation of the noise, from neighbours' differences."""
    if min(darkness.shape) < 2:
        return 0.0
    few = darkness[:: max(1, len(darkness) // GROUND.noise_rows)]
    steps = few[:, 1:] - few[:, :-1]
    return float(quantile(np.abs(steps, out=steps), 0.5)) / NEIGHBOURS_MEDIAN
