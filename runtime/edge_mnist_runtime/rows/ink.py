"""Find the ink of a row of digits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from PIL import Image

from edge_mnist_runtime.images.colours import upright_colours, upright_grey
from edge_mnist_runtime.reading.drawing import subtract_background
from edge_mnist_runtime.reading.filters import Floats
from edge_mnist_runtime.reading.glyphs import GlyphRows, find_glyphs
from edge_mnist_runtime.reading.ink import Ink, box_around, pick_ink
from edge_mnist_runtime.reading.page import NO_LINES, Page, Segmentation
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.photo import (
    box_within,
    reduce_to_working_size,
    segment_again,
    segment_picture,
    window_for,
)
from edge_mnist_runtime.reading.rejection import is_grain
from edge_mnist_runtime.reading.thumbnail import make_thumbnail
from edge_mnist_runtime.rows.boxes import leave_out_boxes

ROW_INK: Final = PICTURE_READING.row_ink


@dataclass(frozen=True)
class RowInk:
    """The ink of a row of digits, and its position in the picture."""

    ink: Ink
    """All ink of the segmented region. Its mask and box may cover only some of the digits."""
    glyphs: GlyphRows
    """The glyphs that the ink forms."""
    origin: tuple[float, float]
    """Row and column of the region's first pixel, as fractions of the picture's height and width."""
    pixel: tuple[float, float]
    """Height and width of a pixel, as fractions of the picture's height and width."""
    horizontal_lines: Floats = field(default_factory=lambda: NO_LINES)
    """Row of each horizontal line removed from the region in every column, shape (N, W)."""


def find_row_ink(picture: Image.Image) -> RowInk | None:
    """Find the ink of a row in a decoded picture of any mode; None if there is none."""
    if min(picture.size) < PICTURE_READING.reader.min_photo_side_pixels:
        return _from_drawing(upright_grey(picture))
    colours = upright_colours(picture, side_pixels=PICTURE_READING.reader.detail_side_pixels)
    reduced = reduce_to_working_size(colours)
    segmentation = segment_picture(reduced, is_row=True)
    return None if segmentation is None else _find_in(colours, reduced, segmentation)


def find_other_ink(picture: Image.Image) -> Iterator[RowInk]:
    """Yield the row's ink as narrower windows show it, for both polarities.

    They find rows that cross the edge of a shadow, or are faint under a light. `segment_picture` does not try them if
    a wide window shows sharp strokes, which is enough for a single digit.
    """
    if min(picture.size) < PICTURE_READING.reader.min_photo_side_pixels:
        return
    colours = upright_colours(picture, side_pixels=PICTURE_READING.reader.detail_side_pixels)
    reduced = reduce_to_working_size(colours)
    thumbnail = make_thumbnail(reduced)
    for light_on_dark in (False, True):
        page = Page(thumbnail, light_on_dark)
        for fraction in ROW_INK.narrow_windows:
            segmentation = page.find(window_for(fraction, reduced))
            found = None if segmentation is None else _find_in(colours, reduced, segmentation)
            if found is not None:
                yield found


def _find_in(colours: Image.Image, reduced: Image.Image, segmentation: Segmentation) -> RowInk | None:
    """The row in a segmentation of the reduced picture, or in a closer one that shows as many digits; None if none."""
    found = _describe(segmentation, reduced, (0.0, 0.0), (1.0, 1.0))
    if not found.glyphs.main or _is_grain_row(found, segmentation):
        return None
    digits = _without_boxes(found)
    if found.glyphs.other or reduced.size == colours.size:
        return digits
    closer = _describe_closer(colours, found, segmentation, colours.height / reduced.height)
    if closer is None:
        return digits
    nearer = _without_boxes(closer)
    has_boxes = len(digits.glyphs.main) < len(found.glyphs.main)
    # The lines of boxes may be outside of the closer look, which then shows their sides as 1s.
    return digits if has_boxes and len(digits.glyphs.main) != len(nearer.glyphs.main) else nearer


def _without_boxes(found: RowInk) -> RowInk:
    main = leave_out_boxes(found.glyphs.main, found.horizontal_lines)
    return replace(found, glyphs=replace(found.glyphs, main=main))


def _is_grain_row(found: RowInk, segmentation: Segmentation) -> bool:
    """Apply `is_grain` to the whole row; several digits need more signs, because texture rarely forms a row."""
    chosen = np.zeros(len(found.ink.parts), np.bool_)
    chosen[np.concatenate([glyph.members for glyph in found.glyphs.main])] = True
    row = found.ink.with_mask(found.ink.parts.mask_of(chosen))
    return is_grain(
        row,
        outline=segmentation.outline,
        lines=segmentation.lines,
        side_pixels=usual_height(found.glyphs),
        signs=PICTURE_READING.flaws.grain_signs + min(ROW_INK.max_more_signs, len(found.glyphs.main) - 1),
    )


def usual_height(glyphs: GlyphRows) -> float:
    """The median height of a row's digits, in pixels."""
    return float(np.sort([glyph.height for glyph in glyphs.main])[len(glyphs.main) // 2])


def _from_drawing(grey: Image.Image) -> RowInk | None:
    drawn = subtract_background(grey)
    ink = None if drawn is None else pick_ink(drawn.pixels / np.float32(255), 0.0)
    if ink is None or is_grain(ink):
        return None
    glyphs = find_glyphs(ink.parts, ink.mass, ink.mask.shape)
    return RowInk(ink, glyphs, (0.0, 0.0), (1 / grey.height, 1 / grey.width)) if glyphs.main else None


def _describe_closer(colours: Image.Image, found: RowInk, segmentation: Segmentation, larger: float) -> RowInk | None:
    """Segment the region around the row again at a higher resolution; None if it shows fewer digits."""
    height = usual_height(found.glyphs)
    factor = max(1, int(height * larger / ROW_INK.glyph_pixels))
    if height * larger / factor < ROW_INK.min_enlargement * height:
        return None
    around = box_around(np.array([glyph.box for glyph in found.glyphs.main]))
    reach = ROW_INK.near_reach * height
    sides = (around.left - reach, around.top - reach, around.right + reach, around.bottom + reach)
    left, top, right, bottom = (side * larger for side in sides)
    box = box_within(colours, (left, top, right, bottom))
    region = colours.crop(box).reduce(factor)
    near = segment_again(region, segmentation, stroke_pixels=segmentation.ink.stroke_pixels * larger / factor)
    if near is None:
        return None
    origin = (box.top / colours.height, box.left / colours.width)
    size = (box.height / colours.height, box.width / colours.width)
    again = _describe(near, region, origin, size)
    is_less = len(again.glyphs.main) < len(found.glyphs.main) or again.glyphs.other
    return None if is_less else again


def _describe(
    segmentation: Segmentation, region: Image.Image, origin: tuple[float, float], size: tuple[float, float]
) -> RowInk:
    """Find the glyphs; `origin` and `size` of the region are fractions of the whole picture, vertical axis first."""
    ink = segmentation.ink
    glyphs = find_glyphs(ink.parts, ink.mass, ink.mask.shape)
    pixel = (size[0] / region.height, size[1] / region.width)
    return RowInk(ink, glyphs, origin, pixel, segmentation.horizontal_lines)
