"""What all strangers' pictures are drawn with: pens, places, colours, and the source of digit shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.rendering.papers import Colour, Floats, encode_png
from benchmarks.rendering.pens import DIGIT_PIXELS, DigitShape
from benchmarks.rendering.school_hands import HANDS, shape_from_school
from edge_mnist_runtime.tensor import Pixels
from edge_mnist_trainer.augment.fonts import FontFace, font_faces

Split = Literal["validation", "test"]
"""Whose fonts and MNIST digits are drawn: those of development pictures, or those of final ones."""

Shown = bytes | Pixels
"""A PNG or JPEG file, or a tensor, uint8, shape (28, 28), bright ink on black."""

Size = tuple[int, int]
"""Height and width, in pixels."""

FIELD_HAIRLINE: Final = 1.5
"""Below this width, in pixels of a shape's field, a pen would miss the middle of a stroke, which lies between these."""

FILTERS: Final = ("NEAREST", "BOX", "BILINEAR", "HAMMING", "BICUBIC", "LANCZOS")

SIDES: Final = (28, 1000)
"""Least and greatest side of drawings, in pixels."""


@dataclass(frozen=True)
class Stranger:
    """Where the shapes of one picture come from, and what draws it."""

    rng: np.random.Generator
    split: Split
    find_shape: Callable[[int, np.random.Generator], DigitShape]
    """From a digit to strokes without a pen."""

    def shape(self, digit: int) -> DigitShape:
        """A digit in anybody's hand: in two of three pictures from `find_shape`, else of a school."""
        if self.rng.random() < 2 / 3:
            return self.find_shape(digit, self.rng)
        return shape_from_school(digit, tuple(HANDS)[self.rng.integers(len(HANDS))], self.rng)

    def faces(self, *styles: str) -> tuple[FontFace, ...]:
        """Faces of the split whose style has one of these words in its name; all if none is named."""
        return tuple(
            face for face in font_faces(self.split) if not styles or any(word in face.style for word in styles)
        )


def cover(
    shape: DigitShape, size: Size, centre: tuple[float, float], pixels: float, width: float, *, stepped: bool = False
) -> Floats:
    """How much of each pixel a pen covers, float32, shape `size`, 0..1.

    Args:
        shape: The digit.
        size: Of the picture.
        centre: Row and column of the digit's middle.
        pixels: Its height.
        width: Of the pen, in pixels.
        stepped: Whether a pixel is ink or none, as without smoothing.
    """
    fine = 1 if stepped or width > 2 else 4 if max(size) < 200 else 2  # a hairline covers parts of pixels
    rows, columns = (((np.arange(side * fine) + 0.5) / fine - 0.5).astype(np.float32) for side in size)
    u, v = np.meshgrid((columns - centre[1]) / pixels, (rows - centre[0]) / pixels)
    if width / pixels * DIGIT_PIXELS < FIELD_HAIRLINE:
        is_near = shape.distance * DIGIT_PIXELS < FIELD_HAIRLINE
        lowest = np.where(is_near, ndimage.minimum_filter(shape.distance, 3), 0)
        shape = DigitShape(shape.distance - lowest, has_outline=False)
    ink = shape.coverage(u, v, width=width / pixels, pixels=pixels * fine)
    if stepped:
        return (ink >= 0.5).astype(np.float32)
    whole: Floats = ink.reshape(size[0], fine, size[1], fine).mean((1, 3))
    return whole


def paint(ink: Floats, rng: np.random.Generator, colours: tuple[Colour, Colour] | None = None) -> bytes:
    """Save ink as a PNG file, in the colours of `paint_picture`."""
    return encode_png(paint_picture(ink, rng, colours))


def paint_picture(ink: Floats, rng: np.random.Generator, colours: tuple[Colour, Colour] | None = None) -> Image.Image:
    """Paint ink: mostly black on white, mode L, or in a colour on another, mode RGB."""
    dark, light = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    pen, ground = colours or ((dark, light) if rng.random() < 0.7 else (light, dark))
    scene = np.asarray(ground) + ink[..., np.newaxis] * (np.asarray(pen) - np.asarray(ground))
    picture = Image.fromarray(np.rint(255 * np.clip(scene, 0, 1)).astype(np.uint8))
    return picture if colours else picture.convert("L")


def draw_sides(rng: np.random.Generator, low: float = SIDES[0], high: float = SIDES[1]) -> Size:
    """Height and width of a picture, of any size between two sides."""
    side = np.exp(rng.uniform(np.log(low), np.log(high)))
    return round(side), round(side * rng.uniform(0.8, 1.25))


def draw_place(size: Size, rng: np.random.Generator, low: float = 0.4, high: float = 0.8) -> tuple[Any, float]:
    """The middle of a digit, row and column, and its height, inside a picture."""
    pixels = min(size) * rng.uniform(low, high)
    spread = 0.9 * (1 - pixels / min(size)) / 2
    return tuple(side * (0.5 + rng.uniform(-spread, spread)) for side in size), pixels
