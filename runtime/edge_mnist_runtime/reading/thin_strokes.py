"""Widen thin strokes to MNIST's thinnest, so that they are not grey when the digit becomes 20 pixels long."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.preprocess import mask_box
from edge_mnist_runtime.reading.filters import Floats, quantile, widen
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.tensor import Pixels

THIN_STROKES: Final = PICTURE_READING.thin_strokes

MIN_WIDTH_PERCENT: Final = round(100 * THIN_STROKES.min_width)
MAX_LENGTH_PERCENT: Final = round(100 * THIN_STROKES.max_length)

MAYBE_INK_LEVEL: Final = int(255 * PICTURE_READING.ink.maybe_ink)
"""Level of a drawing's ink, 0..255, above which a pixel belongs to a stroke."""


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


def widen_thin_drawing(ink: Pixels) -> Pixels:
    """Widen thin strokes of a clean drawing, with integers alone.

    An outlined digit stays as it is: widened, the two sides of its strokes would run together.

    Args:
        ink: Bright ink on exactly 0, uint8, shape (H, W); some of it is 255.

    Returns:
        The ink, with one more pixel on each side for each pixel, or part of one, by which strokes were widened to
        either side.
    """
    is_stroke = ink > MAYBE_INK_LEVEL
    box = mask_box(is_stroke)
    side = box.long_side
    strokes = (ink * is_stroke)[box.slices].astype(np.int32)
    width = _stroke_width(strokes)  # as `missing`, in 256ths of a pixel
    missing = (256 * MIN_WIDTH_PERCENT * side - 100 * width) // 200  # to either side
    is_outline = 100 * 256 * int(strokes.sum(dtype=np.int64)) > MAX_LENGTH_PERCENT * 255 * side * max(256, width)
    if missing <= 0 or is_outline:
        return ink
    whole, part = divmod(missing, 256)
    for _ in range(whole):
        ink = widen(ink)
    if part:  # a grey rim, as in `widen_thin_strokes`
        ink = np.maximum(np.pad(ink, 1), (part * widen(ink).astype(np.int32) >> 8).astype(np.uint8))
    return ink


def _stroke_width(strokes: npt.NDArray[np.int32]) -> int:
    """Mean width of strokes, 0..255 on 0, shape (H, W), in 256ths of a pixel: twice their area over their outline.

    The outline is the sum of the gradient, in sixteenths of a grey level. Full ink is a high quantile of the strokes.
    """
    full = int(quantile(strokes[strokes > 0], PICTURE_READING.ink.level_quantile))
    soft = np.pad(np.minimum(strokes * 255 // full, 255), 1)
    down, right = soft[1:, :-1] - soft[:-1, :-1], soft[:-1, 1:] - soft[:-1, :-1]
    outline = np.sqrt(256 * (down * down + right * right)).astype(np.int64)  # the root of such integers rounds down
    return 2 * 16 * 256 * int(soft.sum(dtype=np.int64)) // int(outline.sum())
