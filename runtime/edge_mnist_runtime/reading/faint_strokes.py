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
from edge_mnist_runtime.reading.ink import pick_ink, stroke_widths
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.rejection import shows_several
from edge_mnist_runtime.tensor import Pixels

FAINT: Final = PICTURE_READING.faint_strokes


def settle_grey(grey: Image.Image, ink: DrawnInk) -> DrawnInk | None:
    """Darken the faint strokes of a drawing, or erase what else is grey: lines, boxes or a mark under the digit.

    Either has one grey level. Faint strokes touch full ink, and are about as wide. Grey that goes on beyond the digit
    at both sides is no stroke; nor is grey nearly as large as the digit in both directions, if full ink is, too.

    Args:
        grey: The drawing, mode L, any size.
        ink: What `subtract_background` found in it.

    Returns:
        The ink with every stroke dark, and without other grey. None if there is no such grey, if the picture is no
        clean drawing in spite of it, or if the grey may be a second digit, or a stroke of a drawing that is clean
        anyway.
    """
    contrast = ink.contrast_levels
    full = contrast > FAINT.full_ink * ink.full_level
    near = max_within(full, max(FAINT.soft_edge_pixels, round(FAINT.soft_edge_fraction * max(grey.size))))
    faint = (contrast > DRAWING.grey_levels) & ~near
    least_area = FAINT.min_area * np.count_nonzero(full)
    if np.count_nonzero(faint) < least_area:
        return None
    levels = max_within(contrast * faint, FAINT.ridge_pixels)[faint]  # that of its ridge, also for a stroke's soft edge
    level = int(quantile(levels, FAINT.level_quantile))
    is_one_level = (np.abs(levels - level) <= FAINT.max_uneven * level).mean() >= FAINT.min_even
    if level < FAINT.min_level * ink.full_level or not is_one_level:
        return None
    parts = label_components(contrast > level // 2)
    has_full = parts.meet(full)
    is_speck = ~has_full & (parts.areas < least_area)
    strokes, specks = parts.mask_of(~is_speck), parts.mask_of(is_speck)
    faint_strokes = faint & strokes
    if not faint_strokes.any():
        return None  # many specks, each less than a stroke
    full_box, whole_box = mask_box(full), mask_box(strokes)
    goes_beyond = _goes_beyond(full_box, whole_box)
    is_stroke = not goes_beyond and bool((has_full | is_speck).all()) and not _is_blot(faint, full)
    pixels = stretch_contrast(contrast * ~specks, level // 2, level)
    if is_stroke and not _is_copy(full_box, mask_box(faint_strokes), whole_box):
        return replace(ink, pixels=pixels) if is_clean(grey, pixels) else None
    # Grey at the border is shade or printed lines, which photographs are searched for.
    if not has_even_border(grey) or (not goes_beyond and is_clean(grey, ink.pixels)) or _shows_several(pixels):
        return None
    return _erase(grey, ink, round((1 + FAINT.max_uneven) * level))


def _erase(grey: Image.Image, ink: DrawnInk, level: int) -> DrawnInk | None:
    """The ink of a drawing without contrast up to a level; None if that is no clean drawing."""
    lost = np.minimum(ink.contrast_levels, level)
    erased = Image.fromarray((np.asarray(grey) - lost * (1 if ink.light_on_dark else -1)).clip(0, 255).astype(np.uint8))
    found = subtract_background(erased)
    return replace(ink, pixels=found.pixels) if found and is_clean(erased, found.pixels) else None


def _shows_several(ink: Pixels) -> bool:
    """Whether ink, uint8, shape (H, W), shows several digits."""
    picked = pick_ink(ink / np.float32(255), 0.0)
    return picked is not None and shows_several(picked)


def _is_blot(faint: Mask, full: Mask) -> bool:
    """Whether a faint component is wider than the strokes of full ink."""
    widest, usual = (stroke_widths(label_components(mask)).max() for mask in (faint, full))
    return bool(widest > FAINT.max_breadths * usual)


def _goes_beyond(full: Box, whole: Box) -> bool:
    """Whether faint ink goes on beyond the box of full ink at two opposite sides."""
    overshoot = max(
        min(full.left - whole.left, whole.right - full.right), min(full.top - whole.top, whole.bottom - full.bottom)
    )
    return overshoot > FAINT.max_overshoot * whole.long_side


def _is_copy(full: Box, faint: Box, whole: Box) -> bool:
    """Whether full ink and faint ink are both nearly as large as the box around them, as two digits are."""
    sides = [(box.height / whole.height, box.width / whole.width) for box in (full, faint)]
    return min(map(min, sides)) > FAINT.max_cover
