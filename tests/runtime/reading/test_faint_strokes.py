"""A faint stroke of a clean drawing is part of the digit; grey lines, boxes, shadows and copies of digits are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.reading.drawing import DrawnInk, subtract_background
from edge_mnist_runtime.reading.faint_strokes import darken_faint_strokes
from edge_mnist_runtime.reading.reader import read_picture

Point = tuple[float, float]

DIGITS: dict[int, tuple[tuple[Point, ...], tuple[Point, ...]]] = {
    4: (((60, 20), (35, 110), (120, 110)), ((95, 60), (90, 175))),
    5: (((70, 40), (65, 95), (105, 90), (125, 125), (100, 160), (60, 160)), ((70, 40), (120, 38))),
    7: (((55, 40), (130, 40), (80, 170)), ((75, 105), (130, 102))),
}
"""The strokes of digits, in a picture of 200 x 200: the first with full ink, the second faint."""


def draw(strokes: dict[tuple[Point, ...], float], width: int = 12, side: int = 200) -> Image.Image:
    """Strokes with parts of full ink, dark on white, smoothed."""
    ink = np.zeros((side, side), np.float32)
    for points, level in strokes.items():
        fine = Image.new("L", (4 * side, 4 * side))
        scaled = [(4 * x * side / 200, 4 * y * side / 200) for x, y in points]
        ImageDraw.Draw(fine).line(scaled, fill=255, width=4 * width, joint="curve")
        ink = np.maximum(ink, level / 255 * np.asarray(fine.resize((side, side), Image.Resampling.BOX)))
    return Image.fromarray(np.rint(255 * (1 - ink)).astype(np.uint8))


def darken(picture: Image.Image) -> DrawnInk | None:
    ink = subtract_background(picture)
    assert ink is not None
    return darken_faint_strokes(picture, ink)


@pytest.mark.parametrize("level", [0.25, 0.4, 0.6])
@pytest.mark.parametrize("digit", DIGITS)
def test_faint_last_stroke_is_read(digit: int, level: float, classifier: DigitClassifier) -> None:
    full, faint = DIGITS[digit]
    picture = draw({full: 1.0, faint: level})
    for shown in (picture, Image.eval(picture, lambda value: 255 - value), picture.convert("RGB")):
        assert classifier.predict(shown).digit == digit
    evenly = read_picture(draw({full: 1.0, faint: 1.0})).pixels
    assert np.abs(read_picture(picture).pixels.astype(int) - evenly).mean() < 6


@pytest.mark.parametrize(("level", "is_stroke"), [(0.13, False), (0.17, True), (0.7, True), (0.78, False)])
def test_faint_ink_has_between_15_and_75_percent_of_full_inks_contrast(level: float, is_stroke: bool) -> None:
    full, faint = DIGITS[4]
    assert (darken(draw({full: 1.0, faint: level})) is not None) == is_stroke


def test_only_faint_strokes_change() -> None:
    full, faint = DIGITS[5]
    picture = draw({full: 1.0, faint: 0.4})
    plain, darkened = subtract_background(picture), darken(picture)
    assert plain is not None
    assert darkened is not None
    assert (darkened.light_on_dark, darkened.contrast) == (plain.light_on_dark, plain.contrast)
    assert (darkened.pixels >= plain.pixels).all()
    assert darkened.pixels[38, 110] == 255
    assert plain.pixels[38, 110] < 128
    assert darkened.pixels[20, 20] == 0


@pytest.mark.parametrize("strokes", [DIGITS[4][:1], DIGITS[7]])
def test_drawing_with_one_pen_has_none(strokes: tuple[tuple[Point, ...], ...]) -> None:
    picture = draw(dict.fromkeys(strokes, 1.0))
    assert darken(picture) is None
    assert darken(picture.filter(ImageFilter.GaussianBlur(4))) is None


NO_STROKES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "line across": lambda digit: under(digit, lambda pen: pen.line([(6, 130), (254, 130)], fill=150, width=6)),
    "line down": lambda digit: under(digit, lambda pen: pen.line([(122, 6), (122, 254)], fill=150, width=6)),
    "box": lambda digit: under(digit, lambda pen: pen.rectangle((30, 25, 230, 235), fill=190)),
    "stain": lambda digit: under(digit, lambda pen: pen.ellipse((60, 80, 180, 200), fill=170)),
    "stain at the corner": lambda digit: under(digit, lambda pen: pen.ellipse((-80, 120, 120, 340), fill=170)),
    "line apart": lambda digit: under(digit, lambda pen: pen.line([(70, 240), (190, 240)], fill=150, width=6)),
    "hard shadow": lambda digit: cast(digit, Image.fromarray(255 - (255 - np.asarray(digit)) // 2), 9),
    "soft shadow": lambda digit: cast(digit, digit.filter(ImageFilter.GaussianBlur(6)), 6),
}
"""What may be drawn beside full ink that is no faint stroke: each draws it with a digit."""


def under(digit: Image.Image, draw_grey: Callable[[ImageDraw.ImageDraw], None]) -> Image.Image:
    """A digit over something grey on white."""
    ground = Image.new("L", digit.size, 255)
    draw_grey(ImageDraw.Draw(ground))
    return Image.fromarray(np.minimum(np.asarray(digit), np.asarray(ground)))


def cast(digit: Image.Image, shadow: Image.Image, pixels: int) -> Image.Image:
    """A digit over a shadow that lies some pixels lower and further right."""
    moved = np.full_like(np.asarray(shadow), 255)
    moved[pixels:, pixels:] = np.asarray(shadow)[:-pixels, :-pixels]
    return Image.fromarray(np.minimum(np.asarray(digit), moved))


@pytest.mark.parametrize("kind", NO_STROKES)
@pytest.mark.parametrize("digit", DIGITS)
def test_grey_that_is_no_stroke_stays_as_it_is(kind: str, digit: int) -> None:
    drawn = ImageOps.expand(draw(dict.fromkeys(DIGITS[digit], 1.0)), 30, 255)
    assert darken(NO_STROKES[kind](drawn)) is None


@pytest.mark.parametrize("digit", DIGITS)
def test_ink_that_fades_is_read(digit: int, classifier: DigitClassifier) -> None:
    ink = 255 - np.asarray(draw(dict.fromkeys(DIGITS[digit], 1.0)))
    faded = 255 - ink * np.linspace(1, 0.3, 200)[:, np.newaxis]
    assert classifier.predict(Image.fromarray(faded.astype(np.uint8))).digit == digit


def test_grey_copy_of_a_digit_stays_as_it_is() -> None:
    seven = draw(dict.fromkeys(DIGITS[7], 1.0))
    four = draw(dict.fromkeys(DIGITS[4], 0.4))
    assert darken(Image.fromarray(np.minimum(np.asarray(seven), np.asarray(four)))) is None


@pytest.mark.parametrize(("length", "is_stroke"), [(10, True), (40, False)])
def test_faint_bar_may_go_on_a_little_beyond_both_sides(length: int, is_stroke: bool) -> None:
    bar = ((55 - length, 105), (130 + length, 105))
    assert (darken(draw({DIGITS[7][0]: 1.0, bar: 0.4})) is not None) == is_stroke
