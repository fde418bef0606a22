"""A faint stroke of a clean drawing is part of the digit; grey lines, boxes, stains, copies and circles are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.reading.drawing import DrawnInk, subtract_background
from edge_mnist_runtime.reading.faint_strokes import settle_grey
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


def is_darkened(ink: DrawnInk | None, at: tuple[int, int]) -> bool:
    """Whether the pixel at a row and column became ink."""
    assert ink is not None
    assert ink.pixels[at] in (0, 255)
    return ink.pixels[at] == 255


def settle(picture: Image.Image) -> DrawnInk | None:
    ink = subtract_background(picture)
    assert ink is not None
    return settle_grey(picture, ink)


@pytest.mark.parametrize("level", [0.25, 0.4, 0.6])
@pytest.mark.parametrize("digit", DIGITS)
def test_faint_last_stroke_is_read(digit: int, level: float, classifier: DigitClassifier) -> None:
    full, faint = DIGITS[digit]
    picture = draw({full: 1.0, faint: level})
    for shown in (picture, Image.eval(picture, lambda value: 255 - value), picture.convert("RGB")):
        assert classifier.predict(shown).digit == digit
    evenly = read_picture(draw({full: 1.0, faint: 1.0})).pixels
    assert np.abs(read_picture(picture).pixels.astype(int) - evenly).mean() < 6


@pytest.mark.parametrize("contrast", [30, 45, 60])
@pytest.mark.parametrize("digit", DIGITS)
def test_thin_strokes_of_little_contrast_are_read(digit: int, contrast: int, classifier: DigitClassifier) -> None:
    """All strokes are alike here, as of a pencil in a paint program: four pixels wide, and no noise."""
    picture = draw(dict.fromkeys(DIGITS[digit], 1.0), width=4)
    for shown in (picture, Image.eval(picture, lambda value: 255 - value)):
        level = np.asarray(shown, np.float32)[0, 0]
        faint = level + (np.asarray(shown, np.float32) - level) * contrast / 255
        assert classifier.predict(Image.fromarray(np.rint(faint).astype(np.uint8))).digit == digit


@pytest.mark.parametrize("radius", [105, 120])
@pytest.mark.parametrize("digit", DIGITS)
def test_digit_in_a_circle_is_read(digit: int, radius: int, classifier: DigitClassifier) -> None:
    picture = draw(dict.fromkeys(DIGITS[digit], 1.0))
    canvas = Image.new("L", (260, 260), 255)
    canvas.paste(picture, (35, 30))
    ImageDraw.Draw(canvas).ellipse((130 - radius, 130 - radius, 130 + radius, 130 + radius), outline=0, width=5)
    assert classifier.predict(canvas).digit == digit


@pytest.mark.parametrize(("level", "is_stroke"), [(0.13, False), (0.17, True), (0.7, True), (0.78, False)])
def test_faint_ink_has_between_15_and_75_percent_of_full_inks_contrast(level: float, is_stroke: bool) -> None:
    full, faint = DIGITS[4]
    assert (settle(draw({full: 1.0, faint: level})) is not None) == is_stroke


@pytest.mark.parametrize("digit", DIGITS)
def test_grey_specks_are_no_stroke_however_many(digit: int, classifier: DigitClassifier) -> None:
    full, _ = DIGITS[digit]
    picture = draw({full: 1.0, DIGITS[digit][1]: 1.0})
    pixels = np.asarray(picture).copy()
    for row in (12, 30, 184):
        for column in range(12, 190, 40):
            pixels[row : row + 3, column : column + 4] = 150
    specked = Image.fromarray(pixels)
    assert settle(specked) is None
    assert classifier.predict(specked).digit == digit


def test_only_faint_strokes_change() -> None:
    full, faint = DIGITS[5]
    picture = draw({full: 1.0, faint: 0.4})
    plain, darkened = subtract_background(picture), settle(picture)
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
    assert settle(picture) is None
    assert settle(picture.filter(ImageFilter.GaussianBlur(4))) is None


NO_STROKES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "line across": lambda digit: under(digit, lambda pen: pen.line([(6, 130), (254, 130)], fill=150, width=6)),
    "line down": lambda digit: under(digit, lambda pen: pen.line([(122, 6), (122, 254)], fill=150, width=6)),
    "box": lambda digit: under(digit, lambda pen: pen.rectangle((30, 25, 230, 235), fill=190)),
    "stain": lambda digit: under(digit, lambda pen: pen.ellipse((60, 80, 180, 200), fill=170)),
    "line apart": lambda digit: under(digit, lambda pen: pen.line([(70, 240), (190, 240)], fill=150, width=6)),
}
"""What may be drawn beside full ink that is no faint stroke: each draws it with a digit."""

SHADOWS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "hard shadow": lambda digit: cast(digit, Image.fromarray(255 - (255 - np.asarray(digit)) // 2), 9),
    "soft shadow": lambda digit: cast(digit, digit.filter(ImageFilter.GaussianBlur(6)), 6),
}


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


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of the tensors of two pictures, in grey levels."""
    return float(np.abs(read_picture(one).pixels.astype(int) - read_picture(other).pixels).mean())


