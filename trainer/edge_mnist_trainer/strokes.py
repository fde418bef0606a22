"""Digits that this project draws itself: pen strokes along hand-made curves, bent a little differently each time.

They are what may be shown and shipped (sample pictures, golden vectors, test assets) where MNIST's images may not.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from edge_mnist_runtime.preprocess import Pixels, normalise_ink

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


def draw_ink(digit: int, rng: np.random.Generator, *, side_pixels: int = 200) -> Pixels:
    """Draw one digit as white ink on black.

    Args:
        digit: 0..9.
        rng: Decides slant, proportions, wobble, pen width and place.
        side_pixels: Height and width of the result.

    Returns:
        uint8, shape (side_pixels, side_pixels), anti-aliased.
    """
    fine = side_pixels * 2  # drawn twice as large and averaged down: anti-aliasing
    height = fine * rng.uniform(0.5, 0.62)
    width = height * rng.uniform(0.58, 0.8)
    slant = rng.uniform(-0.05, 0.25)
    left, top = (
        (fine - width) / 2 + fine * rng.uniform(-0.05, 0.05),
        (fine - height) / 2 + fine * rng.uniform(-0.05, 0.05),
    )
    pen = height * rng.uniform(0.085, 0.13)
    image = Image.new("L", (fine, fine), 0)
    draw = ImageDraw.Draw(image)
    for stroke in STROKES[digit]:
        points = np.asarray(stroke) + rng.normal(0, 0.012, (len(stroke), 2))
        curve = _catmull_rom(points)
        x = left + width * (curve[:, 0] + slant * (0.5 - curve[:, 1]))
        y = top + height * curve[:, 1]
        for at_x, at_y in zip(x, y, strict=True):
            draw.ellipse((at_x - pen / 2, at_y - pen / 2, at_x + pen / 2, at_y + pen / 2), fill=255)
    return np.asarray(image.reduce(2))


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


def _catmull_rom(points: npt.NDArray[np.float64], *, steps: int = 24) -> npt.NDArray[np.float64]:
    """Points along the uniform Catmull-Rom spline (1974) through `points`, float64, shape (K, 2)."""
    extended = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, np.newaxis]
    curve = []
    for p0, p1, p2, p3 in zip(extended, extended[1:], extended[2:], extended[3:], strict=False):
        curve.append(
            0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
        )
    return np.concatenate([*curve, points[-1:]])
