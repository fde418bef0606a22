"""Make digits as distance fields, which any pen can draw at any size and tilt.

The field gives the distance of each point to the middle of the nearest stroke, or to the edge of the ink. A hairline
and a thick marker use the same field with different thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import ndimage

from edge_mnist_runtime.tensor import Pixels
from edge_mnist_trainer.augment.fonts import FontFace
from edge_mnist_trainer.augment.strokes import stroke_curves

Floats = npt.NDArray[np.float32]

DIGIT_PIXELS: Final = 160
"""Long side of the digit's box in the field."""

MARGIN_PIXELS: Final = 48
"""Margin around the box."""


@dataclass(frozen=True)
class DigitShape:
    """One digit as a distance field."""

    distance: Floats
    """Distance to the middle of the nearest stroke, or to the edge of the ink (negative inside), in units of the
    digit's height. Shape (S, S) with S = `DIGIT_PIXELS` + 2 * `MARGIN_PIXELS`."""
    has_outline: bool
    """Whether the distance is to the edge, so that the digit has its own stroke width."""

    def coverage(self, u: Floats, v: Floats, *, width: float, pixels: float) -> Floats:
        """Compute how much of each point the ink covers.

        Args:
            u: Columns from the middle of the digit's box, in units of its height.
            v: Rows, in the same units.
            width: Width of the pen in the same units. With an outline it is added to the digit's own stroke width.
            pixels: Height of the digit in the picture; edges are one pixel soft.

        Returns:
            float32, the shape of `u`, 0..1.
        """
        half = len(self.distance) / 2
        distance = np.ones(u.shape, np.float32)
        near = (np.abs(u) <= half / DIGIT_PIXELS) & (np.abs(v) <= half / DIGIT_PIXELS)
        at = np.stack([v[near] * DIGIT_PIXELS + (half - 0.5), u[near] * DIGIT_PIXELS + (half - 0.5)])
        distance[near] = ndimage.map_coordinates(self.distance, at, order=1, mode="constant", cval=1.0)
        covered: Floats = np.clip(0.5 + (width / 2 - distance) * pixels, 0, 1).astype(np.float32)
        return covered


def shape_from_strokes(digit: int, rng: np.random.Generator, *, hand: int | None) -> DigitShape:
    """Make a digit in a handwriting style of `strokes.py`, with random slant and proportions."""
    width, slant = rng.uniform(0.45, 0.8), rng.uniform(-0.1, 0.3)
    curves = [
        np.stack([width * (curve[:, 0] + slant * (0.5 - curve[:, 1])), curve[:, 1]], axis=1)
        for curve in stroke_curves(digit, rng, hand=hand)
    ]
    return shape_from_curves(curves)


def shape_from_curves(curves: list[npt.NDArray[np.float64]], *, drawn: slice = slice(None)) -> DigitShape:
    """A digit from the pen's way: points (x, y), y down, float64, shape (K, 2), of each stroke, at any scale.

    With `drawn`, some of its strokes alone, where they are in the whole digit.
    """
    points = np.concatenate(curves)
    low, high = points.min(0), points.max(0)
    scale, shift = DIGIT_PIXELS / (high - low).max(), _side() / 2
    canvas = Image.new("L", (_side(), _side()), 255)
    draw = ImageDraw.Draw(canvas)
    for curve in curves[drawn]:
        placed = (curve - (low + high) / 2) * scale + shift
        draw.line([(float(x), float(y)) for x, y in placed], 0, width=1)
    return DigitShape(_to_middle(np.asarray(canvas) < 128), has_outline=False)


def shape_from_font(face: FontFace, digit: int | str, rng: np.random.Generator, *, has_outline: bool) -> DigitShape:
    """Make a printed character, distorted like handwriting: its outline, or the middle of its strokes."""
    canvas = Image.new("L", (_side(), _side()), 0)
    middle = (_side() / 2, _side() / 2)
    ImageDraw.Draw(canvas).text(middle, str(digit), 255, face.at_size(DIGIT_PIXELS), anchor="mm")
    return _from_pixels(_bend(np.asarray(canvas), rng, strength_pixels=4.0), has_outline=has_outline)


