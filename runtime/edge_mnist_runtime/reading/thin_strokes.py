"""Widen thin strokes to MNIST's thinnest, so that they are not grey when the digit becomes 20 pixels long."""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_mnist_runtime.reading.filters import Floats, widen
from edge_mnist_runtime.reading.parameters import PICTURE_READING

THIN_STROKES: Final = PICTURE_READING.thin_strokes


def widen_thin_strokes(ink: Floats, *, stroke_pixels: float, side_pixels: float) -> Floats:
    """Widen strokes to the minimum width, if they are thinner.

    Args:
        ink: Bright ink on 0, float32, shape (H, W).
        stroke_pixels: Mean width of its strokes.
        side_pixels: Longer side of the digit.

    Returns:
        The ink, with one more pixel on each side for each pixel, or part of one, by which strokes were widened to
        either side.
    """
    missing = THIN_STROKES.min_width * side_pixels - stroke_pixels
    whole, part = divmod(max(0.0, missing / 2), 1)
    for _ in range(int(whole)):
        ink = widen(ink)
    if part:  # a grey rim, so that the size of a picture does not decide whether its strokes become a pixel wider
        ink = np.maximum(np.pad(ink, 1), np.float32(part) * widen(ink))
    return ink
