"""Strokes at the edge of a picture, alone and several of them, at either end of the edge; and digits beside another."""

from __future__ import annotations

import numpy as np
import pytest
from tests.runtime.reading.drawn_ink import Rectangle, draw, pick

from edge_mnist_runtime.reading.rejection import find_rejection_reason, is_grain

STEM: Rectangle = (0, 120, 96, 104)
BAR: Rectangle = (110, 120, 60, 140)


def flaws(*rectangles: Rectangle) -> set[str | None]:
    """What is said of ink at the upper edge, and of the same in the mirror and at the other edges."""
    page = draw(*rectangles)
    turned = [np.rot90(page, turns) for turns in range(4)]
    both = [one for page in turned for one in (page, page[:, ::-1])]
    return {find_rejection_reason(pick(np.ascontiguousarray(one)), 120) for one in both}


def test_stem_that_crosses_the_edge_is_cut_off_wherever_it_stands() -> None:
    for left in (0, 1, 2, 40, 96, 150, 191, 192):
        stem = (0, 120, left, left + 8)
        foot = (112, 120, max(0, left - 30), min(200, left + 38))
        assert flaws(stem, foot) == {"cut off"}, left


def test_one_stroke_of_several_that_crosses_the_edge_is_enough() -> None:
    ends = [(0, 3, 60, 64), (2, 120, 58, 66), (112, 120, 58, 142)]  # the first stroke ends at the edge
    assert flaws(*ends, (2, 120, 134, 142)) == {None}
    assert flaws(*ends, (0, 120, 134, 142)) == {"cut off"}


def test_third_of_three_strokes_that_crosses_the_edge_is_enough() -> None:
    ends = [(0, 3, left + 2, left + 6) for left in (50, 90)]
    stems = [(2, 120, left, left + 8) for left in (50, 90, 130)]
    foot = (112, 120, 50, 138)
    assert flaws(*ends, *stems, foot) == {None}
    assert flaws(*ends, *stems, foot, (0, 4, 130, 138)) == {"cut off"}


def test_leaning_stroke_that_crosses_the_edge_is_cut_off() -> None:
    steps = [(row, row + 1, 60 + row // 2, 70 + row // 2) for row in range(120)]
    assert flaws(*steps) == {"cut off"}


def test_arch_that_touches_the_edge_is_whole() -> None:
    arch = [(0, 8, 80, 120), (4, 100, 72, 80), (4, 100, 120, 128)]
    assert flaws(*arch) == {None}


def test_ink_a_pixel_inside_the_edge_is_not_looked_at() -> None:
    assert flaws((1, 120, 96, 104), BAR) == {None}


def test_ink_without_flaws_in_the_middle() -> None:
    assert flaws((40, 160, 96, 104), (150, 158, 70, 130)) == {None}


@pytest.mark.parametrize("n", [2, 3])
def test_digits_side_by_side_are_several(n: int) -> None:
    for heavy in range(n):
        stems = [(60, 140, 40 + 45 * index, 50 + 45 * index + 6 * (index == heavy)) for index in range(n)]
        page = draw(*stems)
        for one in (page, page[::-1], page[:, ::-1]):
            assert find_rejection_reason(pick(np.ascontiguousarray(one)), 80) == "several digits"


def test_light_specks_beside_a_digit_are_no_digits() -> None:
    specks = [(60 + 12 * index, 66 + 12 * index, 150, 153) for index in range(6)]
    assert find_rejection_reason(pick(draw((60, 140, 90, 102), *specks)), 80) is None


def test_clean_ink_is_no_grain_without_being_told_more() -> None:
    ink = pick(draw((60, 140, 90, 102)))
    assert not is_grain(ink)
    assert is_grain(ink, outline=0.5, signs=2)
    assert not is_grain(ink, outline=0.5, signs=3)