@pytest.mark.parametrize("kind", NO_STROKES)
@pytest.mark.parametrize("digit", DIGITS)
def test_grey_that_is_no_stroke_is_erased(kind: str, digit: int, classifier: DigitClassifier) -> None:
    drawn = ImageOps.expand(draw(dict.fromkeys(DIGITS[digit], 1.0)), 30, 255)
    picture = NO_STROKES[kind](drawn)
    assert settle(picture) is not None
    for shown, plain in ((picture, drawn), (ImageOps.invert(picture), ImageOps.invert(drawn))):
        assert difference(shown, plain) < 2
        assert classifier.predict(shown).digit == digit
    assert read_picture(picture).light_on_dark is False
    assert read_picture(ImageOps.invert(picture)).light_on_dark is True


@pytest.mark.parametrize("kind", SHADOWS)
@pytest.mark.parametrize("digit", DIGITS)
def test_digit_with_a_shadow_is_read(kind: str, digit: int, classifier: DigitClassifier) -> None:
    picture = SHADOWS[kind](ImageOps.expand(draw(dict.fromkeys(DIGITS[digit], 1.0)), 30, 255))
    assert settle(picture) is None
    assert classifier.predict(picture).digit == digit


@pytest.mark.parametrize("digit", DIGITS)
def test_ink_that_fades_is_read(digit: int, classifier: DigitClassifier) -> None:
    ink = 255 - np.asarray(draw(dict.fromkeys(DIGITS[digit], 1.0)))
    faded = 255 - ink * np.linspace(1, 0.3, 200)[:, np.newaxis]
    assert classifier.predict(Image.fromarray(faded.astype(np.uint8))).digit == digit


@pytest.mark.parametrize("level", [0.25, 0.4])
def test_grey_copy_of_a_digit_is_no_ink(level: float, classifier: DigitClassifier) -> None:
    seven, four = draw(dict.fromkeys(DIGITS[7], 1.0)), draw(dict.fromkeys(DIGITS[4], level))
    assert classifier.predict(Image.fromarray(np.minimum(np.asarray(seven), np.asarray(four)))).digit == 7


@pytest.mark.parametrize(("length", "is_stroke"), [(10, True), (40, False)])
def test_faint_bar_may_go_on_a_little_beyond_both_sides(length: int, is_stroke: bool) -> None:
    bar = ((55 - length, 105), (130 + length, 105))
    assert is_darkened(settle(draw({DIGITS[7][0]: 1.0, bar: 0.4})), (105, 125 + length)) == is_stroke


@pytest.mark.parametrize("length", [10, 80])
def test_faint_bar_may_go_on_beyond_one_side(length: int) -> None:
    for bar, end in ((((95, 105), (130 + length, 105)), 125), (((55 - length, 105), (105, 105)), 60)):
        assert is_darkened(settle(draw({DIGITS[7][0]: 1.0, bar: 0.4})), (105, end))


@pytest.mark.parametrize("length", [10, 60])
def test_faint_stem_may_go_on_beyond_one_side(length: int) -> None:
    for stem in (((95, 60), (95, 130 + length)), ((95, 60 - min(length, 50)), (95, 115))):
        assert is_darkened(settle(draw({DIGITS[4][0]: 1.0, stem: 0.4})), (80, 95))


def test_faint_stem_beyond_both_ends_is_a_line() -> None:
    low = ((60, 60), (35, 130), (120, 130))
    assert not is_darkened(settle(draw({low: 1.0, ((95, 10), (95, 190)): 0.4})), (30, 95))
    assert is_darkened(settle(draw({low: 1.0, ((95, 10), (95, 134)): 0.4})), (30, 95))


def test_grey_stroke_apart_is_not_of_the_digit() -> None:
    assert settle(draw({DIGITS[4][0]: 1.0, ((150, 60), (150, 120)): 0.4})) is None


