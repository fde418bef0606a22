"""Printed lines: one test for each rule of finding and removing them, with pictures on either side of its limit."""

from __future__ import annotations

import numpy as np
import pytest
from tests.runtime.reading.drawn_ink import draw

from edge_mnist_runtime.reading.line_removal import remove_ruling
from edge_mnist_runtime.reading.ruled_lines import Ruling, find_ruling, measure_thinnest_line

LINE = slice(100, 102)
"""The rows of a line across a page of 200 x 320 pixels: strips are then 10 pixels wide."""


def lined(darkness: float = 0.3, *, start: int = 0, end: int = 320, shape: tuple[int, int] = (200, 320)) -> np.ndarray:
    return draw((LINE.start, LINE.stop, start, end), shape=shape, darkness=darkness)


def count(page: np.ndarray) -> int:
    """Number of lines found in a page, and equally in the transposed page."""
    found, turned = find_ruling(page), find_ruling(np.ascontiguousarray(page.T))
    assert (len(found.level), len(found.upright)) == (len(turned.upright), len(turned.level))
    return len(found)


@pytest.mark.parametrize(("darkness", "found"), [(0.016, 1), (0.014, 0)])
def test_faintest_line(darkness: float, found: int) -> None:
    assert count(lined(darkness)) == found


@pytest.mark.parametrize(("gap", "found"), [(90, 1), (100, 0)])
def test_line_shows_in_seven_tenths_of_the_strips(gap: int, found: int) -> None:
    page = lined()
    page[:, 100 : 100 + gap] = 0
    assert count(page) == found


@pytest.mark.parametrize(("missing", "found"), [(30, 1), (40, 0)])
def test_tall_one_ends_before_the_edge_and_a_line_does_not(missing: int, found: int) -> None:
    assert count(lined(start=missing)) == found
    assert count(lined(end=320 - missing)) == found


@pytest.mark.parametrize(("darkness", "found"), [(0.16, 1), (0.14, 0)])
def test_line_is_nearly_as_dark_at_its_ends(darkness: float, found: int) -> None:
    page = lined(0.5)
    page[LINE, :60] = darkness
    assert count(page) == found
    assert count(page[:, ::-1]) == found


def test_line_is_a_third_as_dark_at_its_ends_however_faint_it_is() -> None:
    page = lined(0.03)
    page[LINE, :60] = 0.012
    assert count(page) == 0  # fainter than any line


@pytest.mark.parametrize(("length", "found"), [(150, 1), (170, 0)])
def test_single_line_along_a_narrow_picture_is_a_one(length: int, found: int) -> None:
    page = draw((0, length, 50, 52), shape=(length, 100), darkness=0.3)
    assert count(page) == found


def test_several_lines_along_a_narrow_picture_are_lines() -> None:
    assert count(draw((0, 200, 30, 32), (0, 200, 70, 72), shape=(200, 100), darkness=0.3)) == 2
    assert count(draw((0, 200, 30, 32), (70, 72, 0, 100), shape=(200, 100), darkness=0.3)) == 2
    assert count(draw((70, 72, 0, 100), shape=(200, 100), darkness=0.3)) == 1  # across it, even a single one


@pytest.mark.parametrize(("side", "found"), [(40, 2), (39, 0)])
def test_small_picture_has_no_lines(side: int, found: int) -> None:
    assert len(find_ruling(draw((20, 21, 0, 60), (30, 31, 0, 60), shape=(side, 60), darkness=0.3))) == found


@pytest.mark.parametrize(("side", "half_width"), [(60, 3), (400, 6)])
def test_line_darkens_a_60th_of_the_longer_side(side: int, half_width: int) -> None:
    assert find_ruling(np.zeros((50, side), np.float32)).half_width == half_width
    assert find_ruling(np.zeros((side, 50), np.float32)).half_width == half_width


def sloping(slope: float) -> np.ndarray:
    page = np.zeros((320, 320), np.float32)
    columns = np.arange(320)
    rows = np.rint(160 + slope * (columns - 160)).astype(int)
    for row in range(3):
        page[rows + row, columns] = 0.3
    return page


@pytest.mark.parametrize(("slope", "found"), [(0.0, 1), (0.2, 1), (0.36, 1), (0.41, 0)])
def test_steepest_line(slope: float, found: int) -> None:
    assert len(find_ruling(sloping(slope))) == len(find_ruling(sloping(-slope))) == found


