"""Strokes drawn by any pen onto any canvas, as 28 x 28 tensors: hairlines and markers, clean or blurred, cut or whole.

Half of the drawings are brought to MNIST's size and place by the one preprocessing definition. The others are put
straight into the frame, as programs do that shrink a picture to 28 x 28: larger or smaller than MNIST's digits, in a
corner or over the border, by any resampling filter, faint where the stroke is thinner than a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import ndimage

from edge_mnist_runtime.errors import PictureError
from edge_mnist_runtime.preprocess import normalise_ink
from edge_mnist_runtime.tensor import Pixels
from edge_mnist_trainer.augment.framing import put_in_frame
from edge_mnist_trainer.augment.school_forms import NARROWEST, USUAL_NARROWEST, draw_form
from edge_mnist_trainer.augment.strokes import Point, catmull_rom

Curve = npt.NDArray[np.float64]
"""Points (x, y) along a stroke, float64, shape (K, 2)."""

CANVAS_PIXELS: Final = 208
"""Side of the canvas for strokes, before they are shrunk into a frame."""


@dataclass(frozen=True)
class Pen:
    """A pen. Lengths are in pixels of a drawing that is 20 pixels high."""

    width: float
    blur_sigma: float
    square: bool
    """Whether the brush is a square; else it is round."""
    strengths: tuple[float, ...]
    """Ink of each stroke, in order: 1 for full ink."""
    retraced: float
    """Ink of a second pass beside the first, 0..1; 0 for none."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Pen:
        """A hairline, a usual pen or a broad one."""
        kind = rng.random()
        blur = 0.0
        if kind < 0.34:
            width = rng.uniform(0.35, 1.4)
        elif kind < 0.8:
            width = rng.uniform(1.4, 3.6)
        else:
            width, blur = rng.uniform(3.6, 5.2), rng.uniform(0.0, 1.4)
        if rng.random() < 0.15:
            blur = rng.uniform(0.3, 1.3)
        strengths: tuple[float, ...] = (1.0,)
        if rng.random() < 0.12:  # one stroke is faint, most often the second
            strengths = (1.0, rng.uniform(0.35, 0.8), rng.uniform(0.35, 1.0))
        retraced = rng.uniform(0.15, 0.6) if rng.random() < 0.08 else 0.0
        return cls(width, blur, rng.random() < 0.15, strengths, retraced)

    def narrowed(self, curves: list[Curve]) -> Pen:
        """A thinner pen for a narrow drawing, whose loops a broad pen would close."""
        extent = np.ptp(np.concatenate(curves), axis=0)
        part = float(np.clip(extent[0] / 0.65, 0.5, 1))
        if self.width <= 2.5 or part == 1 or extent[0] < 0.3:  # a stem has no loop
            return self
        return replace(self, width=max(2.5, self.width * part), blur_sigma=self.blur_sigma * part)


def draw_school_digits(n: int, *, seed: int) -> tuple[Pixels, npt.NDArray[np.uint8]]:
    """Draw `n` digits in the forms of `school_forms.py`, each by a pen of its own.

    Returns:
        Images, uint8, shape (n, 28, 28, 1), bright ink on black, and labels, uint8, in the order 0, 1, ..., 9, 0, ...
    """
    rng = np.random.default_rng((seed, 77))
    labels = np.resize(np.arange(10, dtype=np.uint8), n)
    return np.stack([draw_digit(int(digit), rng) for digit in labels])[..., np.newaxis], labels


def draw_digit(digit: int, rng: np.random.Generator) -> Pixels:
    """Draw one digit in a form, by a pen, and at a place of its own: uint8, shape (28, 28)."""
    narrowest = NARROWEST.get(digit, USUAL_NARROWEST)
    return draw_strokes(draw_form(digit, rng), rng, narrowest=narrowest, tallest=34.0 if digit == 1 else 29.0)


def draw_strokes(
    strokes: Sequence[Sequence[Point]], rng: np.random.Generator, *, narrowest: float = 0.4, tallest: float = 28.0
) -> Pixels:
    """Draw strokes in one hand, by one pen, in a frame of 28 x 28.

    Args:
        strokes: Points (x, y) in about the unit square, y down.
        rng: Decides everything.
        narrowest: Least width of the drawing, as a fraction of its height.
        tallest: Greatest height, in pixels.

    Returns:
        uint8, shape (28, 28), bright ink on black.
    """
    for _ in range(20):
        curves = write_by_hand(strokes, rng, narrowest=narrowest)
        if rng.random() < 0.12:
            curves = _leave_gap(curves, rng)
        pen = Pen.draw(rng).narrowed(curves)
        ink = _draw_normalised(curves, pen, rng) if rng.random() < 0.5 else _draw_in_frame(curves, pen, rng, tallest)
        if ink is not None:
            return ink
    raise AssertionError("no pen left any ink")  # twenty hairlines in a row that fell between the pixels


