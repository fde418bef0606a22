"""Digits as drawing programs save them: hairlines, canvases that were enlarged, shrunk or cut, strokes with gaps."""

from __future__ import annotations

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.rendering.papers import Floats
from benchmarks.rendering.pens import DigitShape
from benchmarks.rendering.stranger_drawing import (
    FILTERS,
    Shown,
    Size,
    Stranger,
    cover,
    draw_place,
    draw_sides,
    paint,
)


def draw_hairline(digit: int, by: Stranger, *, widths: tuple[float, float], stepped: bool = False) -> Shown:
    """A digit by a pen of about one pixel."""
    size = draw_sides(by.rng)
    centre, pixels = draw_place(size, by.rng)
    width = by.rng.uniform(*widths)
    ink = cover(by.shape(digit), size, centre, pixels, width, stepped=stepped)
    return paint(ink / max(0.3, float(ink.max())) if widths[1] < 1 else ink, by.rng)


def draw_shrunk(digit: int, by: Stranger, *, long_side: tuple[float, float], in_corner: bool = False) -> Shown:
    """A drawing of some hundred pixels, cut to its digit, shrunk to a tensor by any filter."""
    rng, side = by.rng, int(by.rng.integers(150, 600))
    width = 0.8 * side * np.exp(rng.uniform(np.log(0.015), np.log(0.12)))
    ink = cover(by.shape(digit), (side, side), (side / 2, side / 2), 0.8 * side, width)
    rows, columns = np.flatnonzero((ink > 0.5).any(1)), np.flatnonzero((ink > 0.5).any(0))
    box = Image.fromarray(np.rint(255 * ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]).astype(np.uint8))
    scale = rng.uniform(*long_side) / max(box.size)
    width_to, height_to = (max(1, round(length * scale)) for length in box.size)
    small = np.asarray(box.resize((width_to, height_to), Image.Resampling[FILTERS[rng.integers(len(FILTERS))]]))
    tensor = np.zeros((28, 28), np.uint8)
    free = np.array([28 - height_to, 28 - width_to])
    top, left = rng.integers(0, 2, 2) * (free - np.minimum(free, 2)) + np.minimum(free, 1) if in_corner else free // 2
    tensor[top : top + height_to, left : left + width_to] = small
    return tensor


def _canvas(digit: int, by: Stranger, size: Size, widths: tuple[float, float], *, square: bool = False) -> Floats:
    """What an app's canvas holds: a digit by a brush of some pixels, 0..1."""
    centre, pixels = draw_place(size, by.rng, 0.45, 0.85)
    width = min(np.exp(by.rng.uniform(*np.log(widths))), 0.2 * pixels)
    pixels = min(pixels, 0.96 * min(size) - width)
    centre = tuple(
        float(np.clip(at, (pixels + width) / 2, side - (pixels + width) / 2))
        for at, side in zip(centre, size, strict=True)
    )
    shape = by.shape(digit)
    if not square:
        return cover(shape, size, (centre[0], centre[1]), pixels, width)
    line = cover(shape, size, (centre[0], centre[1]), pixels, 1.0, stepped=True)
    drawn: Floats = ndimage.maximum_filter(line, max(1, round(width)))
    return drawn


def draw_saved_canvas(digit: int, by: Stranger, *, square: bool = False, soft: bool = False) -> Shown:
    """An app's canvas, saved as it is."""
    size = draw_sides(by.rng, 200, 600)
    ink = _canvas(digit, by, size, (1, 40), square=square)
    if soft:
        ink = ndimage.gaussian_filter(ink, by.rng.uniform(0.003, 0.015) * min(size))
        ink = ink / ink.max()
    return paint(ink, by.rng)


def draw_resized_canvas(digit: int, by: Stranger, *, enlarged: bool) -> Shown:
    """An app's canvas, saved at another size."""
    rng = by.rng
    size = draw_sides(rng, 32, 110) if enlarged else draw_sides(rng, 280, 800)
    ink = _canvas(digit, by, size, (1, 8) if enlarged else (2, 40), square=rng.random() < 0.3)
    to = np.exp(rng.uniform(np.log(150), np.log(900))) if enlarged else np.exp(rng.uniform(np.log(28), np.log(110)))
    shape = tuple(max(28, round(side * to / max(size))) for side in size)
    kernel = Image.Resampling[FILTERS[rng.integers(len(FILTERS))]]
    return paint(np.asarray(Image.fromarray(ink).resize((shape[1], shape[0]), kernel)).clip(0, 1), rng)


def draw_at_border(digit: int, by: Stranger, *, beyond: tuple[float, float]) -> Shown:
    """A digit whose ink reaches one edge of the picture, or passes it by a fraction of the digit's height or width."""
    size = draw_sides(by.rng, 60, 600)
    return draw_shape_at_border(by.shape(digit), size, by.rng, beyond=beyond)


def draw_shape_at_border(
    shape: DigitShape, size: Size, rng: np.random.Generator, *, beyond: tuple[float, float], edge: int | None = None
) -> Shown:
    """The same for a given shape; `edge` is 0 for the upper, 1 the lower, 2 the left, 3 the right, None for any."""
    pixels = min(size) * rng.uniform(0.5, 0.85)
    width = pixels * rng.uniform(0.04, 0.12)
    large = cover(shape, (2 * size[0], 2 * size[1]), (size[0], size[1]), pixels, width)
    rows, columns = np.flatnonzero((large > 0.5).any(1)), np.flatnonzero((large > 0.5).any(0))
    box = np.array([[rows[0], rows[-1] + 1], [columns[0], columns[-1] + 1]])
    start = [int(np.mean(box[axis]) - size[axis] * rng.uniform(0.42, 0.58)) for axis in (0, 1)]
    edge = int(rng.integers(4)) if edge is None else edge
    lost = rng.uniform(*beyond)
    axis = edge // 2
    moved = round(lost * float(box[axis][1] - box[axis][0]))
    start[axis] = int(box[axis][0] + moved) if edge % 2 == 0 else int(box[axis][1] - moved - size[axis])
    start = [int(np.clip(at, 0, side)) for at, side in zip(start, size, strict=True)]
    return paint(large[start[0] : start[0] + size[0], start[1] : start[1] + size[1]], rng)


def draw_gaps(digit: int, by: Stranger) -> Shown:
    """One or two short pieces of the strokes are missing."""
    rng, size = by.rng, draw_sides(by.rng, 100, 700)
    centre, pixels = draw_place(size, rng)
    width = pixels * rng.uniform(0.04, 0.1)
    ink = cover(by.shape(digit), size, centre, pixels, width)
    rows, columns = np.nonzero(ink > 0.9)
    for _ in range(int(rng.integers(1, 3))):
        chosen = rng.integers(len(rows))
        distance = np.hypot(
            *np.ogrid[-rows[chosen] : size[0] - rows[chosen], -columns[chosen] : size[1] - columns[chosen]]
        )
        ink = ink * np.clip(distance - (width / 2 + pixels * rng.uniform(0.01, 0.04)), 0, 1)
    return paint(ink, rng)
