"""Widen thin strokes to MNIST's thinnest, so that they are not grey when the digit becomes 20 pixels long."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.reading.parameters import PICTURE_READING

Levels = npt.NDArray[np.float32]

THIN_STROKES: Final = PICTURE_READING.thin_strokes


def widen_thin_strokes(ink: Levels, *, stroke_pixels: float, side_pixels: float) -> Levels:
    """Widen strokes to the minimum width, if they are thinner.

    Args:
        ink: Bright ink on 0, float32, shape (H, W).
        stroke_pixels: Mean width of its strokes.
        side_pixels: Longer side of the digit.

    Returns:
        The ink, with one more pixel on each side for each pixel by which strokes were widened to either side.
    """
    missing = THIN_STROKES.min_width * side_pixels - stroke_pixels
    steps = max(0, round(missing / 2))
    for _ in range(steps):
        ink = _dilate(ink)
    return ink


def _dilate(ink: Levels) -> Levels:
    """Dilate by one pixel to each side; shape (H + 2, W + 2)."""
    padded = np.zeros((ink.shape[0] + 4, ink.shape[1] + 4), np.float32)
    padded[2:-2, 2:-2] = ink
    upright = np.maximum(np.maximum(padded[2:], padded[:-2]), padded[1:-1])
    sideways = np.maximum(padded[:, 2:], padded[:, :-2])
    return np.maximum(upright[:, 1:-1], sideways[1:-1])
