"""The ink of a row of digits: found as that of one digit is, but all of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from edge_mnist_runtime.images.colours import upright_colours, upright_grey
from edge_mnist_runtime.reading.drawing import subtract_ground
from edge_mnist_runtime.reading.flaws import is_grain
from edge_mnist_runtime.reading.glance import glance_at
from edge_mnist_runtime.reading.glyphs import GlyphRows, find_glyphs
from edge_mnist_runtime.reading.ink import Ink, box_around, pick_ink
from edge_mnist_runtime.reading.page import Look, Page
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.photo import fit, look_at, suited_window, window_of

ROW_INK: Final = PICTURE_READING.row_ink


@dataclass(frozen=True)
class RowInk:
    """What was found in a picture of a row."""

    ink: Ink
    """All ink of the part that was looked at; its own mask and box are those of one digit, or of some."""
    glyphs: GlyphRows
    """What it is made of."""
    origin: tuple[float, float]
    """Row and column of its first pixel, as parts of the picture's height and width..."""
    pixel: tuple[float, float]
    """...and the height and width of a pixel, likewise."""


def find_row_ink(picture: Image.Image) -> RowInk | None:
    """Find the ink of a decoded picture of any mode; None where there is none."""
    if min(picture.size) < PICTURE_READING.reader.min_photo_side_pixels:
        return _from_drawing(upright_grey(picture))
    colours = upright_colours(picture, side_pixels=PICTURE_READING.reader.detail_side_pixels)
    far = fit(colours)
    look = look_at(far, is_row=True)
    return None if look is None else _find_in(colours, far, look)


def find_other_ink(picture: Image.Image) -> Iterator[RowInk]:
    """What narrower windows show: the strokes of a row that lies across the edge of a shadow, or faint under a light.

    One digit is never so much narrower than its picture, which is why `look_at` may be content with a wide window.
    """
    if min(picture.size) < PICTURE_READING.reader.min_photo_side_pixels:
        return
    colours = upright_colours(picture, side_pixels=PICTURE_READING.reader.detail_side_pixels)
    far = fit(colours)
    glance = glance_at(far)
    for light_on_dark in (False, True):
        page = Page(glance, light_on_dark)
        for fraction in ROW_INK.narrow_windows:
            look = page.find(window_of(fraction, far))
            found = None if look is None else _find_in(colours, far, look)
            if found is not None:
                yield found


def _find_in(colours: Image.Image, far: Image.Image, look: Look) -> RowInk | None:
    """The row in a look at a picture as far away as `fit` makes it; nearer, where that shows as much."""
    found = _describe(look.ink, far, (0.0, 0.0), (1.0, 1.0))
    if not found.glyphs.main or _is_grain_row(found, look):
        return None
    if found.glyphs.other or far.size == colours.size:
        return found
    return _look_nearer(colours, found, look, colours.height / far.height) or found


def _is_grain_row(found: RowInk, look: Look) -> bool:
    """As `is_grain`, of all digits; of several more signs must speak against them, because paper shows no rows."""
    chosen = np.zeros(len(found.ink.parts), np.bool_)
    chosen[np.concatenate([glyph.members for glyph in found.glyphs.main])] = True
    row = found.ink.with_mask(found.ink.parts.mask_of(chosen))
    return is_grain(
        row,
        outline=look.outline,
        lines=look.lines,
        side_pixels=usual_height(found.glyphs),
        signs=PICTURE_READING.flaws.grain_signs + min(ROW_INK.max_more_signs, len(found.glyphs.main) - 1),
    )


def usual_height(glyphs: GlyphRows) -> float:
    """The median height of a row's digits, in pixels."""
    return float(np.sort([glyph.height for glyph in glyphs.main])[len(glyphs.main) // 2])


def _from_drawing(grey: Image.Image) -> RowInk | None:
    drawn = subtract_ground(grey)
    ink = None if drawn is None else pick_ink(drawn.pixels / np.float32(255), 0.0)
    if ink is None or is_grain(ink):
        return None
    found = _describe(ink, grey, (0.0, 0.0), (1.0, 1.0))
    return found if found.glyphs.main else None


def _look_nearer(colours: Image.Image, found: RowInk, look: Look, larger: float) -> RowInk | None:
    """Look again at the row alone, with more pixels; None where that shows less."""
    height = usual_height(found.glyphs)
    factor = max(1, int(height * larger / ROW_INK.glyph_pixels))
    if height * larger / factor < ROW_INK.min_enlargement * height:
        return None
    around = box_around(np.array([glyph.box for glyph in found.glyphs.main]))
    reach = ROW_INK.near_reach * height
    sides = (around.left - reach, around.top - reach, around.right + reach, around.bottom + reach)
    left, top, right, bottom = (
        int(np.clip(round(side * larger), 0, most)) for side, most in zip(sides, colours.size * 2, strict=True)
    )
    part = colours.crop((left, top, right, bottom)).reduce(factor)
    near = Page(glance_at(part), look.light_on_dark).find(suited_window(look.ink.stroke_pixels * larger / factor))
    if near is None:
        return None
    origin = (top / colours.height, left / colours.width)
    again = _describe(near.ink, part, origin, ((bottom - top) / colours.height, (right - left) / colours.width))
    is_less = len(again.glyphs.main) < len(found.glyphs.main) or again.glyphs.other
    return None if is_less else again


def _describe(ink: Ink, picture: Image.Image, origin: tuple[float, float], part: tuple[float, float]) -> RowInk:
    glyphs = find_glyphs(ink.parts, ink.mass, ink.mask.shape)
    return RowInk(ink, glyphs, origin, (part[0] / picture.height, part[1] / picture.width))