def shape_from_image(image: Pixels, *, has_outline: bool) -> DigitShape:
    """Make a digit from an image of ink such as MNIST's, uint8, shape (28, 28), bright on black."""
    return _from_pixels(image, has_outline=has_outline)


def _from_pixels(image: Pixels, *, has_outline: bool) -> DigitShape:
    rows, columns = np.flatnonzero((image > 64).any(1)), np.flatnonzero((image > 64).any(0))
    box = image[max(0, rows[0] - 1) : rows[-1] + 2, max(0, columns[0] - 1) : columns[-1] + 2]
    scale = DIGIT_PIXELS / max(int(rows[-1] - rows[0]), int(columns[-1] - columns[0]), 1)
    size = (max(1, round(box.shape[1] * scale)), max(1, round(box.shape[0] * scale)))
    large = np.asarray(Image.fromarray(box).resize(size, Image.Resampling.BICUBIC))[: _side(), : _side()]
    canvas = np.zeros((_side(), _side()), np.float32)
    top, left = (_side() - large.shape[0]) // 2, (_side() - large.shape[1]) // 2
    canvas[top : top + large.shape[0], left : left + large.shape[1]] = large
    # Smooth the edges of coarse images, but keep hairlines of fonts.
    ink = ndimage.gaussian_filter(canvas, min(2.0, scale / 2)) > 110
    if has_outline:
        distance = ndimage.distance_transform_edt(~ink) - ndimage.distance_transform_edt(ink)
        return DigitShape((distance / DIGIT_PIXELS).astype(np.float32), has_outline=True)
    return DigitShape(_to_middle(thin(ink)), has_outline=False)


def _to_middle(line: npt.NDArray[np.bool_]) -> Floats:
    """Distance to a line of one pixel, smoothed to remove pixel steps."""
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(~line), 1.5) - 1.0
    field: Floats = (distance / DIGIT_PIXELS).astype(np.float32)
    return field


def _bend(image: Pixels, rng: np.random.Generator, *, strength_pixels: float) -> Pixels:
    side = len(image)
    field = [ndimage.gaussian_filter(rng.standard_normal((side, side)), side / 8) for _ in range(2)]
    slant = rng.uniform(-0.15, 0.25)
    rows, columns = np.mgrid[:side, :side].astype(np.float64)
    rows += strength_pixels * field[0] / field[0].std()
    columns += strength_pixels * field[1] / field[1].std() + slant * (rows - side / 2)
    pixels: Pixels = ndimage.map_coordinates(image, [rows, columns], order=1)
    return pixels


def thin(ink: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Thin ink, bool, shape (H, W), to a line of one pixel (Zhang and Suen, 1984)."""
    ink = np.pad(ink, 1)
    changed = True
    while changed:
        changed = False
        for first in (True, False):
            north, north_east, east, south_east, south, south_west, west, north_west = _neighbours(ink)
            ring = [north, north_east, east, south_east, south, south_west, west, north_west]
            count: npt.NDArray[Any] = np.sum(ring, axis=0)
            rises = np.sum([~one & other for one, other in zip(ring, [*ring[1:], ring[0]], strict=True)], axis=0)
            sides = (
                (north & east & south, east & south & west) if first else (north & east & west, north & south & west)
            )
            gone = ink[1:-1, 1:-1] & (count >= 2) & (count <= 6) & (rises == 1) & ~sides[0] & ~sides[1]
            ink[1:-1, 1:-1] &= ~gone
            changed |= bool(gone.any())
    return ink[1:-1, 1:-1]


def _neighbours(ink: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.bool_]]:
    """Return the eight neighbours of every inner pixel, clockwise from the north."""
    height, width = ink.shape
    steps = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
    return [ink[1 + down : height - 1 + down, 1 + right : width - 1 + right] for down, right in steps]


def _side() -> int:
    return DIGIT_PIXELS + 2 * MARGIN_PIXELS
