"""Measure how much darker than its background each pixel is.

The background is estimated by a grey-scale closing (Serra, 1982): a maximum filter, then a minimum filter. It fills
everything dark that is narrower than the window, such as strokes. Uneven light, shadows and the background's colour are
wider than a stroke, so they stay, with their edges in place.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.reading.filters import Floats, quantile
from edge_mnist_runtime.reading.parameters import PICTURE_READING

Planes = npt.NDArray[np.uint8]
"""Colour planes, uint8, shape (C, H, W); C is 3, or 1 for grey."""

Plane = npt.NDArray[np.uint8]
"""One colour plane, uint8, shape (H, W)."""

BACKGROUND: Final = PICTURE_READING.ground

NEIGHBOURS_MEDIAN: Final = 0.6745 * 2**0.5
"""Median absolute difference of two neighbours under normal noise with standard deviation 1."""


def measure_darkness(plane: Plane, background: Plane) -> tuple[Floats, float]:
    """Measure the darkness of each pixel and the noise.

    Args:
        plane: The picture, dark ink on light background.
        background: The same picture without ink, from `grey_closing`.

    Returns:
        The fraction of the background's light that each pixel lacks, float32, shape (H, W): 0 for background, at most
        about 1. And the standard deviation of its noise.
    """
    # Full rows, because NumPy's maximum with a scalar, or clip, takes several times as long.
    width = plane.shape[1]
    light = np.maximum(background, np.full(width, BACKGROUND.darkest_level, np.uint8)).astype(np.float32)
    darkness = np.divide(background - plane, light, out=light)  # in place: allocating another float plane is slow
    noise = noise_of(darkness)
    # Noise raises the closing above the true background, so background pixels have a darkness above 0. Subtract their
    # usual darkness: the median, or the 0.2 quantile plus noise if strokes fill the picture.
    few = np.sort(darkness[:: BACKGROUND.sample_step, :: BACKGROUND.sample_step], axis=None)
    middle, low = few[(few.size - 1) // 2], few[int(BACKGROUND.paper_quantile * (few.size - 1))]
    darkness -= np.float32(min(middle, low + BACKGROUND.paper_noise * noise))
    return np.maximum(darkness, np.zeros(width, np.float32), out=darkness), noise


def noise_of(darkness: Floats) -> float:
    """Estimate the standard deviation of the noise from differences of neighbours; 0 for a single row or column."""
    if min(darkness.shape) < 2:
        return 0.0
    few = darkness[:: max(1, len(darkness) // BACKGROUND.noise_rows)]
    steps = few[:, 1:] - few[:, :-1]
    return float(quantile(np.abs(steps, out=steps), 0.5)) / NEIGHBOURS_MEDIAN