def write_by_hand(strokes: Sequence[Sequence[Point]], rng: np.random.Generator, *, narrowest: float) -> list[Curve]:
    """Curves of the strokes as one hand writes them: slanted, turned, wide or narrow, unsteady; in a unit square."""
    joined = {point: np.asarray(point) + rng.normal(0, 0.012, 2) for stroke in strokes for point in stroke}
    curves = [catmull_rom(np.stack([joined[point] for point in stroke]), steps=12) for stroke in strokes]
    width = rng.uniform(narrowest, max(0.95, narrowest + 0.4))
    slant = rng.normal(0.08, 0.13)
    angle = np.radians(np.clip(rng.normal(0, 5), -9, 9))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    tremor = rng.uniform(0, 0.02) if rng.random() < 0.25 else 0.0
    written = []
    for curve in curves:
        x = width * (curve[:, 0] - 0.5) + slant * (0.5 - curve[:, 1])
        points = np.stack([x, curve[:, 1] - 0.5], axis=1) @ turn.T
        if tremor:
            points = points + tremor * ndimage.gaussian_filter1d(rng.normal(0, 2, points.shape), 2, axis=0)
        written.append(points)
    every = np.concatenate(written)
    low, high = every.min(0), every.max(0)
    scale = 1 / max(float((high - low).max()), 1e-6)
    return [(curve - (low + high) / 2) * scale + 0.5 for curve in written]


def _leave_gap(curves: list[Curve], rng: np.random.Generator) -> list[Curve]:
    """Lift the pen for a moment: a piece of one stroke is missing."""
    chosen = int(rng.integers(len(curves)))
    curve = curves[chosen]
    steps = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    if steps[-1] < 0.4:
        return curves
    start = rng.uniform(0.15, 0.8) * steps[-1]
    end = start + rng.uniform(0.06, 0.16)
    parts = [curve[steps < start], curve[steps > end]]
    return [*curves[:chosen], *(part for part in parts if len(part) > 1), *curves[chosen + 1 :]]


def _draw_normalised(curves: list[Curve], pen: Pen, rng: np.random.Generator) -> Pixels | None:
    """Draw on a canvas of 24 to 224 pixels, and bring the ink to MNIST's size and place."""
    side = int(np.exp(rng.uniform(np.log(24), np.log(224))))
    height = 0.8 * side
    placed = [curve * height + 0.1 * side for curve in curves]
    ink = _ink(placed, pen, max(1.0, pen.width * height / 20), side, pen.blur_sigma * height / 20, rng)
    try:
        return normalise_ink(ink)
    except PictureError:
        return None


def _draw_in_frame(curves: list[Curve], pen: Pen, rng: np.random.Generator, tallest: float) -> Pixels | None:
    """Draw, large and smooth or small and stepped, and put that into the frame."""
    if rng.random() < 0.2:  # in the frame's own pixels, without smoothing
        side = round(float(np.clip(rng.normal(21, 4), 12, 28)))
        width = round(max(1.0, min(pen.width, 4.0) * side / 20))
        placed = [curve * (side - width) + width / 2 for curve in curves]
        return put_in_frame(
            _solid(placed, width, side, pen.square, 255), rng, kernel="NEAREST", long_side=float(side), tallest=tallest
        )
    height = 0.75 * CANVAS_PIXELS
    placed = [curve * height + 0.125 * CANVAS_PIXELS for curve in curves]
    ink = _ink(placed, pen, pen.width * height / 20, CANVAS_PIXELS, pen.blur_sigma * height / 20, rng)
    return put_in_frame(ink, rng, tallest=tallest)


def _ink(curves: list[Curve], pen: Pen, width: float, side: int, blur_sigma: float, rng: np.random.Generator) -> Pixels:
    """Draw curves in pixels of a square canvas: uint8, shape (side, side)."""
    ink: npt.NDArray[Any] = np.zeros((side, side), np.uint8)
    for number, curve in enumerate(curves):
        strength = pen.strengths[min(number, len(pen.strengths) - 1)] if len(pen.strengths) > 1 else 1.0
        ink = np.maximum(ink, _stroke([curve], width, side, pen.square, round(255 * strength)))
    if pen.retraced:
        moved = [curve + rng.normal(0, 0.03 * side, 2) for curve in curves]
        ink = np.maximum(ink, _stroke(moved, width, side, pen.square, round(255 * pen.retraced)))
    if blur_sigma:
        blurred = ndimage.gaussian_filter(ink.astype(np.float32), blur_sigma)
        ink = np.rint(blurred * (255 / max(1.0, float(blurred.max())))).astype(np.uint8)
    return ink


def _stroke(curves: list[Curve], width: float, side: int, square: bool, level: int) -> Pixels:
    """Draw curves; a width between whole pixels is blended from the two beside it."""
    whole = max(1, int(width))
    thin, thick = (_solid(curves, pixels, side, square, level) for pixels in (whole, whole + 1))
    part = float(np.clip(width - whole, 0, 1))
    return np.rint(thin * (1 - part) + thick * part).astype(np.uint8)


def _solid(curves: list[Curve], width: int, side: int, square: bool, level: int) -> Pixels:
    image = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(image)
    half = (width - 1) / 2
    stamp = draw.rectangle if square else draw.ellipse
    for curve in curves:
        points = [(float(x), float(y)) for x, y in curve]
        draw.line(points, level, width, joint=None if square else "curve")
        if width > 1:
            for x, y in points if square else (points[0], points[-1]):
                stamp((x - half, y - half, x + half, y + half), fill=level)
    return np.asarray(image)
