"""Digits that this project draws itself: pen strokes along hand-made curves, bent a little differently each time.

They are what may be shown and shipped (sample pictures, golden vectors, test assets) where MNIST's images may not.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from edge_mnist_runtime.preprocess import normalise_ink
from edge_mnist_runtime.tensor import Pixels

Point = tuple[float, float]

STROKES: Final[dict[int, tuple[tuple[Point, ...], ...]]] = {
    0: (((0.5, 0.0), (0.12, 0.12), (0.05, 0.55), (0.25, 0.97), (0.6, 0.97), (0.9, 0.6), (0.85, 0.15), (0.5, 0.0)),),
    1: (((0.42, 0.12), (0.58, 0.0), (0.54, 0.5), (0.5, 1.0)),),
    2: (((0.1, 0.22), (0.35, 0.0), (0.75, 0.08), (0.8, 0.35), (0.45, 0.7), (0.08, 0.98), (0.5, 0.93), (0.92, 0.98)),),
    3: (
        ((0.12, 0.1), (0.5, 0.0), (0.82, 0.16), (0.7, 0.4), (0.38, 0.47)),
        ((0.38, 0.47), (0.78, 0.55), (0.86, 0.82), (0.5, 1.0), (0.1, 0.9)),
    ),
    4: (((0.3, 0.0), (0.22, 0.3), (0.08, 0.6), (0.5, 0.6), (0.9, 0.56)), ((0.72, 0.1), (0.68, 0.55), (0.66, 1.0))),
    5: (
        ((0.85, 0.02), (0.5, 0.03), (0.22, 0.03)),
        ((0.22, 0.03), (0.18, 0.42), (0.55, 0.38), (0.86, 0.6), (0.75, 0.92), (0.4, 1.0), (0.08, 0.88)),
    ),
    6: (((0.65, 0.0), (0.3, 0.25), (0.1, 0.65), (0.3, 0.97), (0.7, 0.95), (0.82, 0.7), (0.55, 0.53), (0.18, 0.68)),),
    7: (((0.1, 0.08), (0.5, 0.05), (0.88, 0.06), (0.66, 0.45), (0.45, 1.0)),),
    8: (
        (
            (0.75, 0.1),
            (0.4, 0.0),
            (0.15, 0.2),
            (0.45, 0.45),
            (0.82, 0.7),
            (0.6, 1.0),
            (0.2, 0.9),
            (0.25, 0.65),
            (0.6, 0.42),
            (0.8, 0.2),
            (0.75, 0.1),
        ),
    ),
    9: (
        ((0.8, 0.2), (0.5, 0.0), (0.18, 0.15), (0.2, 0.42), (0.55, 0.48), (0.8, 0.2)),
        ((0.8, 0.2), (0.75, 0.6), (0.6, 1.0)),
    ),
}
"""Control points of each digit's strokes, (x, y) in a unit square, y down; Catmull-Rom curves pass through them."""

