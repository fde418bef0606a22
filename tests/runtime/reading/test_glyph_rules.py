"""Which components are digits of a row: one test for each rule, with pictures on either side of its limit."""

from __future__ import annotations

import numpy as np
import pytest
from tests.runtime.reading.drawn_ink import Rectangle, draw, label

from edge_mnist_runtime.reading.glyphs import find_glyphs


def glyphs(*rectangles: Rectangle, width: int = 200) -> list[int]:
    """How many rectangles each digit of the main row is made of, from left to right."""
    page = draw(*rectangles, shape=(240, width))
    return [len(glyph.members) for glyph in find_glyphs(*label(page), page.shape).main]


DIGIT: Rectangle = (100, 160, 100, 120)
"""60 x 20 pixels."""


@pytest.mark.parametrize(("height", "found"), [(30, [1, 1]), (29, [2])])
def test_digit_is_half_as_tall_as_the_others(height: int, found: list[int]) -> None:
    assert glyphs(DIGIT, (120, 120 + height, 130, 150)) == found


@pytest.mark.parametrize(("height", "found"), [(98, [1, 1]), (102, [1])])
def test_digit_is_no_taller_than_two_and_a_half_others(height: int, found: list[int]) -> None:
    assert glyphs((130, 170, 100, 140), (100, 100 + height, 190, 195)) == found


@pytest.mark.parametrize(("height", "found"), [(61, [1, 1]), (59, [1])])
def test_digit_has_a_twentieth_of_the_heaviest_ones_ink(height: int, found: list[int]) -> None:
    assert glyphs(DIGIT, (100, 100 + height, 150, 151)) == found


@pytest.mark.parametrize(("offset", "found"), [(29, [1, 1]), (-29, [1, 1]), (31, [1]), (-31, [1])])
def test_neighbours_in_a_row_are_no_more_than_half_a_digit_higher(offset: int, found: list[int]) -> None:
    for left in (40, 150):
        assert glyphs(DIGIT, (102 + offset, 158 + offset, left, left + 20)) == found


@pytest.mark.parametrize("heaviest", range(5))
def test_row_may_lean_and_what_is_beside_it_stands_in_another_row(heaviest: int) -> None:
    leaning = [(100 + 25 * place, 160 + 25 * place, 40 * place + 10, 40 * place + 30) for place in range(5)]
    top, bottom, left, right = leaning[heaviest]
    page = draw(*leaning, (top, bottom, left, right + 2), (22, 80, 170, 190), shape=(300, 400))
    rows = find_glyphs(*label(page), page.shape)
    assert (len(rows.main), len(rows.other)) == (5, 1)


def test_steep_row_is_followed_from_each_digit_to_the_next() -> None:
    assert glyphs((100, 160, 100, 121), (75, 135, 122, 142), (50, 110, 160, 180)) == [1, 1, 1]


@pytest.mark.parametrize(("left", "found"), [(109, [2]), (111, [1, 1])])
def test_parts_that_share_half_of_their_columns_are_one_digit(left: int, found: list[int]) -> None:
    bracket = ((100, 140, 100, 104), (136, 140, 100, 120))
    page = draw(*bracket, (100, 130, left, left + 20), shape=(300, 400))
    assert [len(glyph.members) for glyph in find_glyphs(*label(page), page.shape).main] == found


def test_digit_after_one_of_two_parts_is_another() -> None:
    bracket = ((100, 140, 100, 104), (136, 140, 100, 120))
    assert glyphs(*bracket, (100, 130, 106, 126), (100, 140, 150, 170)) == [2, 1]


@pytest.mark.parametrize(("side", "found"), [(8, [1, 2]), (7, [1, 1])])
def test_small_part_has_a_fiftieth_of_the_heaviest_digit(side: int, found: list[int]) -> None:
    heavy, light = (100, 160, 20, 72), (100, 160, 130, 134)
    assert glyphs(heavy, light, (120, 128, 140, 140 + side)) == found


@pytest.mark.parametrize(("gap", "found"), [(20, [2]), (22, [1])])
def test_small_part_belongs_to_a_digit_that_is_near(gap: int, found: list[int]) -> None:
    assert glyphs(DIGIT, (120, 130, 120 + gap, 130 + gap)) == found
    assert glyphs(DIGIT, (120, 130, 90 - gap, 100 - gap)) == found


@pytest.mark.parametrize(("gap", "found"), [(15, [1, 2]), (17, [2, 1])])
def test_small_part_below_a_digit_is_nearer_than_one_beside_it(gap: int, found: list[int]) -> None:
    left, right = (130, 220, 60, 90), (130, 200 - gap, 100, 120)
    assert glyphs(left, right, (200, 208, 100, 120)) == found


@pytest.mark.parametrize(("small", "found"), [((9, 3), [2]), ((10, 2), [1]), ((8, 8), [2]), ((7, 7), [1])])
def test_speck_belongs_to_no_digit(small: tuple[int, int], found: list[int]) -> None:
    assert glyphs(DIGIT, (120, 120 + small[1], 130, 130 + small[0]), width=144) == found


def test_page_of_many_specks_around_one_bar_has_no_digits() -> None:
    specks = [(row, row + 10, column, column + 4) for row in range(0, 160, 20) for column in range(60, 160, 10)]
    page = draw((20, 120, 20, 30), *specks, shape=(200, 200))
    assert find_glyphs(*label(page), page.shape).main == ()


def test_digit_has_the_height_and_width_of_its_box() -> None:
    page = draw(DIGIT)
    [digit] = find_glyphs(*label(page), page.shape).main
    assert (digit.height, digit.width) == (60, 20)


def test_page_without_ink_has_no_digits() -> None:
    page = np.zeros((50, 50), np.float32)
    assert find_glyphs(*label(page), page.shape).main == ()


@pytest.mark.parametrize(("length", "found"), [(90, [2, 1]), (91, [1, 1])])
def test_line_is_no_part_of_a_digit(length: int, found: list[int]) -> None:
    assert glyphs((100, 160, 20, 60), (100, 160, 150, 170), (168, 172, 20, 20 + length)) == found
