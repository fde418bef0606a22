"""Printed lines that leave the picture, have gaps, are bent or are crossed by dark strokes: a test for each rule."""

from __future__ import annotations

import numpy as np
import pytest
from tests.runtime.reading.drawn_ink import draw

from edge_mnist_runtime.reading.ruled_lines import find_ruling

SHAPE = (200, 320)
"""Strips are 10 columns wide."""


def slanted(page: np.ndarray, row: float, slope: float, *, columns: slice, thick: int, darkness: float) -> None:
    """Draw a straight line that is at `row` in the first of its columns."""
    inside = np.arange(SHAPE[1])[columns]
    rows = np.rint(row + slope * (inside - inside[0])).astype(int)
    for below in range(thick):
        page[rows + below, inside] = darkness


@pytest.mark.parametrize(("fraction", "gap", "found"), [(0.56, 0, 1), (0.4, 0, 0), (0.56, 30, 1), (0.56, 60, 0)])
def test_half_of_a_line_is_inside_the_picture(fraction: float, gap: int, found: int) -> None:
    page = np.zeros(SHAPE, np.float32)
    first = round(320 * (1 - fraction))  # it enters through the upper edge
    slanted(page, 0, 0.2, columns=slice(first, 320), thick=2, darkness=0.3)
    middle = (first + 320) // 2
    page[:, middle - gap // 2 : middle + gap // 2] = 0
    assert len(find_ruling(page)) == len(find_ruling(page[:, ::-1])) == found


@pytest.mark.parametrize(("bend", "followed"), [(-2, True), (-3, False)])
def test_line_is_followed_two_pixels_beside_the_straight_one(bend: int, followed: bool) -> None:
    rows = np.full(320, 100)
    rows[120:190] += bend
    page = np.zeros(SHAPE, np.float32)
    page[rows, np.arange(320)] = 0.3
    [line] = find_ruling(page).level
    assert (line[155] == pytest.approx(100 + bend, abs=0.1)) == followed


@pytest.mark.parametrize(("darkness", "pulled"), [(0.045, True), (0.03, False)])
def test_dark_dash_beside_a_faint_line_pulls_it_two_thirds_of_the_way_at_most(darkness: float, pulled: bool) -> None:
    page = draw((100, 101, 0, 320), shape=SHAPE, darkness=darkness)
    page[98, 120:220] = 0.9
    [line] = find_ruling(page).level
    assert (line[170] == pytest.approx(100 - 2 * 2 / 3, abs=0.05)) == pulled


def test_dark_slanted_strokes_do_not_hide_the_slope_of_many_lines() -> None:
    page = draw(*((row, row + 2, 0, 320) for row in range(8, 200, 10)), shape=SHAPE, darkness=0.1)
    for row in (30, 50):
        slanted(page, row, 0.2, columns=slice(20, 300), thick=3, darkness=0.9)
    assert len(find_ruling(page)) >= 18


def test_offset_of_a_bent_line_is_averaged_over_seven_strips() -> None:
    rows = np.full(320, 100)
    rows[160:] = 102  # between two strips
    page = np.zeros(SHAPE, np.float32)
    page[rows, np.arange(320)] = 0.3
    [line] = find_ruling(page).level
    assert line[[125, 195]] == pytest.approx([100, 102], abs=0.01)  # the fourth strip on either side
    assert line[[135, 185]] == pytest.approx([100 + 2 / 7, 102 - 2 / 7], abs=0.05)
