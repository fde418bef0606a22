"""From a photograph to the digit's ink: ground, lines, ink; first in the whole picture, then nearer.

What is ink and what is a shadow depends on how wide strokes are. So a picture is looked at through windows of several
sizes, and of what each shows the clearest strokes are kept: long, dark, and with an edge of the picture all around.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge_mnist_runtime.flaws import find_flaw, is_grain
from edge_mnist_runtime.ink import Box, Ink, Strokes, outline_on_edges, peak_of, pick_ink
from edge_mnist_runtime.paper import (
    POLARITY_SIDE,
    Planes,
    close_gaps,
    compare_polarities,
    measure_darkness,
    mix_planes,
    noise_of,
)
from edge_mnist_runtime.picture_definition import PICTURE_READING
from edge_mnist_runtime.prediction import Reason
from edge_mnist_runtime.ruling import Ruling, find_ruling, remove_ruling

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

NARROWEST_WINDOW: Final = 5
"""Pixels: below this a window fits between the pixels of one stroke."""


@dataclass(frozen=True)
class FoundInk:
    """A digit found in a picture."""

    ink: Pixels
    """Bright ink on exactly 0, uint8, shape (H, W): the digit's box."""
    darkness: Pixels
    """Where the ink was found: what differs from the ground, lines removed, uint8, shape (H, W)."""
    box: tuple[float, float, float, float]
    """Top, bottom, left and right in the picture, as parts of its height and width."""
    light_on_dark: bool
    """Whether the ink is lighter than its ground."""
    lines: int
    """Printed lines that were taken away."""
    contrast: float
    """Part of the ground's light that the ink takes away, 0..1."""
    flaw: Reason | None
    """What speaks against it before any network has seen it."""


@dataclass(frozen=True)
class Look:
    """Ink that was found through one window."""

    ink: Ink
    darkness: Floats
    lines: int
    light_on_dark: bool
    outline: float
    """Part of the ink's outline, 0..1, where the picture has an edge: a shadow's has not, nor that of half a stroke."""

    @property
    def score(self) -> float:
        """How much the ink looks like strokes of a pen: length and darkness, on a clear outline."""
        blob = self.ink.stroke_pixels / self.ink.side_pixels
        return (
            self.ink.length
            * self.ink.level**2
            * self.outline**6
            * min(1.0, PICTURE_READING.blob_part / max(blob, 1e-6))
        )

    @property
    def is_alone(self) -> bool:
        """Whether strokes are clear, and nothing else is as dark: a narrower window has nothing to tell apart."""
        share = float(self.ink.mass[self.ink.mass < self.ink.mass.max()].sum() / self.ink.mass.sum())
        return self.is_clear and self.outline >= 0.98 and not self.lines and share < 0.02

    @property
    def is_clear(self) -> bool:
        """Whether no other window can show better strokes."""
        return (
            self.outline >= PICTURE_READING.clear_outline
            and self.ink.level >= PICTURE_READING.clear_darkness
            and self.ink.stroke_pixels < PICTURE_READING.blob_part * self.ink.side_pixels
        )


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
    box = _in_parts(look.ink.box, far)
    if look.ink.side_pixels < PICTURE_READING.near_side_pixels and far.size != picture.size:
        look, box = _look_nearer(picture, look, box) or (look, box)
    if is_grain(look.ink, outline=look.outline, lines=look.lines):
        return None
    flaw = find_flaw(whole.ink, whole.ink.side_pixels * full_side_pixels / max(far.size))
    darkness = np.minimum(look.darkness * np.float32(255 / look.ink.level), 255).astype(np.uint8)
    return FoundInk(cut_out(look.ink), darkness, box, look.light_on_dark, look.lines, look.ink.level, flaw)


