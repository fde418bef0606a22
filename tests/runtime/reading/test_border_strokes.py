"""Clean drawings whose strokes touch the border, and printed lines one to five pixels thick."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.reading.reader import read_picture

SIDE = 200
SEVEN = [(45, 4), (165, 4), (85, 165)]
TWO = [(45, 60), (70, 15), (120, 15), (145, 60), (40, 194), (160, 194)]
THREE = [(90, 55), (150, 55), (115, 95), (150, 130), (130, 155), (90, 150)]
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
def test_printed_lines_of_one_to_five_pixels_are_removed(
    step: int, thickness: int, classifier: DigitClassifier
) -> None:
    picture = draw([(75, 55), (130, 55), (85, 165)], pen=9, ground=ruled(step, thickness))
    reading = read_picture(picture)
    assert reading.mode == "photo"
    assert reading.lines_removed >= SIDE // step - 1
    assert reading.box is not None
    assert reading.box.width < 100, "lines reach from edge to edge"
    assert classifier.predict(picture).digit == 7


@pytest.mark.parametrize("width", [8, 30])
def test_dark_side_of_a_picture_is_no_stroke(width: int, classifier: DigitClassifier) -> None:
    pixels = np.array(draw(THREE, pen=8))
    pixels[:, :width] = 0
    picture = Image.fromarray(pixels)
    assert read_picture(picture).mode == "photo"
    assert classifier.predict(picture).digit == 3


def test_underline_that_leaves_the_picture_is_no_stroke(classifier: DigitClassifier) -> None:
    picture = Image.new("L", (300, 300), 255)
    ImageDraw.Draw(picture).line([(92, 67), (212, 67), (138, 240)], 0, 26, "curve")
    ImageDraw.Draw(picture).rectangle((0, 275, 268, 288), 0)
    assert read_picture(picture).mode == "photo"
    assert classifier.predict(picture).digit == 7


def test_box_whose_bottom_is_outside_is_no_stroke(classifier: DigitClassifier) -> None:
    box = [(30, 210), (30, 20), (170, 20), (170, 210)]
    picture = draw([(70, 50), (130, 50), (90, 160)], box, pen=6)
    assert read_picture(picture).mode == "photo"
    assert classifier.predict(picture).digit == 7


def test_shade_along_a_side_is_no_stroke() -> None:
    pixels = np.array(draw(THREE, pen=8))
    pixels[:, :4] = 120
    assert read_picture(Image.fromarray(pixels)).mode == "photo"


@pytest.mark.parametrize(("column", "pen"), [(4, 12), (0, 6), (-1, 12)])
def test_two_digits_of_which_one_touches_the_border_are_several(
    column: int, pen: int, classifier: DigitClassifier
) -> None:
    assert classifier.predict(draw(THREE, pen=pen)).digit == 3
    assert classifier.predict(draw([(column, 50), (column, 155)], THREE, pen=pen)).reason == "several digits"
