"""Darken the faint strokes of clean drawings: a stylus that pressed less, or a second pen, at a digit's last stroke."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from PIL import Image

from edge_mnist_runtime.box import Box
from edge_mnist_runtime.preprocess import mask_box
from edge_mnist_runtime.reading.components import Mask, label_components
from edge_mnist_runtime.reading.drawing import DRAWING, DrawnInk, is_clean, stretch_contrast
from edge_mnist_runtime.reading.filters import max_within, quantile
from edge_mnist_runtime.reading.ink import stroke_widths
from edge_mnist_runtime.reading.parameters import PICTURE_READING

FAINT: Final = PICTURE_READING.faint_strokes


def darken_faint_strokes(grey: Image.Image, ink: DrawnInk) -> DrawnInk | None:
    """Make faint strokes as dark as the others.

    Faint strokes all have one grey level, and touch full ink. Grey lines that go on beyond a digit at both sides, the
    grey copy of a whole digit, boxes, stains and shadows stay as they are.

    Args:
        grey: The drawing, mode L, any size.
        ink: What `subtract_background` found in it.

    Returns:
        The ink with faint strokes darkened; None if the picture has none, or is no clean drawing in spite of them.
    """
    contrast = ink.contrast_levels
    full = contrast > FAINT.full_ink * ink.full_level
    reach = max(FAINT.soft_edge_pixels, round(FAINT.soft_edge_fraction * max(grey.size)))
    faint = (contrast > DRAWING.grey_levels) & ~max_within(full, reach)  # grey next to full ink is its soft edge
    if np.count_nonzero(faint) < FAINT.min_area * np.count_nonzero(full):
        return None
    levels = contrast[faint]
    level = int(quantile(levels, FAINT.level_quantile))
    is_one_level = (np.abs(levels - level) <= FAINT.max_uneven * level).mean() >= FAINT.min_even
    if level < FAINT.min_level * ink.full_level or not is_one_level:
        return None
    strokes = label_components(contrast > level // 2)
    if not (strokes.sums(strokes.pick(full).astype(np.float32)) > 0).all():
        return None  # something grey lies apart
    if _is_blot(faint, full) or not _may_be_one_digit(mask_box(full), mask_box(faint), mask_box(strokes.mask)):
        return None
    pixels = stretch_contrast(contrast, level // 2, level)
    return replace(ink, pixels=pixels) if is_clean(grey, pixels) else None


def _is_blot(faint: Mask, full: Mask) -> bool:
    """Whether a faint component is wider than the strokes of full ink."""
    widest, usual = (stroke_widths(label_components(mask)).max() for mask in (faint, full))
    return bool(widest > FAINT.max_breadths * usual)


def _may_be_one_digit(full: Box, faint: Box, both: Box) -> bool:
    """Whether full ink and faint ink, given by their boxes, may be strokes of one digit."""
    overshoot = max(
        min(full.left - both.left, both.right - full.right), min(full.top - both.top, both.bottom - full.bottom)
    )
    if overshoot > FAINT.max_overshoot * full.long_side:
        return False
    sides = [(box.height / both.height, box.width / both.width) for box in (full, faint)]
    return min(map(min, sides)) <= FAINT.max_cover
