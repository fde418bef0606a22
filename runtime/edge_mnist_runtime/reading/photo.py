"""From a photograph to the digit's ink: ground, lines, ink; first in the whole picture, then nearer.

What is ink and what is a shadow depends on how wide strokes are. So a picture is looked at through windows of several
sizes, and of what each shows the clearest strokes are kept: long, dark, and with an edge of the picture all around.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge_mnist_runtime.box import Box
from edge_mnist_runtime.prediction import Reason
from edge_mnist_runtime.reading.flaws import find_flaw, is_grain
from edge_mnist_runtime.reading.glance import glance_at
from edge_mnist_runtime.reading.ink import Strokes
from edge_mnist_runtime.reading.page import Look, Page
from edge_mnist_runtime.reading.parameters import PICTURE_READING

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

PHOTO: Final = PICTURE_READING.photo

CUT_MARGIN: Final = 2
"""Empty pixels around a digit that is cut out: room for strokes that are widened."""


Sides: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom, as fractions of an upright picture's width and height."""


@dataclass(frozen=True)
class FoundInk:
    """A digit found in a picture."""

    ink: Pixels
    """Bright ink on exactly 0, uint8, shape (H, W): the digit's box."""
    darkness: Floats
    """Where the ink was found: what differs from the ground, lines removed, shape (H, W)."""
    sides: Sides
    """Where it is, for whoever knows the whole picture's size."""
    light_on_dark: bool
    """Whether the ink is lighter than its ground."""
    lines: int
    """Printed lines that were taken away."""
    contrast: float
    """Part of the ground's light that the ink takes away, 0..1."""
    flaw: Reason | None
    """What speaks against it before any network has seen it."""

    def draw_darkness(self) -> Pixels:
        """Where the ink was found, for people to see: full ink is white, uint8, shape (H, W)."""
        levels: Pixels = np.minimum(self.darkness * np.float32(255 / self.contrast), 255).astype(np.uint8)
        return levels


def find_ink(picture: Image.Image, *, full_side_pixels: int) -> FoundInk | None:
    """Find the digit in an upright picture.

    Args:
        picture: Mode L or RGB.
        full_side_pixels: Its longer side before it was reduced.

    Returns:
        None where nothing stands out from the ground.
    """
    far = fit(picture)
    whole = look_at(far)
    if whole is None:
        return None
    look, sides = whole, _in_parts(whole.ink.box, far)
    if look.ink.side_pixels < PHOTO.near_side_pixels and far.size != picture.size:
        look, sides = _look_nearer(picture, look, sides) or (look, sides)
    if is_grain(look.ink, outline=look.outline, lines=look.lines):
        return None
    flaw = find_flaw(whole.ink, whole.ink.side_pixels * full_side_pixels / max(far.size))
    return FoundInk(cut_out(look.ink), look.darkness, sides, look.light_on_dark, look.lines, look.ink.level, flaw)


