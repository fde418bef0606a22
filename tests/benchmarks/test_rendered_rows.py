"""Rendered rows and unreadable pictures: reproducible, and with the right content."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from benchmarks.rendering.picture_kinds import KINDS
from benchmarks.rendering.rows import LEAST_DIGITS, MOST_DIGITS, SPACINGS, take_rows
from benchmarks.rendering.unreadable import UNREADABLE, photograph_digit, take_unreadable
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.classifier import read_any


@pytest.mark.parametrize("spacing", SPACINGS)
def test_row_is_a_picture_with_a_text_of_digits(spacing):
    (row,) = take_rows(1, seed=0, pages=("photograph",), spacings=(spacing,))
    picture = Image.open(io.BytesIO(row.data))
    picture.load()
    assert picture.width > picture.height
    assert LEAST_DIGITS <= len(row.text) <= MOST_DIGITS
    assert (row.page, row.spacing) == ("photograph", spacing)


def test_same_seed_renders_the_same_rows_with_any_other_pages():
    (alone,) = take_rows(1, seed=3, pages=("scan",), spacings=("tight",))
    together = [one for one in take_rows(1, seed=3, pages=("drawing", "scan")) if one.page == "scan"]
    assert alone.data == next(one.data for one in together if one.spacing == "tight")


def test_clean_rows_are_read():
    classifier = DigitClassifier()
    rows = list(take_rows(4, seed=1, pages=("drawing",), spacings=("wide", "usual")))
    assert sum(classifier.read_row(row.data).text == row.text for row in rows) >= len(rows) - 1


@pytest.mark.parametrize("kind", UNREADABLE)
def test_unreadable_kind_renders_the_same_picture_each_time(kind):
    one, other = (next(take_unreadable(1, seed=2, kinds=(kind,))) for _ in range(2))
    assert one.data == other.data
    Image.open(io.BytesIO(one.data)).load()


@pytest.mark.parametrize("kind", ["noise", "gradient", "two digits", "cut off", "too small"])
def test_unreadable_pictures_are_rejected(kind):
    flaws = [read_any(one.data).flaw for one in take_unreadable(4, seed=1, kinds=(kind,))]
    assert sum(flaw is not None for flaw in flaws) >= 3


def test_digit_has_the_requested_height():
    data, digit = photograph_digit(KINDS["drawing"], (80, 80), 40, np.random.default_rng(0))
    quality = read_any(data).quality
    assert 0 <= digit <= 9
    assert quality.side_pixels == pytest.approx(41, abs=6)
