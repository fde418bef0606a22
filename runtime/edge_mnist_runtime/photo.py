"""From a photograph to the digit's ink: ground, lines, ink; first in the whole picture, then nearer.

What is ink and what is a shadow depends on how wide strokes are. So a picture is looked at through windows of several
sizes, and of what each shows the clearest strokes are kept: long, dark, and with an edge of the picture all around.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge_mnist_runtime.ink import Box, Ink, peak_of, pick_ink
from edge_mnist_runtime.paper import Planes, close_gaps, compare_polarities, measure_darkness, noise_of
from edge_mnist_runtime.picture_definition import PICTURE_READING
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


@dataclass(frozen=True)
class _Look:
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
    def is_clear(self) -> bool:
        """Whether no other window can show better strokes."""
        return (
            self.outline >= PICTURE_READING.clear_outline
            and self.ink.level >= PICTURE_READING.clear_darkness
            and self.ink.stroke_pixels < PICTURE_READING.blob_part * self.ink.side_pixels
        )


def find_ink(picture: Image.Image) -> FoundInk | None:
    """Find the digit in an upright picture of mode L or RGB; None where nothing stands out from the ground."""
    far = _fit(picture)
    look = _look(far)
    if look is None:
        return None
    box = _in_parts(look.ink.box, far)
    if look.ink.side_pixels < PICTURE_READING.near_side_pixels and far.size != picture.size:
        look, box = _look_nearer(picture, look, box) or (look, box)
    darkness = np.rint(255 * np.clip(look.darkness / look.ink.level, 0, 1)).astype(np.uint8)
    return FoundInk(_cut(look.ink), darkness, box, look.light_on_dark, look.lines)


def _fit(picture: Image.Image) -> Image.Image:
    factor = -(-max(picture.size) // PICTURE_READING.look_side_pixels)
    return picture.reduce(factor) if factor > 1 else picture


def _look(picture: Image.Image) -> _Look | None:
    """Find the ink through a wide window, and through narrower ones where that shows no clear strokes."""
    planes, side = _planes_of(picture), min(picture.size)
    window = max(3, round(PICTURE_READING.widest_stroke_part * side))
    light_on_dark, sureness = compare_polarities(planes, window)
    is_sure = sureness >= PICTURE_READING.sure_polarity
    page = _Page(planes, light_on_dark)
    found = page.find(window)
    if found:
        suited = _suited(found.ink.stroke_pixels)
        if suited < 0.7 * window or found.ink.stroke_pixels > 0.45 * window:
            found = _better(found, page.find(suited))
    if found and found.is_clear and is_sure:
        return found
    sizes = [max(NARROWEST_WINDOW, round(part * side)) for part in PICTURE_READING.further_window_parts]
    for size in sizes:
        found = _better(found, page.find(size))
    if found and found.lines > (0 if is_sure else 3):  # lines are printed on paper: the ink is what they are
        return found
    other_page, other = _Page(planes, not light_on_dark), None
    for size in sizes:
        other = _better(other, other_page.find(size))
    margin = PICTURE_READING.other_polarity_margin
    return _better(found, other, margin=1 / margin if other and other.lines else margin)


def _look_nearer(
    picture: Image.Image, look: _Look, box: tuple[float, ...]
) -> tuple[_Look, tuple[float, float, float, float]] | None:
    """Find the same ink again in the part of the picture around it, with more pixels; None where that fails."""
    top, bottom, left, right = np.array(box) * np.repeat((picture.height, picture.width), 2)
    side = max(bottom - top, right - left)
    corners = (left - 0.8 * side, top - 0.8 * side, right + 0.8 * side, bottom + 0.8 * side)
    x0, y0, x1, y1 = (int(np.clip(round(at), 0, most)) for at, most in zip(corners, picture.size * 2, strict=True))
    part = picture.crop((x0, y0, x1, y1))
    near = _fit(part)
    larger = side / look.ink.side_pixels * near.width / part.width
    found = _Page(_planes_of(near), look.light_on_dark).find(_suited(look.ink.stroke_pixels * larger))
    if found is None or found.ink.side_pixels < 0.6 * larger * look.ink.side_pixels:
        return None
    inner = _in_parts(found.ink.box, near)
    rows, columns = part.height / picture.height, part.width / picture.width
    y, x = y0 / picture.height, x0 / picture.width
    outer = (y + inner[0] * rows, y + inner[1] * rows, x + inner[2] * columns, x + inner[3] * columns)
    return replace(found, lines=max(found.lines, look.lines)), outer


def _suited(stroke_pixels: float) -> int:
    """The window through which strokes of that width are seen whole, and little else."""
    return max(NARROWEST_WINDOW, round(3.5 * stroke_pixels) + 4)


def _better(one: _Look | None, other: _Look | None, *, margin: float = 1.0) -> _Look | None:
    if one is None or other is None:
        return one or other
    return other if other.score > margin * one.score else one


class _Page:
    """A picture of one assumed polarity, looked at through windows of several sizes."""

    def __init__(self, planes: Planes, light_on_dark: bool) -> None:
        self._planes = 255 - planes if light_on_dark else planes
        self._light_on_dark = light_on_dark
        self._ruling: Ruling | None = None

    def find(self, window: int) -> _Look | None:
        """The ink that differs from the ground, and is narrower than the window."""
        darkness = measure_darkness(self._planes, close_gaps(self._planes, window))
        noise, peak = noise_of(darkness), peak_of(darkness)
        darkness = np.maximum(darkness, 0)
        least = max(PICTURE_READING.least_darkness, PICTURE_READING.least_noise_deviations * noise)
        if peak < least:
            return None
        if self._ruling is None:  # lines are narrow: every window shows the same
            self._ruling = find_ruling(darkness)
        darkness = remove_ruling(darkness, self._ruling, peak)
        ink = pick_ink(darkness, noise) if peak_of(darkness) >= PICTURE_READING.least_darkness else None
        if ink is None:
            return None
        return _Look(ink, darkness, len(self._ruling), self._light_on_dark, _outline_on_edges(self._planes, ink))


def _planes_of(picture: Image.Image) -> Planes:
    pixels = np.asarray(picture)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)) if pixels.ndim == 3 else pixels[np.newaxis]


def _outline_on_edges(planes: Planes, ink: Ink) -> float:
    """Part of the ink's outline, 0..1, around which the light falls by half of what the ink takes away."""
    top, bottom, left, right = (max(0, ink.box[0] - 3), ink.box[1] + 3, max(0, ink.box[2] - 3), ink.box[3] + 3)
    mask = ink.mask[top:bottom, left:right]
    light = planes[:, top:bottom, left:right]
    padded = np.pad(mask, 1)
    inside = padded[2:, 1:-1] & padded[:-2, 1:-1] & padded[1:-1, 2:] & padded[1:-1, :-2]
    most = _over_neighbours(light, np.maximum).astype(np.float32)
    drop = ((most - _over_neighbours(light, np.minimum)) / np.maximum(most, 24)).max(0)
    return float((drop[mask & ~inside] > 0.5 * ink.level).mean())


def _over_neighbours(planes: Planes, function: Any) -> Planes:
    """`function` over the 5 x 5 pixels around each one."""
    for axis in (1, 2):
        padded = np.pad(planes, [(2, 2) if axis == side else (0, 0) for side in range(3)], mode="edge").swapaxes(
            0, axis
        )
        n = planes.shape[axis]
        planes = function.reduce([padded[shift : shift + n] for shift in range(5)]).swapaxes(0, axis)
    return planes


def _in_parts(box: Box, picture: Image.Image) -> tuple[float, float, float, float]:
    top, bottom, left, right = box
    return top / picture.height, bottom / picture.height, left / picture.width, right / picture.width


def _cut(ink: Ink) -> Pixels:
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
