"""Whether what touches the border of a clean drawing are strokes of digits."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

from edge_mnist_runtime.reading.components import Mask
from edge_mnist_runtime.reading.filters import Floats, edges_of, quantile, quantile_along
from edge_mnist_runtime.reading.ink import Ink, peak_of, pick_ink, stroke_widths
from edge_mnist_runtime.reading.page import are_strokes
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.photo import reduce_to_working_size
from edge_mnist_runtime.reading.rejection import shows_several
from edge_mnist_runtime.reading.ruled_lines import find_ruling, whole_rows
from edge_mnist_runtime.tensor import Pixels

PAGE: Final = PICTURE_READING.page
BORDER_QUANTILE: Final = PICTURE_READING.drawing.touching_quantile


def are_strokes_at_border(ink: Pixels) -> bool:
    """Whether ink at the border is a digit's, or that of two digits: no edge of a desk, no shade, no printed lines.

    Args:
        ink: Bright ink on exactly 0 of a picture with an even background, uint8, shape (H, W).
    """
    darkness = np.asarray(reduce_to_working_size(Image.fromarray(ink)), np.float32) / np.float32(255)
    picked, peak = pick_ink(darkness, 0.0), peak_of(darkness)
    if picked is None or picked.stroke_pixels >= PAGE.blob_width * picked.side_pixels:
        return False
    edges = edges_of(darkness)
    shown = edges[edges > PICTURE_READING.drawing.stroke_level / 255]
    # A high quantile, because the border may cut a stroke's soft edge.
    is_dark = shown.size == 0 or quantile(shown, BORDER_QUANTILE) >= PAGE.min_stem_darkness * peak
    return bool(is_dark) and _are_of_digits(picked) and not _are_printed_lines(darkness, peak)


def _are_of_digits(picked: Ink) -> bool:
    """Whether every component is the digit's, or there is a second digit, and a component at the border is its own.

    A bar along a whole side, or a box that the picture cuts, touches three sides. A digit that does so is alone.
    """
    parts = picked.parts
    left, top, right, bottom = parts.boxes.T
    height, width = picked.mask.shape
    n_sides = (left == 0).astype(int) + (top == 0) + (right == width) + (bottom == height)
    if len(parts) > 1 and n_sides.max() >= 3:
        return False
    is_own = picked.is_own
    if is_own.all():
        return True
    is_other = n_sides > 0
    is_other &= picked.mass >= PICTURE_READING.flaws.min_other_mass * picked.mass[is_own].sum()
    is_other &= stroke_widths(parts) <= PICTURE_READING.ink.blob_breadths * picked.stroke_pixels
    return bool((is_own | is_other).all()) and shows_several(picked)


def _are_printed_lines(darkness: Floats, peak: float) -> bool:
    """Whether lines run from edge to edge. One in each direction may be a stroke; then it is as wide as the others."""
    ruling = find_ruling(darkness)
    ruling = ruling.keep(_spans(ruling.level, darkness), _spans(ruling.upright, darkness.T))
    return bool(ruling) and not (ruling.may_be_strokes and are_strokes(ruling, darkness, 0.0, peak))


def _spans(lines: Floats, darkness: Floats) -> Mask:
    """Which lines, shape (N, W), are as dark at both edges of a picture, shape (H, W), as between; bool, shape (N,)."""
    if not len(lines):
        return np.zeros(0, np.bool_)
    rows = whole_rows(lines)
    usual = quantile_along(darkness[np.clip(rows, 0, len(darkness) - 1), np.arange(darkness.shape[1])], 0.5)
    ends = rows[:, [0, -1]]
    near = np.clip(ends + np.arange(-1, 2)[:, np.newaxis, np.newaxis], 0, len(darkness) - 1)  # (3, N, 2)
    is_dark = darkness[near, [0, -1]].max(0) > PICTURE_READING.ink.surely_ink * usual
    spans: Mask = (is_dark & (ends >= 0) & (ends < len(darkness))).all(1)
    return spans
