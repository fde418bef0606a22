"""Settle what grey is in clean drawings: faint strokes, as of a stylus that pressed less, or no stroke at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from PIL import Image

from edge_mnist_runtime.box import Box
from edge_mnist_runtime.preprocess import mask_box
from edge_mnist_runtime.reading.components import Mask, label_components
from edge_mnist_runtime.reading.drawing import (
    DRAWING,
    DrawnInk,
    has_even_border,
    is_clean,
    stretch_contrast,
    subtract_background,
)
from edge_mnist_runtime.reading.filters import max_within, quantile
from edge_mnist_runtime.reading.ink import stroke_widths
from edge_mnist_runtime.reading.parameters import PICTURE_READING

FAINT: Final = PICTURE_READING.faint_strokes


def settle_grey(grey: Image.Image, ink: DrawnInk) -> DrawnInk | None:
    """Darken the faint strokes of a drawing, or erase what else is grey: lines, boxes or a mark under the digit.

    Either has one grey level. Faint strokes touch full ink and are no wider. Grey that goes on beyond the digit at both
    sides, or that is nearly as large as the digit in both directions, is no stroke.

    Args:
        grey: The drawing, mode L, any size.
        ink: What `subtract_background` found in it.

    Returns:
        The ink with every stroke dark, and without other grey; None if there is no such grey, or if the picture is no
        clean drawing in spite of it.
    """
    contrast = ink.contrast_levels
    full = contrast > FAINT.full_ink * ink.full_level
    near = max_within(full, max(FAINT.soft_edge_pixels, round(FAINT.soft_edge_fraction * max(grey.size))))
    faint = (contrast > DRAWING.grey_levels) & ~near
    if np.count_nonzero(faint) < FAINT.min_area * np.count_nonzero(full):
        return None
    levels = max_within(contrast * faint, FAINT.ridge_pixels)[faint]  # that of its ridge, also for a stroke's soft edge
    level = int(quantile(levels, FAINT.level_quantile))
    is_one_level = (np.abs(levels - level) <= FAINT.max_uneven * level).mean() >= FAINT.min_even
    if level < FAINT.min_level * ink.full_level or not is_one_level:
        return None
    both = contrast > level // 2
    inside = not _apart(full, both) and not _goes_beyond(mask_box(full), mask_box(both))
    if inside and not _is_blot(faint, full) and not _is_copy(mask_box(full), mask_box(faint), mask_box(both)):
        pixels = stretch_contrast(contrast, level // 2, level)
        return replace(ink, pixels=pixels) if is_clean(grey, pixels) else None
    if (inside and is_clean(grey, ink.pixels)) or not has_even_border(grey):
        return None  # grey at the border is shade or printed lines, which photographs are searched for
    erased = Image.fromarray((np.maximum(contrast - level, 0) * near).astype(np.uint8))
    found = subtract_background(erased)
    if found is None or not is_clean(erased, found.pixels):
        return None
    return replace(found, light_on_dark=ink.light_on_dark, contrast=ink.contrast)


def _apart(full: Mask, both: Mask) -> bool:
    """Whether something grey lies apart from full ink; masks of shape (H, W)."""
    parts = label_components(both)
    return not (parts.sums(parts.pick(full).astype(np.float32)) > 0).all()


def _is_blot(faint: Mask, full: Mask) -> bool:
    """Whether a faint component is wider than the strokes of full ink."""
    widest, usual = (stroke_widths(label_components(mask)).max() for mask in (faint, full))
    return bool(widest > FAINT.max_breadths * usual)


def _goes_beyond(full: Box, both: Box) -> bool:
    """Whether faint ink goes on beyond the box of full ink at two opposite sides."""
    overshoot = max(
        min(full.left - both.left, both.right - full.right), min(full.top - both.top, both.bottom - full.bottom)
    )
    return overshoot > FAINT.max_overshoot * both.long_side


def _is_copy(full: Box, faint: Box, both: Box) -> bool:
    """Whether full ink and faint ink are both nearly as large as the box around them, as two digits are."""
    sides = [(box.height / both.height, box.width / both.width) for box in (full, faint)]
    return min(map(min, sides)) > FAINT.max_cover