OTHER_HANDS: Final[tuple[dict[int, tuple[tuple[Point, ...], ...]], ...]] = (
    {
        1: (((0.18, 0.3), (0.4, 0.14), (0.58, 0.0)), ((0.58, 0.0), (0.58, 0.5), (0.58, 1.0))),
        3: (
            ((0.12, 0.02), (0.5, 0.03), (0.86, 0.02)),
            ((0.86, 0.02), (0.62, 0.22), (0.42, 0.42)),
            ((0.42, 0.42), (0.8, 0.52), (0.84, 0.8), (0.5, 1.0), (0.1, 0.9)),
        ),
        4: (
            ((0.62, 0.0), (0.4, 0.3), (0.1, 0.68)),
            ((0.1, 0.68), (0.5, 0.68), (0.92, 0.66)),
            ((0.62, 0.4), (0.58, 0.7), (0.54, 1.0)),
        ),
        7: (
            ((0.1, 0.08), (0.5, 0.05), (0.88, 0.06), (0.66, 0.45), (0.45, 1.0)),
            ((0.32, 0.5), (0.56, 0.48), (0.8, 0.46)),
        ),
        9: (
            ((0.84, 0.18), (0.5, 0.0), (0.18, 0.15), (0.2, 0.42), (0.55, 0.48), (0.84, 0.18)),
            ((0.84, 0.18), (0.88, 0.6), (0.74, 0.92), (0.42, 1.0), (0.12, 0.88)),
        ),
    },
    {
        1: (
            ((0.22, 0.26), (0.4, 0.12), (0.56, 0.0)),
            ((0.56, 0.0), (0.55, 0.5), (0.54, 1.0)),
            ((0.22, 1.0), (0.54, 1.0), (0.88, 1.0)),
        ),
        4: (
            ((0.68, 0.0), (0.68, 0.5), (0.68, 1.0)),
            ((0.68, 0.0), (0.4, 0.34), (0.06, 0.7)),
            ((0.06, 0.7), (0.5, 0.7), (0.95, 0.7)),
        ),
        5: (((0.86, 0.02), (0.55, 0.0), (0.24, 0.1), (0.2, 0.36), (0.6, 0.5), (0.82, 0.74), (0.5, 1.0), (0.1, 0.94)),),
        6: (
            ((0.3, 0.0), (0.16, 0.4), (0.14, 0.75), (0.4, 1.0), (0.78, 0.88), (0.76, 0.58), (0.4, 0.52), (0.16, 0.72)),
        ),
        7: (
            ((0.14, 0.2), (0.14, 0.08), (0.16, 0.03)),
            ((0.14, 0.04), (0.5, 0.04), (0.86, 0.04)),
            ((0.86, 0.04), (0.6, 0.5), (0.5, 1.0)),
            ((0.36, 0.52), (0.58, 0.5), (0.8, 0.48)),
        ),
        9: (
            ((0.78, 0.1), (0.45, 0.0), (0.16, 0.22), (0.34, 0.46), (0.72, 0.4), (0.82, 0.12)),
            ((0.8, 0.06), (0.8, 0.5), (0.8, 0.8), (0.56, 1.0), (0.26, 0.92)),
        ),
    },
    {
        1: (((0.05, 0.4), (0.35, 0.2), (0.64, 0.0)), ((0.64, 0.0), (0.63, 0.5), (0.62, 1.0))),
        4: (
            ((0.5, 0.0), (0.3, 0.3), (0.1, 0.62), (0.42, 0.68), (0.88, 0.58)),
            ((0.92, 0.28), (0.66, 0.62), (0.42, 1.0)),
        ),
        7: (((0.08, 0.06), (0.5, 0.04), (0.9, 0.06), (0.72, 0.5), (0.66, 1.0)),),
        9: (
            ((0.78, 0.16), (0.46, 0.0), (0.16, 0.18), (0.36, 0.42), (0.74, 0.34), (0.78, 0.16)),
            ((0.78, 0.16), (0.72, 0.5), (0.82, 0.94)),
            ((0.82, 0.94), (0.5, 1.0), (0.14, 0.95)),
        ),
    },
)
"""Other ways to write 1, 4, 7 and 9, which are rare in MNIST: a 1 with a flag or a foot, a 4 from one bent stroke and a
short one, a crossed 7, a 9 with a hook or a foot. Missing digits are as in `STROKES`."""


def draw_ink(
    digit: int,
    rng: np.random.Generator,
    *,
    side_pixels: int = 200,
    hand: int | None = None,
    narrowest: float = 0.58,
    thickest: float = 0.13,
) -> Pixels:
    """Draw one digit as white ink on black.

    Args:
        digit: 0..9.
        rng: Decides slant, proportions, wobble, pen width and place.
        side_pixels: Height and width of the result.
        hand: Index into `OTHER_HANDS`; None for `STROKES`.
        narrowest: Least width, as a part of the height; the greatest is 0.8.
        thickest: Greatest width of the pen, as a part of the height; the least is 0.085.

    Returns:
        uint8, shape (side_pixels, side_pixels), anti-aliased.
    """
    fine = side_pixels * 2  # drawn twice as large and averaged down: anti-aliasing
    height = fine * rng.uniform(0.5, 0.62)
    width = height * rng.uniform(narrowest, 0.8)
    slant = rng.uniform(-0.05, 0.25)
    left, top = (
        (fine - width) / 2 + fine * rng.uniform(-0.05, 0.05),
        (fine - height) / 2 + fine * rng.uniform(-0.05, 0.05),
    )
    pen = height * rng.uniform(0.085, thickest)
    image = Image.new("L", (fine, fine), 0)
    for curve in stroke_curves(digit, rng, hand=hand):
        x = left + width * (curve[:, 0] + slant * (0.5 - curve[:, 1]))
        y = top + height * curve[:, 1]
        _ink_along(image, np.column_stack([x, y]), pen)
    return np.asarray(image.reduce(2))