def fit(picture: Image.Image) -> Image.Image:
    """A picture as far away as it is looked at at once."""
    factor = -(-max(picture.size) // PHOTO.side_pixels)
    return picture.reduce(factor) if factor > 1 else picture


def look_at(picture: Image.Image, *, is_row: bool = False) -> Look | None:
    """Find the ink through a wide window, and through narrower ones where that shows no clear strokes.

    Args:
        picture: Mode L or RGB, as `fit` makes it.
        is_row: Whether there are several digits: that one of them is sharp does not say that all are.
    """
    glance = glance_at(picture)
    light_on_dark, sureness = glance.polarity
    is_sure = sureness >= PHOTO.sure_polarity
    wide = max(PHOTO.min_wide_window_pixels, round(PHOTO.wide_window * min(picture.size)))
    widest, *narrower = (window_of(fraction, picture) for fraction in PHOTO.narrower_windows)
    page = Page(glance, light_on_dark)
    found = _look_widely(page, wide, is_sharp_enough=is_sure and not is_row)
    if found and (found.is_alone or (found.is_clear and is_sure)):
        return found
    if not is_sure and page.n_lines <= PHOTO.max_lines_in_doubt:
        other = Page(glance, not light_on_dark)
        return _look_at_both(page, other, (wide, *narrower, widest), found, is_row=is_row)
    is_small = found is not None and _is_small_and_thin(found, picture, wide)
    windows = narrower if is_small and is_sure else [widest, *narrower]
    found = _look_through(page, windows, found)
    # Lines are printed on paper: where there are some, the ink has their polarity.
    if (found and found.is_alone) or page.n_lines or sureness >= PHOTO.certain_polarity:
        return found
    return _of_likelier_polarity(found, _look_through(Page(glance, not light_on_dark), windows, None))


def _look_widely(page: Page, wide: int, *, is_sharp_enough: bool) -> Look | None:
    """What the wide window shows, or the one that suits the strokes seen in it where those are of another width."""
    found = page.find(wide)
    if found is None or found.is_alone or (found.is_sharp and is_sharp_enough):
        return found
    stroke = found.ink.stroke_pixels
    suited = suited_window(stroke)
    if suited < PHOTO.window_much_too_wide * wide or stroke > PHOTO.window_too_narrow * wide:
        return _better(found, page.find(suited))
    return found


def _is_small_and_thin(found: Look, picture: Image.Image, wide: int) -> bool:
    """Whether a wider window than `wide` would show more of the shadows, and no more of the strokes."""
    is_small = found.ink.side_pixels < PHOTO.small_digit * min(picture.size)
    return is_small and found.ink.stroke_pixels < PHOTO.thin_stroke * wide


def _look_through(page: Page, sizes: list[int], found: Look | None) -> Look | None:
    """The best of what was found and of what windows of several sizes show, up to the first that leaves no doubt."""
    for size in sizes:
        found = _better(found, page.find(size))
        if found and found.is_alone:
            break
    return found


def _look_at_both(page: Page, other: Page, sizes: Iterable[int], found: Look | None, *, is_row: bool) -> Look | None:
    """The better of what either polarity shows: in doubt the wrong one shows little, and through every window."""
    best, found_other = found, None
    for size in sizes:
        found, found_other = _better(found, page.find(size)), _better(found_other, other.find(size))
        best = _of_likelier_polarity(found, found_other)
        if best and best.is_alone:
            break
        if best and best.is_sharp and not is_row and _outdoes(best, found_other if best is found else found):
            break
    return best


def _outdoes(best: Look, rival: Look | None) -> bool:
    """Whether what one polarity shows is so much better that the other can be no ink."""
    return rival is None or best.score > PHOTO.decisive_margin * rival.score


def _of_likelier_polarity(found: Look | None, other: Look | None) -> Look | None:
    """Which of two looks is ink, `other` being of the less likely polarity."""
    margin = PHOTO.other_polarity_margin
    return _better(found, other, margin=1 / margin if other and other.lines else margin)


def _look_nearer(picture: Image.Image, look: Look, sides: Sides) -> tuple[Look, Sides] | None:
    """Find the same ink again in the part of the picture around it, with more pixels; None where that fails."""
    left, top, right, bottom = np.array(sides) * (picture.size * 2)
    side = max(bottom - top, right - left)
    reach = PHOTO.near_reach * side
    corners = (left - reach, top - reach, right + reach, bottom + reach)
    x0, y0, x1, y1 = (int(np.clip(round(at), 0, most)) for at, most in zip(corners, picture.size * 2, strict=True))
    part = picture.crop((x0, y0, x1, y1))
    near = fit(part)
    larger = side / look.ink.side_pixels * near.width / part.width
    found = Page(glance_at(near), look.light_on_dark).find(suited_window(look.ink.stroke_pixels * larger))
    if found is None or found.ink.side_pixels < PHOTO.min_near_side * larger * look.ink.side_pixels:
        return None
    inner = _in_parts(found.ink.box, near)
    columns, rows = part.width / picture.width, part.height / picture.height
    x, y = x0 / picture.width, y0 / picture.height
    outer = (x + inner[0] * columns, y + inner[1] * rows, x + inner[2] * columns, y + inner[3] * rows)
    return replace(found, lines=max(found.lines, look.lines)), outer


def suited_window(stroke_pixels: float) -> int:
    """The window through which strokes of that width are seen whole, and little else."""
    return max(PHOTO.min_window_pixels, round(PHOTO.suited_window * stroke_pixels) + PHOTO.suited_window_pixels)


def window_of(fraction: float, picture: Image.Image) -> int:
    """The window that is this fraction of a picture's shorter side."""
    return max(PHOTO.min_window_pixels, round(fraction * min(picture.size)))


def _better(one: Look | None, other: Look | None, *, margin: float = 1.0) -> Look | None:
    if one is None or other is None:
        return one or other
    return other if other.score > margin * one.score else one


def _in_parts(box: Box, picture: Image.Image) -> Sides:
    width, height = picture.size
    return box.left / width, box.top / height, box.right / width, box.bottom / height


def cut_out(ink: Strokes) -> Pixels:
    """The digit's box, grey levels kept, thin strokes made as wide as MNIST's thinnest."""
    margin = CUT_MARGIN
    floor = PHOTO.cut_floor * ink.level
    values = np.zeros((ink.box.height + 2 * margin, ink.box.width + 2 * margin), np.float32)
    inside = (ink.inside - np.float32(floor)) / np.float32(max(PHOTO.cut_full * ink.level - floor, 1e-6))
    np.clip(inside, 0, 1, out=values[margin:-margin, margin:-margin])
    missing = PHOTO.thinnest_stroke * ink.side_pixels - ink.stroke_pixels
    for _ in range(round(missing / 2)):
        values = _widen(values)
    pixels: Pixels = np.rint(255 * values).astype(np.uint8)
    return pixels


def _widen(values: Floats) -> Floats:
    """One pixel more on each side of every stroke, shape (H + 2, W + 2)."""
    padded = np.zeros((values.shape[0] + 4, values.shape[1] + 4), np.float32)
    padded[2:-2, 2:-2] = values
    upright = np.maximum(np.maximum(padded[2:], padded[:-2]), padded[1:-1])
    sideways = np.maximum(padded[:, 2:], padded[:, :-2])
    return np.maximum(upright[:, 1:-1], sideways[1:-1])
