"""Clean drawings whose strokes touch the border, and printed lines of any thickness."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.reading.reader import read_picture

SIDE = 200
SEVEN = [(45, 5), (165, 5), (85, 165)]
TWO = [(45, 60), (70, 15), (120, 15), (145, 60), (40, 194), (160, 194)]
FOUR = [(15, 0), (5, 110), (199, 110)]

Points = list[tuple[int, int]]


def draw(*strokes: Points, pen: int = 10, ground: Image.Image | None = None) -> Image.Image:
    picture = ground or Image.new("L", (SIDE, SIDE), 255)
    for stroke in strokes:
        ImageDraw.Draw(picture).line(stroke, 0, pen, "curve")
    return picture


def ruled(step: int, thickness: int, grey: int = 90) -> Image.Image:
    picture = Image.new("L", (SIDE, SIDE), 255)
    for row in range(step // 2, SIDE, step):
        ImageDraw.Draw(picture).rectangle((0, row, SIDE, row + thickness - 1), grey)
    return picture


@pytest.fixture(scope="module")
def classifier() -> DigitClassifier:
    return DigitClassifier()


@pytest.mark.parametrize(("strokes", "digit"), [([SEVEN], 7), ([TWO], 2), ([FOUR, [(150, 0), (150, 199)]], 4)])
def test_stroke_along_the_border_belongs_to_the_digit(
    strokes: list[Points], digit: int, classifier: DigitClassifier
) -> None:
    picture = draw(*strokes)
    reading = read_picture(picture)
    assert (reading.mode, reading.lines_removed) == ("mnist", 0)
    assert classifier.predict(picture).digit == digit
    assert classifier.predict(Image.eval(picture, lambda level: 255 - level)).digit == digit


def test_bar_from_edge_to_edge_as_wide_as_the_strokes_belongs_to_the_digit(classifier: DigitClassifier) -> None:
    picture = draw([(0, 20), (199, 20), (90, 190)], pen=12)
    assert read_picture(picture).mode == "mnist"
    assert classifier.predict(picture).digit == 7


@pytest.mark.parametrize("thickness", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("step", [20, 29, 34])
def test_printed_lines_of_any_thickness_are_removed(step: int, thickness: int, classifier: DigitClassifier) -> None:
    picture = draw([(75, 55), (130, 55), (85, 165)], pen=9, ground=ruled(step, thickness))
    reading = read_picture(picture)
    assert reading.mode == "photo"
    assert reading.lines_removed >= SIDE // step - 1
    assert reading.box is not None
    assert reading.box.width < 100, "lines reach from edge to edge"
    assert classifier.predict(picture).digit == 7


def test_dark_half_of_a_picture_is_no_stroke() -> None:
    pixels = np.full((SIDE, SIDE), 255, np.uint8)
    pixels[:, :60] = 0
    assert read_picture(Image.fromarray(pixels)).mode == "photo"


@pytest.mark.parametrize(("column", "pen"), [(4, 12), (0, 6), (-1, 12)])
def test_two_digits_of_which_one_touches_the_border_are_several(
    column: int, pen: int, classifier: DigitClassifier
) -> None:
    one, three = [(column, 50), (column, 155)], [(90, 55), (150, 55), (115, 95), (150, 130), (130, 155), (90, 150)]
    assert classifier.predict(draw(three, pen=pen)).digit == 3
    assert classifier.predict(draw(one, three, pen=pen)).reason == "several digits"
