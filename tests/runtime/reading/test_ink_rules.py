"""Which ink belongs to the digit: one test for each rule, with pictures on either side of its limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.runtime.reading.drawn_ink import Rectangle, draw, label, pick, ring

from edge_mnist_runtime.reading.filters import erode
from edge_mnist_runtime.reading.ink import (
    darkness_of_ink,
    find_frames,
    outline_on_edges,
    peak_of,
    pick_ink,
    strokes_under,
)

BAR: Rectangle = (70, 130, 90, 100)
"""A digit of 60 x 10 pixels."""

BROAD_BAR: Rectangle = (70, 130, 80, 100)
"""A digit of 60 x 20 pixels."""


def joins(main: Rectangle, other: Rectangle, shape: tuple[int, int] = (200, 200)) -> bool:
    """Whether `other` joins the digit `main`."""
    ink = pick(draw(main, other, shape=shape))
    assert ink.mask[main[0], main[2]]
    return bool(ink.mask[other[0], other[2]])


@pytest.mark.parametrize(("n_dark", "peak"), [(12, 0.1), (13, 0.9)])
def test_peak_is_reached_by_one_pixel_in_800(n_dark: int, peak: float) -> None:
    page = np.full((100, 100), 0.1, np.float32)
    page.reshape(-1)[: 7 * n_dark : 7] = 0.9
    assert peak_of(page) == pytest.approx(peak)
    levels = np.random.default_rng(n_dark).permutation(np.arange(10_000, dtype=np.float32))
    assert peak_of(levels.reshape(100, 100)) == 10_000 - 13


def test_ink_thresholds_follow_the_peak_or_the_noise() -> None:
    assert darkness_of_ink(0.8, 0.0) == pytest.approx((0.4, 0.224))
    assert darkness_of_ink(0.8, 0.1) == pytest.approx((0.5, 0.3))


@pytest.mark.parametrize(
    "page", [draw(), draw((50, 51, 50, 60)), ring(20, 20, 80, 3), draw((50, 57, 50, 57))], ids=range(4)
)
def test_empty_pages_specks_and_frames_have_no_ink(page: np.ndarray) -> None:
    assert pick_ink(page, 0.0) is None


def test_full_ink_is_the_upper_quartile() -> None:
    page = np.linspace(0.01, 1, 100, dtype=np.float32).reshape(10, 10)
    assert strokes_under(page, np.ones((10, 10), np.bool_)).level == pytest.approx(0.75)


def test_what_may_be_ink_weighs_nothing() -> None:
    page = np.maximum(draw(BAR), draw((20, 50, 20, 50), darkness=0.3))
    assert pick(page).box == (90, 70, 100, 130)


def test_stroke_is_no_wider_for_pixels_darker_than_full_ink() -> None:
    page = draw(BAR, darkness=0.5)
    page[90:95, 92:98] = 1.0
    assert pick(page).stroke_pixels == pick(draw(BAR)).stroke_pixels


@pytest.mark.parametrize("rectangle", [(70, 130, 90, 100), (90, 100, 70, 130)])
def test_length_is_the_ink_divided_by_the_stroke_width(rectangle: Rectangle) -> None:
    ink = pick(draw(rectangle))
    assert ink.side_pixels == 60
    assert ink.length == pytest.approx(600 * 0.8 / ink.stroke_pixels)
    assert replace(ink, stroke_pixels=0.5).length == pytest.approx(600 * 0.8)
    assert np.array_equal(ink.darkness, draw(rectangle))


@pytest.mark.parametrize("missing", [None, (0, 1), (1, 0), (1, 2), (2, 1), (1, 1)])
def test_erosion_keeps_pixels_with_four_neighbours(missing: tuple[int, int] | None) -> None:
    mask = np.zeros((3, 3), np.bool_)
    mask[1] = mask[:, 1] = True
    if missing:
        mask[missing] = False
    assert np.argwhere(erode(mask)).tolist() == ([] if missing else [[1, 1]])


def test_stroke_width_is_twice_the_area_over_the_outline() -> None:
    assert pick(draw((20, 180, 95, 105))).stroke_pixels == pytest.approx(10, rel=0.07)


@pytest.mark.parametrize(("width", "is_main"), [(11, True), (9, False)])
def test_ink_at_an_edge_counts_a_quarter(width: int, is_main: bool) -> None:
    page = draw((0, 20, 0, 20), (150, 160, 100, 100 + width))
    assert pick(page).mask[150, 100] == is_main
    assert pick(page).mask[0, 0] != is_main


@pytest.mark.parametrize("at_edge", [(0, 20, 50, 70), (180, 200, 50, 70), (50, 70, 0, 20), (50, 70, 180, 200)], ids=str)
def test_ink_at_any_edge_counts_less(at_edge: Rectangle) -> None:
    assert pick(draw(at_edge, (110, 125, 110, 125))).box == (110, 110, 125, 125)


def test_digit_is_at_least_a_25th_of_the_shorter_side_long() -> None:
    assert pick(draw((50, 57, 50, 57), (150, 158, 100, 102), shape=(200, 210))).box == (100, 150, 102, 158)


@pytest.mark.parametrize(("width", "belongs"), [(10, True), (8, False)])
def test_part_of_the_digit_has_3_percent_of_its_ink(width: int, belongs: bool) -> None:
    assert joins(BAR, (64, 66, 90, 90 + width)) == belongs
    assert joins(BAR, (64, 66, 90, 90 + width)) == joins(BAR, (134, 136, 90, 90 + width))


def test_component_is_compared_with_the_digit_found_so_far() -> None:
    second, small = (148, 158, 90, 100), (64, 66, 90, 100)  # 3.3 percent of the first part, 2.9 of both
    assert joins(BAR, small)
    ink = pick(draw(BAR, second, small))
    assert ink.mask[148, 90]
    assert ink.mask[64, 90]  # found in the same step as the second part
    ink = pick(draw(BAR, second, (164, 166, 90, 100)))
    assert ink.mask[148, 90]
    assert not ink.mask[165, 90]  # near to the second part alone, so found one step later


@pytest.mark.parametrize(("side", "belongs"), [(6, True), (5, False)])
def test_part_of_the_digit_has_a_tenth_of_its_length(side: int, belongs: bool) -> None:
    assert joins(BAR, (70, 70 + side, 103, 103 + side), shape=(140, 120)) == belongs
    assert joins((90, 100, 50, 110), (80, 80 + side, 80, 80 + side), shape=(140, 120)) == belongs


@pytest.mark.parametrize(("gap", "belongs"), [(21, True), (22, False)])
def test_part_of_the_digit_is_no_further_away_than_a_third_of_its_length(gap: int, belongs: bool) -> None:
    right, left = (100, 110, 100 + gap, 110 + gap), (100, 110, 80 - gap, 90 - gap)
    below, above = (130 + gap, 140 + gap, 90, 100), (60 - gap, 70 - gap, 90, 100)
    assert [joins(BAR, one) for one in (right, left, below, above)] == [belongs] * 4


def test_gap_is_measured_diagonally() -> None:
    assert joins(BAR, (144, 154, 114, 124))
    assert not joins(BAR, (146, 156, 116, 126))


def test_part_may_be_reached_through_another_one() -> None:
    far = (160, 170, 90, 100)
    assert not joins(BAR, far)
    assert pick(draw(BAR, (136, 146, 90, 100), far)).mask[160, 90]


@pytest.mark.parametrize(("side", "belongs"), [(19, True), (20, False)])
def test_blot_twice_as_broad_as_the_strokes_is_left_out(side: int, belongs: bool) -> None:
    page = ring(20, 20, 100, 5)
    page[60 : 60 + side, 125 : 125 + side] = 0.8
    ink = pick(page)
    assert ink.mask[20, 20]
    assert ink.mask[60, 125] == belongs


@pytest.mark.parametrize(
    ("main", "other", "belongs"),
    [
        (BAR, (72, 128, 104, 106), True),  # nearer than 0.08 of the digit's length
        (BAR, (72, 128, 105, 107), False),
        (BAR, (72, 128, 83, 85), False),
        (BROAD_BAR, (70, 130, 106, 117), True),  # less than 6 times as long as broad
        (BROAD_BAR, (70, 130, 106, 115), False),
        (BAR, (74, 127, 106, 109), True),  # shorter than 0.9 of the digit
        (BAR, (73, 128, 106, 109), False),
        (BAR, (70, 130, 106, 114), True),  # as broad as the strokes
        (BAR, (70, 130, 106, 113), False),
    ],
)
def test_thin_line_beside_the_digit_is_residue_of_a_frame(main: Rectangle, other: Rectangle, belongs: bool) -> None:
    assert joins(main, other) == belongs


@pytest.mark.parametrize(
    ("other", "belongs"),
    [
        ((101, 103, 70, 126), False),  # any gap is enough
        ((103, 105, 70, 126), False),
        ((76, 78, 70, 126), False),
        ((103, 105, 70, 123), True),  # shorter than 0.9 of the digit
        ((103, 113, 70, 130), True),  # 6 times as long as broad
        ((103, 112, 70, 130), False),
        ((80, 100, 134, 136), True),  # upright, but not further to the side than a gap in the digit
    ],
)
def test_horizontal_line_above_or_below_the_digit_is_residue_of_a_frame(other: Rectangle, belongs: bool) -> None:
    assert joins((80, 100, 70, 130), other) == belongs


def test_dash_beside_the_digit_belongs_to_it() -> None:
    assert joins(BAR, (100, 103, 104, 123))


@pytest.mark.parametrize(
    ("inside", "is_digit"),
    [
        ((40, 64, 50, 56), True),
        ((40, 63, 50, 56), False),  # lower than 0.3 of the frame
        ((40, 71, 50, 54), True),
        ((40, 70, 50, 54), False),  # less than 0.1 of its ink
    ],
)
def test_square_around_a_digit_is_a_frame(inside: Rectangle, is_digit: bool) -> None:
    page = np.maximum(ring(20, 20, 80, 4), draw(inside))
    assert pick(page).mask[20, 20] != is_digit


@pytest.mark.parametrize(("missing", "is_frame"), [(10, True), (14, False)])
def test_frame_has_ink_on_three_sides(missing: int, is_frame: bool) -> None:
    page = np.maximum(ring(20, 20, 80, 4), draw((40, 75, 50, 60)))
    page[96:100, 24:100] = 0  # the lower side is open
    page[100 - missing : 100, 96:100] = 0
    assert pick(page).mask[20, 24] != is_frame


@pytest.mark.parametrize("moved", [(0, -80), (0, 80), (-80, 0), (80, 0)])
def test_square_is_a_frame_only_around_something(moved: tuple[int, int]) -> None:
    page = np.maximum(ring(100, 100, 80, 4, shape=(300, 300)), np.zeros((300, 300), np.float32))
    top, left = 120 + moved[0], 130 + moved[1]
    page[top : top + 40, left : left + 8] = 0.8
    assert not find_frames(*label(page)).any()


def circle(radius: float, flatness: float = 1.0, width: float = 4.0) -> np.ndarray:
    """An ellipse of ink in the middle of a page of 200 x 200, `flatness` times as wide as it is high."""
    rows, columns = np.mgrid[:200, :200] - 99.5
    away = np.abs(np.hypot(rows, columns / flatness) - radius)
    return np.where(away < width / 2, 0.8, 0.0).astype(np.float32)


@pytest.mark.parametrize(
    ("flatness", "height", "is_digit"),
    [(1.0, 38, True), (1.0, 34, False), (0.72, 52, True), (0.66, 52, False), (1.35, 52, True), (1.5, 52, False)],
)
def test_circle_around_a_digit_is_a_frame(flatness: float, height: int, is_digit: bool) -> None:
    """What is lower than 0.3 of the circle is no digit; what is narrower is a 0, with a dot in it."""
    page = np.maximum(circle(60, flatness), draw((100 - height // 2, 100 + height // 2, 92, 104)))
    assert pick(page).mask[38:42, 100].any() != is_digit


@pytest.mark.parametrize(("gap", "is_frame"), [(8, True), (20, False)])
def test_circle_has_ink_on_all_four_sides(gap: int, is_frame: bool) -> None:
    page = np.maximum(circle(80), draw((60, 140, 92, 104)))
    page[:50, 100 - gap : 100 + gap] = 0
    assert find_frames(*label(page)).any() == is_frame


@pytest.mark.parametrize(("length", "is_circle"), [(24, True), (50, False)])
def test_circle_stays_away_from_its_middle(length: int, is_circle: bool) -> None:
    """The outline of a 6 does not, and what it holds is its own."""
    page = np.maximum(circle(80), draw((90, 150, 100, 108)))
    page[20 : 20 + length, 98:101] = 0.8
    assert find_frames(*label(page)).any() == is_circle


@pytest.mark.parametrize(("width", "gap", "is_frame"), [(3, 0, True), (4, 0, False), (3, 6, True), (3, 10, False)])
def test_thin_square_is_a_frame_even_if_empty(width: int, gap: int, is_frame: bool) -> None:
    page = ring(20, 20, 80, width)
    page[20 : 20 + width, 50 : 50 + gap] = 0
    assert find_frames(*label(page)).any() == is_frame


@pytest.mark.parametrize("height", [80, 70])
@pytest.mark.parametrize(("drop", "is_frame"), [(11, True), (12, False)])
def test_side_of_a_frame_may_lean(drop: int, is_frame: bool, height: int) -> None:
    page = np.delete(ring(20, 20, 80, 3), np.s_[50 : 130 - height], axis=0)
    page[20:23, 23:97] = 0
    columns = np.arange(20, 100)
    for row in range(3):
        page[20 + row + (columns - 20) * drop // 80, columns] = 0.8
    assert find_frames(*label(page)).any() == is_frame


@pytest.mark.parametrize("turns", range(4))
def test_square_with_an_open_side_and_a_bar_across_is_no_frame(turns: int) -> None:
    page = ring(20, 20, 80, 2)
    page[98:100, 22:98] = 0
    page[60:62, 22:98] = 0.8
    assert not find_frames(*label(np.rot90(page, turns))).any()


@pytest.mark.parametrize(("n_heavier", "is_frame"), [(4, True), (5, False)])
def test_only_the_five_heaviest_parts_can_be_frames(n_heavier: int, is_frame: bool) -> None:
    heavier = [(120, 160, 50 * place, 50 * place + 40) for place in range(n_heavier)]
    page = np.maximum(ring(20, 20, 80, 3, shape=(200, 300)), draw(*heavier, shape=(200, 300)))
    assert find_frames(*label(page)).any() == is_frame


@pytest.mark.parametrize(("darkness", "on_edges"), [(0.26, 1), (0.24, 0)])
def test_light_falls_at_an_edge_by_half_of_the_darkness(darkness: float, on_edges: float) -> None:
    ink = replace(pick(draw(BAR)), level=0.5)
    plane = np.where(ink.mask, round(200 * (1 - darkness)), 200).astype(np.uint8)
    assert outline_on_edges(plane, ink) == on_edges


@pytest.mark.parametrize("at_edge", [(0, 60, 90, 100), (140, 200, 90, 100), (90, 100, 0, 60), (90, 100, 140, 200)])
def test_outline_at_the_edge_of_the_picture_does_not_count(at_edge: Rectangle) -> None:
    ink = pick(draw(at_edge))
    assert outline_on_edges(np.where(ink.mask, 0, 200).astype(np.uint8), ink) == 1


@pytest.mark.parametrize(("light", "on_edges"), [(10, 1), (9, 0)])
def test_little_light_on_black_is_not_an_edge(light: int, on_edges: float) -> None:
    ink = pick(draw(BAR))
    assert outline_on_edges(np.where(ink.mask, 0, light).astype(np.uint8), ink) == on_edges


@pytest.mark.parametrize(("softness", "on_edges"), [(2, 1), (3, 0)])
def test_edge_of_an_outline_is_within_two_pixels(softness: int, on_edges: float) -> None:
    ink = pick(draw(BAR))
    near = draw((70 - softness + 1, 130 + softness - 1, 90 - softness + 1, 100 + softness - 1)) > 0
    assert outline_on_edges(np.where(near, 0, 200).astype(np.uint8), ink) == on_edges
