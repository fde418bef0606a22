"""What was read, drawn onto the picture: boxes where the digits are, and the digits above them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime.prediction import Prediction
from edge_mnist_runtime.rows.drawing import draw_row
from edge_mnist_runtime.rows.reader import RowDigit, RowReading

GREEN, RED = (0, 140, 60), (210, 40, 40)
PROBABILITIES = np.full(10, 0.1, np.float32)


def reading(*boxes: tuple[int, int, int, int], digit: int | None = 7) -> RowReading:
    """A row of digits, all read alike."""
    prediction = Prediction(digit, 0.9, PROBABILITIES, None if digit is not None else "no digit")
    return RowReading(tuple(RowDigit(box, prediction) for box in boxes))


def drawn(picture: Image.Image, row: RowReading) -> np.ndarray:
    return np.asarray(draw_row(picture, row)).astype(int)


def coloured(pixels: np.ndarray, colour: tuple[int, int, int]) -> tuple[slice, slice]:
    """The rows and columns that hold a colour."""
    found = (pixels == colour).all(2)
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def test_picture_stands_unchanged_below_a_white_margin() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (100, 240, 3), np.uint8)
    found = drawn(Image.fromarray(pixels), RowReading((), "blank"))
    assert found.shape == (118, 240, 3)  # one and a half times 12, the smallest size of a digit
    assert (found[:18] == 255).all()
    assert np.array_equal(found[18:], pixels)


@pytest.mark.parametrize(("width", "margin"), [(287, 18), (288, 18), (312, 20), (480, 30), (960, 60)])
def test_margin_grows_with_the_picture(width: int, margin: int) -> None:
    assert draw_row(Image.new("L", (width, 50), 200), RowReading(())).size == (width, 50 + margin)


def test_box_is_drawn_around_the_digit() -> None:
    found = drawn(Image.new("L", (240, 100), 200), reading((60, 30, 90, 70)))
    below = found[18:]
    rows, columns = coloured(below, GREEN)
    assert (rows, columns) == (slice(29, 72), slice(59, 92))
    assert (below[30:70, 60:90] == 200).all()
    frame = (below == GREEN).all(2)
    assert frame[29, 59:92].all()
    assert frame[71, 59:92].all()
    assert frame[29:72, 59].all()
    assert frame[29:72, 91].all()


def test_line_is_thicker_in_a_large_picture() -> None:
    found = drawn(Image.new("L", (900, 300), 200), reading((300, 100, 400, 200)))
    below = (found[-300:] == GREEN).all(2)
    assert np.flatnonzero(below[150]).tolist() == [297, 298, 299, 401, 402, 403]


def test_box_follows_a_picture_that_is_reduced() -> None:
    found = drawn(Image.new("L", (4200, 2100), 200), reading((1000, 600, 2000, 1800)))
    height = found.shape[1] // 2
    scale = found.shape[1] / 4200
    assert scale < 0.6
    rows, columns = coloured(found[-height:], GREEN)
    assert (columns.start, columns.stop) == pytest.approx((1000 * scale, 2000 * scale), abs=6)
    assert (rows.start, rows.stop) == pytest.approx((600 * scale, 1800 * scale), abs=6)


@pytest.mark.parametrize("left", [20, 100, 200])
def test_digit_stands_in_the_margin_above_the_middle_of_its_box(left: int) -> None:
    found = drawn(Image.new("L", (480, 100), 200), reading((left, 30, left + 50, 70)))
    ink = (255 - found[:29]).sum(2)
    middle = ink.sum(0) @ np.arange(480) / ink.sum()
    assert middle == pytest.approx(left + 25, abs=1.5)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    assert 3 <= rows[0] < rows[-1] <= 27
    assert 14 <= rows[-1] - rows[0] <= 22
    assert 8 <= columns[-1] - columns[0] <= 14


def test_digits_in_the_margin_differ() -> None:
    seven, one = (
        drawn(Image.new("L", (240, 60), 200), reading((60, 20, 90, 50), digit=digit))[:17] for digit in (7, 1)
    )
    assert not np.array_equal(seven, one)


def test_rejected_digit_is_red_and_has_a_question_mark() -> None:
    picture = Image.new("L", (240, 60), 200)
    accepted, rejected = (drawn(picture, reading((60, 20, 90, 50), digit=digit)) for digit in (7, None))
    assert coloured(accepted, GREEN)[1] == coloured(rejected, RED)[1]
    assert not (rejected == GREEN).all(2).any()
    ink = [(255 - found[:17]).sum(2) > 200 for found in (accepted, rejected)]
    assert not np.array_equal(*ink)
    upper, lower = np.vsplit(np.pad(ink[1][ink[1].any(1)], ((0, ink[1].any(1).sum() % 2), (0, 0))), 2)
    assert upper.sum() > lower.sum()  # of a question mark
