"""Rejection before the network runs: one test per rule, with pictures on either side of its limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.runtime.reading.drawn_ink import Rectangle, draw, pick

from edge_mnist_runtime.reading.ink import Ink
from edge_mnist_runtime.reading.rejection import find_rejection_reason, is_grain

BAR: Rectangle = (70, 130, 90, 100)
"""A digit of 60 x 10 pixels."""


def flaw_of(page: np.ndarray, **changes: float) -> str | None:
    return find_rejection_reason(replace(pick(page), **changes), 60)


@pytest.mark.parametrize(("side", "flaw"), [(8.9, "too small"), (9.0, None)])
def test_digit_of_fewer_than_nine_pixels_is_too_small(side: float, flaw: str | None) -> None:
    assert find_rejection_reason(pick(draw(BAR)), side) == flaw


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize(("free", "flaw"), [(10, "cut off"), (8, None)])
def test_stroke_that_crosses_an_edge_is_cut_off_unless_the_digit_fills_the_picture(
    free: int, flaw: str | None, turns: int
) -> None:
    page = draw((0, 60, 45, 55), shape=(60 + free, 100))
    assert flaw_of(np.ascontiguousarray(np.rot90(page, turns))) == flaw


def test_stroke_that_ends_a_pixel_before_the_edge_is_whole() -> None:
    assert flaw_of(draw((1, 61, 45, 55), shape=(100, 100))) is None


@pytest.mark.parametrize(("width", "flaw"), [(14, "cut off"), (12, None)])
def test_stroke_that_is_narrower_at_the_edge_ends_there(width: int, flaw: str | None) -> None:
    page = draw((0, 4, 40, 40 + width), (4, 80, 40, 60), shape=(120, 100))
    assert flaw_of(page) == flaw


@pytest.mark.parametrize(
    ("depth", "width", "flaw"),
    [(1, 12, None), (6, 12, None), (7, 12, "cut off"), (1, 2, None), (2, 2, "cut off")],
)
def test_narrow_tip_is_no_longer_than_half_of_the_stroke_width(depth: int, width: int, flaw: str | None) -> None:
    page = draw((0, depth, 40, 40 + width), (depth, 80, 40, 40 + 2 * width), shape=(120, 100))
    assert flaw_of(page, stroke_pixels=float(width)) == flaw


@pytest.mark.parametrize(("width", "flaw"), [(11, "cut off"), (10, None)])
def test_bar_inside_counts_as_no_more_than_four_strokes(width: int, flaw: str | None) -> None:
    page = draw((0, 80, 50, 50 + width), (2, 6, 20, 90), shape=(120, 120))
    assert flaw_of(page, stroke_pixels=4.0) == flaw


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize(("depth", "flaw"), [(17, "cut off"), (15, None)])
def test_bar_along_the_edge_is_whole(depth: int, flaw: str | None, turns: int) -> None:
    page = np.rot90(draw((0, depth, 30, 90), shape=(100, 120)), turns)
    assert flaw_of(np.ascontiguousarray(page), stroke_pixels=10.0) == flaw


def test_bar_along_the_edge_of_a_low_picture_is_whole() -> None:
    assert flaw_of(draw((0, 10, 20, 80), shape=(20, 120)), stroke_pixels=14.0) is None


def test_bar_along_the_edge_is_whole_whatever_stands_further_to_the_side() -> None:
    page = draw((0, 12, 100, 130), (5, 10, 60, 100), (5, 80, 40, 60))
    for one in (page, page[:, ::-1]):
        assert flaw_of(np.ascontiguousarray(one), stroke_pixels=10.0) is None


@pytest.mark.parametrize(("stroke", "rows", "flaw"), [(1.0, 3, "cut off"), (0.6, 2, None), (0.6, 3, "cut off")])
def test_thin_stroke_is_followed_two_pixels_inwards(stroke: float, rows: int, flaw: str | None) -> None:
    page = draw((0, rows, 60, 90), shape=(80, 120))
    assert flaw_of(page, stroke_pixels=stroke) == flaw


@pytest.mark.parametrize(("width", "flaw"), [(5, "cut off"), (4, None)])
def test_crossing_stroke_continues_with_half_its_width(width: int, flaw: str | None) -> None:
    page = draw((0, 12, 45, 55), (12, 60, 45, 45 + width), shape=(100, 100))
    assert flaw_of(page, stroke_pixels=10.0) == flaw


@pytest.mark.parametrize(
    ("legs", "flaw"),
    [
        ([(32, 40), (70, 78)], None),
        ([(32, 40), (50, 58), (70, 78)], "cut off"),
        ([(24, 40)], "cut off"),
        ([(70, 86)], "cut off"),
    ],
    ids=str,
)
def test_bend_with_both_its_ends_inside_is_whole(legs: list[tuple[int, int]], flaw: str | None) -> None:
    page = draw((0, 10, 40, 70), *((6, 60, left, right) for left, right in legs), shape=(100, 120))
    assert flaw_of(page, stroke_pixels=10.0) == flaw


@pytest.mark.parametrize(
    ("other", "flaw"),
    [
        ((80, 120, 120, 125), "several digits"),
        ((80, 120, 120, 124), None),  # less than 0.15 of the ink
        ((80, 117, 120, 130), "several digits"),
        ((80, 115, 120, 130), None),  # lower than 0.6 of the digit
        ((62, 138, 120, 130), "several digits"),
        ((60, 140, 120, 130), None),  # taller than 1.3 of it
    ],
)
def test_another_digit_beside_the_first_is_as_tall_and_as_heavy(other: Rectangle, flaw: str | None) -> None:
    assert flaw_of(draw((70, 130, 70, 90), other)) == flaw


def test_light_strokes_beside_a_digit_are_no_digits_however_many() -> None:
    strokes = [(80, 120, left, left + 3) for left in (120, 140)]  # each has 0.1 of the digit's ink
    assert flaw_of(draw((70, 130, 70, 90), *strokes)) is None


def test_two_strokes_near_to_each_other_are_one_digit() -> None:
    assert flaw_of(draw((70, 130, 80, 90), (70, 130, 97, 107))) is None


def test_tall_ink_at_an_edge_is_no_second_digit() -> None:
    assert flaw_of(draw((80, 140, 90, 100), (55, 165, 180, 200))) is None


def test_heavy_frame_around_one_digit_is_no_second_digit() -> None:
    page = draw((20, 180, 20, 180))
    page[26:174, 26:174] = 0
    page[70:130, 90:100] = 0.8
    assert flaw_of(page) is None


# Signs that the ink is texture, noise or shadow.


def shows(n: int, ink: Ink, **found: float) -> bool:
    """Whether ink shows `n` signs of grain."""
    return is_grain(ink, signs=n, **found)


@pytest.fixture
def clean() -> Ink:
    """A digit that shows no sign of grain."""
    ink = pick(draw(BAR))
    assert not shows(1, ink)
    return ink


@pytest.mark.parametrize(("level", "n"), [(0.46, 0), (0.44, 1), (0.34, 1), (0.32, 2), (0.26, 2), (0.24, 3)])
def test_faint_ink_is_up_to_three_signs(level: float, n: int, clean: Ink) -> None:
    faint = replace(clean, level=level)
    assert [shows(signs, faint) for signs in (1, 2, 3, 4)] == [signs <= n for signs in (1, 2, 3, 4)]


@pytest.mark.parametrize(("outline", "n"), [(0.98, 0), (0.96, 1), (0.86, 1), (0.84, 2)])
def test_outline_on_no_edges_is_up_to_two_signs(outline: float, n: int, clean: Ink) -> None:
    assert [shows(signs, clean, outline=outline) for signs in (1, 2, 3)] == [signs <= n for signs in (1, 2, 3)]


@pytest.mark.parametrize(
    ("n_parts", "lines", "n"), [(12, 0, 0), (13, 0, 1), (13, 1, 0), (60, 1, 0), (61, 1, 1), (61, 0, 2)]
)
def test_many_parts_are_a_sign_unless_lines_left_them(n_parts: int, lines: int, n: int) -> None:
    specks = [(row, row + 1, column, column + 1) for row in (10, 20, 30, 40) for column in range(10, 180, 10)]
    ink = pick(draw((70, 190, 80, 110), *specks[: n_parts - 1]))
    assert len(ink.parts) == n_parts
    assert [shows(signs, ink, lines=lines) for signs in (1, 2, 3)] == [signs <= n for signs in (1, 2, 3)]


@pytest.mark.parametrize(("width", "side", "is_sign"), [(1.9, None, False), (1.7, None, True), (2.9, 100, True)])
def test_thin_strokes_are_a_sign(width: float, side: float | None, is_sign: bool, clean: Ink) -> None:
    assert is_grain(replace(clean, stroke_pixels=width), side_pixels=side, signs=1) == is_sign


@pytest.mark.parametrize(
    ("n_full", "rest", "is_sign"), [(66, 0.5, False), (64, 0.5, True), (50, 0.62, False), (50, 0.58, True)]
)
def test_ink_that_is_faint_in_many_places_is_a_sign(n_full: int, rest: float, is_sign: bool) -> None:
    page = draw((50, 150, 80, 90), darkness=1.0)
    page[50 + n_full : 150, 80:90] = rest
    assert shows(1, pick(page)) == is_sign


@pytest.mark.parametrize(("width", "is_sign"), [(6, False), (7, True)])
def test_much_ink_elsewhere_is_a_sign(width: int, is_sign: bool) -> None:
    assert shows(1, pick(draw(BAR, (165, 175, 20, 20 + width)))) == is_sign


def test_digits_in_another_row_are_a_sign() -> None:
    assert not shows(1, pick(draw((100, 160, 50, 60), (101, 161, 150, 151))))  # in the same row
    assert shows(1, pick(draw((100, 160, 50, 60), (20, 80, 150, 151))))


def test_four_signs_make_grain_and_three_do_not(clean: Ink) -> None:
    assert not is_grain(replace(clean, level=0.2))
    assert is_grain(replace(clean, level=0.2), outline=0.96)


def test_slow_checks_count_as_much_as_the_others() -> None:
    page = draw((50, 150, 80, 90), (20, 30, 20, 36))  # ink elsewhere
    page[100:150, 80:90] = 0.45  # hollow
    assert not is_grain(pick(page), outline=0.96)
    assert is_grain(pick(page), outline=0.84)