@pytest.mark.parametrize(("gap", "found"), [(7, 2), (3, 1)])
def test_lines_nearer_than_their_width_are_one(gap: int, found: int) -> None:
    page = draw((100, 101, 0, 320), (100 + gap, 101 + gap, 0, 320), shape=(200, 320), darkness=0.3)
    assert len(find_ruling(page)) == found


@pytest.mark.parametrize(("bump", "followed"), [(2, True), (5, False)])
def test_bent_line_is_followed_two_pixels_off(bump: int, followed: bool) -> None:
    page = np.zeros((200, 320), np.float32)
    rows = np.full(320, 100)
    rows[120:230] += bump  # 11 of 32 strips
    page[rows, np.arange(320)] = 0.3
    ruling = find_ruling(page)
    if not followed:
        assert not len(ruling)
        return
    assert ruling.level[0, 175] == pytest.approx(100 + bump, abs=0.3)
    assert ruling.level[0, 20] == pytest.approx(100, abs=0.3)


def test_stroke_across_a_line_does_not_pull_it() -> None:
    page = lined()
    page[102:180, 150:160] = 0.9
    assert np.abs(find_ruling(page).level - 100.5).max() < 1


@pytest.mark.parametrize("height", [44, 60])
def test_steep_lines_in_a_low_picture_pass_half_of_it(height: int) -> None:
    rows, columns = np.mgrid[:height, :320]
    page = np.zeros((height, 320), np.float32)
    for middle in (height // 2 - 10, height // 2 + 10):
        page[np.abs(rows - middle - 0.34 * (columns - 160)) <= 1] = 0.3
    assert len(find_ruling(page)) == (0 if height == 44 else 2)


def thinnest(page: np.ndarray, *rows: float) -> tuple[float, int]:
    """Darkness of the faintest and width of the thinnest of level lines, and equally of upright ones."""
    height, width = page.shape
    lines, none = np.array([[row] * width for row in rows], np.float32), np.zeros((0, height), np.float32)
    found = measure_thinnest_line(page, Ruling(lines, none, 4))
    assert measure_thinnest_line(page.T, Ruling(none, lines, 4)) == found
    return pytest.approx(found[0]), found[1]


def test_line_is_measured_along_the_darkest_of_its_rows() -> None:
    page = draw((100, 103, 0, 320), shape=(200, 320), darkness=0.5)
    page[[99, 103]] = 0.2  # its soft edges, darker than a third of it
    page[98:105, 10:150] = 0.9  # a stroke covers less than half of it
    assert thinnest(page, 101) == (0.5, 3)
    assert thinnest(draw((90, 110, 0, 320), shape=(200, 320)), 100) == (0.8, 9)  # four rows to either side


@pytest.mark.parametrize("row", [1, 198])
def test_line_beside_the_edge_is_as_thin_as_elsewhere(row: int) -> None:
    assert thinnest(draw((row, row + 1, 0, 320), shape=(200, 320)), row) == (0.8, 1)


def test_faintest_and_thinnest_of_several_lines_count() -> None:
    page = np.maximum(draw((50, 53, 0, 200), darkness=0.3), draw((100, 102, 0, 200), darkness=0.5))
    assert thinnest(page, 51, 100) == (0.3, 2)


# Removal.


def without_line(page: np.ndarray, row: float = 100.0, *, half_width: int = 4, ink: float = 0.8) -> np.ndarray:
    """Remove the line at one row from a page, and equally from the transposed page."""
    height, width = page.shape
    line, none = np.full((1, width), row, np.float32), np.zeros((0, height), np.float32)
    left = remove_ruling(page, Ruling(line, none, half_width), ink)
    turned = remove_ruling(np.ascontiguousarray(page.T), Ruling(none, line, half_width), ink)
    assert np.array_equal(left, turned.T)
    return left


@pytest.mark.parametrize(("darkness", "is_left"), [(0.315, False), (0.325, True)])
def test_ink_little_darker_than_the_line_is_removed_with_it(darkness: float, is_left: bool) -> None:
    page = draw((100, 101, 0, 320), shape=(200, 320), darkness=0.2)
    page[100, 50] = darkness
    assert (without_line(page)[100, 50] > 0) == is_left


def test_margin_for_uneven_print_follows_the_darkest_row() -> None:
    page = draw((100, 101, 0, 320), shape=(200, 320), darkness=0.2)
    page[101] = 0.1  # the line's soft edge
    page[101, 50], page[101, 60] = 0.185, 0.195  # 1.3 * 0.1 + 0.3 * 0.2 = 0.19
    left = without_line(page)
    assert left[101, 50] == 0
    assert left[101, 60] > 0


@pytest.mark.parametrize(("darkness", "left"), [(0.8, 0.8), (0.56, 0.4), (0.32, 0.0)])
def test_ink_on_a_line_stays_as_dark_as_it_is_elsewhere(darkness: float, left: float) -> None:
    page = draw((100, 101, 0, 320), shape=(200, 320), darkness=0.2)
    page[100, 50] = darkness
    assert without_line(page)[100, 50] == pytest.approx(left, abs=0.01)


def test_stretch_is_limited_on_lines_as_dark_as_ink() -> None:
    page = draw((100, 101, 0, 320), shape=(200, 320), darkness=0.5)  # of which 0.8 is taken
    page[100, 50] = 0.86
    assert without_line(page)[100, 50] == pytest.approx(0.2, abs=0.01)  # 0.06 of 0.24, of 0.8


@pytest.mark.parametrize(("darkness", "is_left"), [(0.048, True), (0.052, False)])
def test_row_that_a_line_hardly_darkens_is_left_alone(darkness: float, is_left: bool) -> None:
    page = draw((100, 101, 0, 320), shape=(200, 320), darkness=0.2)
    page[101] = darkness
    assert (without_line(page)[101, 10] > 0) == is_left


@pytest.mark.parametrize(("covered", "is_left"), [(0.38, True), (0.42, False)])
def test_stroke_along_a_line_stays_if_it_covers_less_than_0_4_of_it(covered: float, is_left: bool) -> None:
    page = draw((100, 101, 0, 400), shape=(200, 400), darkness=0.2)
    # Cover the same fraction in the middle and at both ends, so that no end is fainter.
    for third in range(0, 399, 133):
        page[100, third : third + round(133 * covered)] = 0.8
    assert (without_line(page)[100, 20] > 0.5) == is_left


@pytest.mark.parametrize(("end", "is_left"), [(0.3, True), (0.34, False)])
def test_faint_end_of_a_line_gives_the_darkness_of_the_whole(end: float, is_left: bool) -> None:
    page = draw((100, 101, 0, 300), shape=(200, 300), darkness=0.8)
    page[100, :100] = end
    assert (without_line(page)[100, 200] > 0.5) == is_left


@pytest.mark.parametrize(("share", "is_left"), [(0.62, True), (0.55, False)])
def test_end_of_a_line_is_a_third_of_it(share: float, is_left: bool) -> None:
    page = draw((100, 101, 0, 300), shape=(200, 300), darkness=0.8)
    page[100, : round(share * 100)] = 0.1
    assert (without_line(page)[100, 200] > 0.5) == is_left


def test_gaps_of_removed_lines_are_closed_in_strokes_only() -> None:
    page = draw((60, 140, 100, 108), (60, 140, 200, 208), shape=(200, 320))
    page[100:102] = np.maximum(page[100:102], 0.3)
    page[100:102, 100:108] = 0.4  # a pen that skips on the line
    left = without_line(page, 100.5)
    assert left[100:102, 101:107].min() > 0.7
    assert left[100:102, 120:190].max() == 0


def test_line_is_removed_and_crossing_strokes_are_bridged() -> None:
    darkness = np.zeros((100, 120), np.float32)
    darkness[:, 58:64] = 0.8  # a stroke
    darkness[49:52] = np.maximum(darkness[49:52], 0.2)  # a line
    darkness[49:52, 61:] += 0.1  # ...which adds to the stroke, too
    for turned in (False, True):
        page = np.ascontiguousarray(darkness.T) if turned else darkness
        line, none = np.full((1, 120), 50, np.float32), np.zeros((0, 100), np.float32)
        ruling = Ruling(none, line, 4) if turned else Ruling(line, none, 4)
        left = remove_ruling(page, ruling, 0.8)
        left = left.T if turned else left
        assert left[:, :55].max() == left[:, 67:].max() == 0
        assert left[:, 58:64].min() > 0.7


@pytest.mark.parametrize("row", [1, 198])
def test_line_beside_the_edge_of_the_picture_is_removed(row: int) -> None:
    page = draw((row, row + 1, 0, 320), shape=(200, 320), darkness=0.2)
    assert without_line(page, row).max() == 0


def test_line_partly_outside_the_picture_is_removed_inside() -> None:
    darkness = np.zeros((80, 100), np.float32)
    rows = np.linspace(-5, 6, 100)
    darkness[np.rint(rows[50:]).astype(int), np.arange(50, 100)] = 0.3
    left = remove_ruling(darkness, Ruling(rows[np.newaxis].astype(np.float32), np.zeros((0, 80), np.float32), 3), 0.8)
    assert left.max() < 0.05