def fit(picture: Image.Image) -> Image.Image:
    """A picture as far away as it is looked at at once."""
    factor = -(-max(picture.size) // PICTURE_READING.look_side_pixels)
    return picture.reduce(factor) if factor > 1 else picture


def look_at(picture: Image.Image) -> Look | None:
    """Find the ink through a wide window, and through narrower ones where that shows no clear strokes."""
    planes, side = planes_of(picture), min(picture.size)
    window = max(3, round(PICTURE_READING.widest_stroke_part * side))
    step = max(1, min(max(picture.size) // POLARITY_SIDE, side))  # a strip stays a strip
    light_on_dark, sureness = compare_polarities(planes_of(picture.reduce(step)), window // step)
    is_sure = sureness >= PICTURE_READING.sure_polarity
    page = Page(planes, light_on_dark)
    found = page.find(window)
    if found and not (found.is_alone and is_sure):
        suited = suited_window(found.ink.stroke_pixels)
        if suited < 0.7 * window or found.ink.stroke_pixels > 0.45 * window:
            found = _better(found, page.find(suited))
    if found and found.is_clear and is_sure:
        return found
    sizes = [max(NARROWEST_WINDOW, round(part * side)) for part in PICTURE_READING.further_window_parts]
    for size in sizes:
        found = _better(found, page.find(size))
    if page.n_lines > (0 if is_sure else 3):  # lines are printed on paper: the ink is what they are
        return found
    other_page, other = Page(planes, not light_on_dark), None
    for size in sizes:
        other = _better(other, other_page.find(size))
    margin = PICTURE_READING.other_polarity_margin
    return _better(found, other, margin=1 / margin if other and other.lines else margin)


def _look_nearer(
    picture: Image.Image, look: Look, box: tuple[float, ...]
) -> tuple[Look, tuple[float, float, float, float]] | None:
    """Find the same ink again in the part of the picture around it, with more pixels; None where that fails."""
    top, bottom, left, right = np.array(box) * np.repeat((picture.height, picture.width), 2)
    side = max(bottom - top, right - left)
    corners = (left - 0.8 * side, top - 0.8 * side, right + 0.8 * side, bottom + 0.8 * side)
    x0, y0, x1, y1 = (int(np.clip(round(at), 0, most)) for at, most in zip(corners, picture.size * 2, strict=True))
    part = picture.crop((x0, y0, x1, y1))
    near = fit(part)
    larger = side / look.ink.side_pixels * near.width / part.width
    found = Page(planes_of(near), look.light_on_dark).find(suited_window(look.ink.stroke_pixels * larger))
    if found is None or found.ink.side_pixels < 0.6 * larger * look.ink.side_pixels:
        return None
    inner = _in_parts(found.ink.box, near)
    rows, columns = part.height / picture.height, part.width / picture.width
    y, x = y0 / picture.height, x0 / picture.width
    outer = (y + inner[0] * rows, y + inner[1] * rows, x + inner[2] * columns, x + inner[3] * columns)
    return replace(found, lines=max(found.lines, look.lines)), outer


def suited_window(stroke_pixels: float) -> int:
    """The window through which strokes of that width are seen whole, and little else."""
    return max(NARROWEST_WINDOW, round(3.5 * stroke_pixels) + 4)


def _better(one: Look | None, other: Look | None, *, margin: float = 1.0) -> Look | None:
    if one is None or other is None:
        return one or other
    return other if other.score > margin * one.score else one


class Page:
    """A picture of one assumed polarity, looked at through windows of several sizes."""

    def __init__(self, planes: Planes, light_on_dark: bool) -> None:
        dark = 255 - planes if light_on_dark else planes
        self._planes = mix_planes(dark, round(PICTURE_READING.widest_stroke_part * min(planes.shape[1:])))
        self._light_on_dark = light_on_dark
        self._ruling: Ruling | None = None

    @property
    def n_lines(self) -> int:
        """Printed lines that were found so far."""
        return len(self._ruling or ())

    def find(self, window: int) -> Look | None:
        """The ink that differs from the ground, and is narrower than the window."""
        darkness = measure_darkness(self._planes, close_gaps(self._planes, window))
        noise = noise_of(darkness)
        np.maximum(darkness, 0, out=darkness)
        peak = peak_of(darkness)
        least = max(PICTURE_READING.least_darkness, PICTURE_READING.least_noise_deviations * noise)
        if peak < least:
            return None
        if self._ruling is None:  # lines are narrow: every window shows the same
            self._ruling = find_ruling(darkness)
        if self._ruling:
            darkness = remove_ruling(darkness, self._ruling, peak)
            peak = peak_of(darkness)
        ink = pick_ink(darkness, noise, peak=peak) if peak >= PICTURE_READING.least_darkness else None
        if ink is None:
            return None
        return Look(ink, darkness, len(self._ruling), self._light_on_dark, outline_on_edges(self._planes, ink))


def planes_of(picture: Image.Image) -> Planes:
    """The colour planes of a picture of mode L or RGB."""
    pixels = np.asarray(picture)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)) if pixels.ndim == 3 else pixels[np.newaxis]


def _in_parts(box: Box, picture: Image.Image) -> tuple[float, float, float, float]:
    top, bottom, left, right = box
    return top / picture.height, bottom / picture.height, left / picture.width, right / picture.width


def cut_out(ink: Strokes) -> Pixels:
    """The digit's box, grey levels kept, thin strokes made as wide as MNIST's thinnest."""
    top, bottom, left, right = ink.box
    darkness = np.pad(ink.darkness[top:bottom, left:right], 2)
    floor = 0.2 * ink.level
    values = np.clip((darkness - floor) / max(0.9 * ink.level - floor, 1e-6), 0, 1)
    missing = PICTURE_READING.thinnest_stroke_part * ink.side_pixels - ink.stroke_pixels
    for _ in range(round(missing / 2)):
        values = _widen(values)
    pixels: Pixels = np.rint(255 * values).astype(np.uint8)
    return pixels


def _widen(values: Floats) -> Floats:
    """One pixel more on each side of every stroke, shape (H + 2, W + 2)."""
    padded = np.pad(values, 2)
    upright = np.maximum(np.maximum(padded[2:], padded[:-2]), padded[1:-1])
    sideways = np.maximum(padded[:, 2:], padded[:, :-2])
    return np.maximum(upright[:, 1:-1], sideways[1:-1])
