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

NARROWEST_WINDOW: Final = 5
"""Pixels: below this a window fits between the pixels of one stroke."""

MOST_LINES_IN_DOUBT: Final = 3
"""Where the polarity is in doubt, more printed lines than these tell it: they are what the ink is."""


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
    whole = look = look_at(far)
    if whole is None or look is None:
        return None
    sides = _in_parts(look.ink.box, far)
    if look.ink.side_pixels < PICTURE_READING.near_side_pixels and far.size != picture.size:
        look, sides = _look_nearer(picture, look, sides) or (look, sides)
    if is_grain(look.ink, outline=look.outline, lines=look.lines):
        return None
    flaw = find_flaw(whole.ink, whole.ink.side_pixels * full_side_pixels / max(far.size))
    return FoundInk(cut_out(look.ink), look.darkness, sides, look.light_on_dark, look.lines, look.ink.level, flaw)


def fit(picture: Image.Image) -> Image.Image:
    """A picture as far away as it is looked at at once."""
    factor = -(-max(picture.size) // PICTURE_READING.look_side_pixels)
    return picture.reduce(factor) if factor > 1 else picture


def look_at(picture: Image.Image, *, is_row: bool = False) -> Look | None:
    """Find the ink through a wide window, and through narrower ones where that shows no clear strokes.

    Args:
        picture: Mode L or RGB, as `fit` makes it.
        is_row: Whether there are several digits: that one of them is sharp does not say that all are.
    """
    side = min(picture.size)
    window = max(3, round(PICTURE_READING.widest_stroke_part * side))
    glance = glance_at(picture)
    light_on_dark, sureness = glance.polarity
    is_sure = sureness >= PICTURE_READING.sure_polarity
    page = Page(glance, light_on_dark)
    found = page.find(window)
    if found and not (found.is_alone or (found.is_sharp and is_sure and not is_row)):
        suited = suited_window(found.ink.stroke_pixels)
        if suited < 0.7 * window or found.ink.stroke_pixels > 0.45 * window:
            found = _better(found, page.find(suited))
    if found and (found.is_alone or (found.is_clear and is_sure)):
        return found
    sizes = [max(NARROWEST_WINDOW, round(part * side)) for part in PICTURE_READING.further_window_parts]
    if not is_sure and page.n_lines <= MOST_LINES_IN_DOUBT:
        other = Page(glance, not light_on_dark)
        return _look_at_both(page, other, (window, *sizes[1:], sizes[0]), found, is_row=is_row)
    if found and is_sure and found.ink.side_pixels < 0.5 * side and found.ink.stroke_pixels < 0.3 * window:
        sizes = sizes[1:]  # no wider window: it shows more of the shadows, and no more of strokes that do not fill it
    found = _look_through(page, sizes, found)
    # Lines are printed on paper: where there are some, the ink is what they are.
    if (found and found.is_alone) or page.n_lines or sureness >= PICTURE_READING.certain_polarity:
        return found
    return _of_likelier_polarity(found, _look_through(Page(glance, not light_on_dark), sizes, None))


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
    return rival is None or best.score > PICTURE_READING.decisive_margin * rival.score


def _of_likelier_polarity(found: Look | None, other: Look | None) -> Look | None:
    """Which of two looks is ink, `other` being of the less likely polarity."""
    margin = PICTURE_READING.other_polarity_margin
    return _better(found, other, margin=1 / margin if other and other.lines else margin)


def _look_nearer(picture: Image.Image, look: Look, sides: Sides) -> tuple[Look, Sides] | None:
    """Find the same ink again in the part of the picture around it, with more pixels; None where that fails."""
    left, top, right, bottom = np.array(sides) * (picture.size * 2)
    side = max(bottom - top, right - left)
    corners = (left - 0.8 * side, top - 0.8 * side, right + 0.8 * side, bottom + 0.8 * side)
    x0, y0, x1, y1 = (int(np.clip(round(at), 0, most)) for at, most in zip(corners, picture.size * 2, strict=True))
    part = picture.crop((x0, y0, x1, y1))
    near = fit(part)
    larger = side / look.ink.side_pixels * near.width / part.width
    found = Page(glance_at(near), look.light_on_dark).find(suited_window(look.ink.stroke_pixels * larger))
    if found is None or found.ink.side_pixels < 0.6 * larger * look.ink.side_pixels:
        return None
    inner = _in_parts(found.ink.box, near)
    columns, rows = part.width / picture.width, part.height / picture.height
    x, y = x0 / picture.width, y0 / picture.height
    outer = (x + inner[0] * columns, y + inner[1] * rows, x + inner[2] * columns, y + inner[3] * rows)
    return replace(found, lines=max(found.lines, look.lines)), outer


def suited_window(stroke_pixels: float) -> int:
    """The window through which strokes of that width are seen whole, and little else."""
    return max(NARROWEST_WINDOW, round(3.5 * stroke_pixels) + 4)


def _better(one: Look | None, other: Look | None, *, margin: float = 1.0) -> Look | None:
    if one is None or other is None:
        return one or other
    return other if other.score > margin * one.score else one


def _in_parts(box: Box, picture: Image.Image) -> Sides:
    width, height = picture.size
    return box.left / width, box.top / height, box.right / width, box.bottom / height


def cut_out(ink: Strokes) -> Pixels:
    """The digit's box, grey levels kept, thin strokes made as wide as MNIST's thinnest."""
    floor = 0.2 * ink.level
    values = np.zeros((ink.box.height + 4, ink.box.width + 4), np.float32)
    inside = (ink.inside - np.float32(floor)) / np.float32(max(0.9 * ink.level - floor, 1e-6))
    np.clip(inside, 0, 1, out=values[2:-2, 2:-2])
    missing = PICTURE_READING.thinnest_stroke_part * ink.side_pixels - ink.stroke_pixels
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