@pytest.mark.parametrize("level", [0.45, 0.6])
def test_grey_digit_beside_a_black_one_is_not_erased(level: float) -> None:
    seven, one = [((20, 60), (65, 60), (35, 150))], [((170, 60), (170, 150))]
    picture = draw(dict.fromkeys(seven, 1.0) | dict.fromkeys(one, level))
    assert settle(picture) is None
    assert level < 0.6 or read_picture(picture).flaw == "several digits"  # photographs lose fainter ink


@pytest.mark.parametrize("level", [0.45, 0.6])
def test_faint_stroke_beside_full_ink_is_not_erased(level: float, classifier: DigitClassifier) -> None:
    stem = ((135, 60), (130, 175))  # it does not touch the rest of the 4
    assert classifier.predict(draw({DIGITS[4][0]: 1.0, stem: level})).digit == 4


@pytest.mark.parametrize("speck", [(2, 1), (2, 2)])
def test_speck_does_not_cost_a_faint_stroke(speck: tuple[int, int], classifier: DigitClassifier) -> None:
    shown = np.array(draw({DIGITS[4][0]: 1.0, DIGITS[4][1]: 0.4}))
    shown[20 : 20 + speck[0], 170 : 170 + speck[1]] = 120
    assert is_darkened(settle(Image.fromarray(shown)), (150, 91))
    assert classifier.predict(Image.fromarray(shown)).digit == 4


def test_ink_of_the_other_polarity_is_not_erased() -> None:
    shown = np.full((200, 200), 128, np.uint8)
    shown[40:160, 90:100] = 0
    shown[100:104, 30:170] = 90
    shown[30:170, 150:156] = 255
    assert settle(Image.fromarray(shown)) is None


def block(*parts: tuple[slice, slice, int], side: int = 60) -> Image.Image:
    """Rectangles of a contrast, dark on white, without soft edges; below 64 pixels no filter changes them."""
    shown = np.full((side, side), 255, np.uint8)
    for rows, columns, contrast in parts:
        shown[rows, columns] = 255 - contrast
    return Image.fromarray(shown)


STEM, BAR = (slice(8, 52), slice(26, 32), 250), (slice(28, 34), slice(32, 50), 100)


def test_level_of_faint_strokes_becomes_white_and_fifteen_percent_of_it_black() -> None:
    edge = (slice(34, 35), slice(40, 46), 40)
    darkened = settle(block(STEM, BAR, edge))
    assert darkened is not None
    assert darkened.pixels[30, 45] == darkened.pixels[30, 28] == 255
    assert darkened.pixels[34, 42] == (100 * 40 - 30 * 50) * 255 // (100 * 100 - 30 * 50)  # 30 % of half of the level


@pytest.mark.parametrize(("bridge", "is_stroke"), [(49, False), (52, True)])
def test_faint_strokes_touch_full_ink_with_half_of_their_level(bridge: int, is_stroke: bool) -> None:
    apart, between = (slice(28, 34), slice(33, 50), 100), (slice(28, 34), slice(32, 33), bridge)
    assert (settle(block(STEM, apart, between)) is not None) == is_stroke


@pytest.mark.parametrize(("off", "is_stroke"), [(0, True), (14, True), (17, False)])
def test_faint_stroke_has_one_level_but_for_15_percent(off: int, is_stroke: bool) -> None:
    fainter = (slice(28, 34), slice(32, 44), 100 - off)  # two thirds of the bar
    assert (settle(block(STEM, BAR, fainter)) is not None) == is_stroke


@pytest.mark.parametrize(("end", "is_stroke"), [(31, False), (32, True)])
def test_faint_strokes_have_15_thousandths_of_the_area_of_full_ink(end: int, is_stroke: bool) -> None:
    bar = (slice(28, end), slice(32, 36), 100)  # three columns are the soft edge; 264 pixels are full ink
    assert (settle(block(STEM, bar)) is not None) == is_stroke


@pytest.mark.parametrize(("rim", "is_stroke"), [(13, False), (16, True)])
def test_grey_within_two_percent_of_the_longer_side_is_an_edge(rim: int, is_stroke: bool) -> None:
    side = (slice(200, 400), slice(120 + 20, 120 + 20 + rim), 100)
    wide = Image.new("L", (640, 420), 255)
    wide.paste(block((slice(40, 400), slice(100, 140), 250), side, side=420), (0, 0))
    assert (settle(wide) is not None) == is_stroke