def draw_curve(points: npt.NDArray[np.float64], *, pen_pixels: float, side_pixels: int) -> Pixels:
    """Draw one smooth line as white ink on black.

    Args:
        points: Where it passes, (x, y) in a unit square, y down, float64, shape (K, 2).
        pen_pixels: Its width.
        side_pixels: Height and width of the result.

    Returns:
        uint8, shape (side_pixels, side_pixels), anti-aliased.
    """
    image = Image.new("L", (2 * side_pixels, 2 * side_pixels), 0)
    _ink_along(image, catmull_rom(points) * 2 * side_pixels, 2 * pen_pixels)
    return np.asarray(image.reduce(2))


def _ink_along(image: Image.Image, curve: npt.NDArray[np.float64], pen: float) -> None:
    draw = ImageDraw.Draw(image)
    for x, y in curve:
        draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)


def stroke_curves(digit: int, rng: np.random.Generator, *, hand: int | None) -> list[npt.NDArray[np.float64]]:
    """The pen's way through one digit, each time a little different: points (x, y), float64, shape (K, 2), a stroke."""
    strokes = STROKES[digit] if hand is None else OTHER_HANDS[hand].get(digit, STROKES[digit])
    return [catmull_rom(np.asarray(stroke) + rng.normal(0, 0.012, (len(stroke), 2))) for stroke in strokes]


def draw_digits(digits_each: int, *, seed: int) -> tuple[Pixels, npt.NDArray[np.uint8]]:
    """Draw every digit `digits_each` times, as tensors.

    Returns:
        Images, uint8, shape (10 * digits_each, 28, 28, 1), bright ink on black, and their labels, uint8, in the order
        0, 1, ..., 9, 0, 1, ...
    """
    labels = np.tile(np.arange(10, dtype=np.uint8), digits_each)
    rng = np.random.default_rng(seed)
    images = np.stack([normalise_ink(draw_ink(int(digit), rng)) for digit in labels])
    return images[..., np.newaxis], labels


def draw_other_hands(digits_each: int, *, seed: int) -> tuple[Pixels, npt.NDArray[np.uint8]]:
    """Draw every digit `digits_each` times in each of `OTHER_HANDS`, narrow and wide, coarse and clean.

    Half of them are drawn on 14 to 60 pixels a side, where the loops of narrow digits begin to close.

    Returns:
        As `draw_digits`, hand after hand.
    """
    labels = np.tile(np.arange(10, dtype=np.uint8), digits_each)
    images = []
    for hand in range(len(OTHER_HANDS)):
        rng = np.random.default_rng((seed, hand))
        for digit in labels:
            side = int(np.exp(rng.uniform(np.log(14), np.log(60)))) if rng.random() < 0.5 else 200
            ink = draw_ink(int(digit), rng, side_pixels=side, hand=hand, narrowest=0.4, thickest=0.18)
            images.append(normalise_ink(ink))
    return np.stack(images)[..., np.newaxis], np.tile(labels, len(OTHER_HANDS))


def catmull_rom(points: npt.NDArray[np.float64], *, steps: int = 24) -> npt.NDArray[np.float64]:
    """Points along the uniform Catmull-Rom spline (1974) through `points`: float64, shape (K, 2), as `points` are."""
    extended = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, np.newaxis]
    curve = []
    for p0, p1, p2, p3 in zip(extended, extended[1:], extended[2:], extended[3:], strict=False):
        curve.append(
            0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
        )
    return np.concatenate([*curve, points[-1:]])
