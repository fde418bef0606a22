"""Printed lines are found where they are, in every column, near edges and in corners too."""

from __future__ import annotations

import numpy as np
import pytest

from edge_mnist_runtime.reading.ruled_lines import find_ruling

HEIGHT, WIDTH = 220, 320


def page(*lines: tuple[float, float], darkness: float = 0.3) -> np.ndarray:
    """Lines two pixels thick: the row of each in the middle column, and its slope."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    found = np.zeros((HEIGHT, WIDTH), np.float32)
    for row, slope in lines:
        found[np.abs(rows - row - slope * (columns - (WIDTH - 1) / 2)) <= 1] = darkness
    return found


def positions(pixels: np.ndarray) -> list[np.ndarray]:
    """Rows of the lines, the same for a page that is turned by a quarter."""
    ruling, turned = find_ruling(pixels), find_ruling(np.ascontiguousarray(pixels.T))
    assert not len(ruling.upright)
    assert not len(turned.level)
    assert np.array_equal(ruling.level, turned.upright)
    return [*ruling.level]


def true_rows(row: float, slope: float) -> np.ndarray:
    return row + slope * (np.arange(WIDTH) - (WIDTH - 1) / 2)


@pytest.mark.parametrize("slope", [-0.25, -0.1, -0.03, 0.0, 0.05, 0.15, 0.24])
@pytest.mark.parametrize("row", [60, 110, 161])
def test_line_is_found_in_every_column(row: int, slope: float) -> None:
    [line] = positions(page((row, slope)))
    assert np.abs(line - true_rows(row, slope)).max() <= 0.8


@pytest.mark.parametrize("row", [6, 9, 210, 213])
def test_line_near_an_edge_is_found(row: int) -> None:
    [line] = positions(page((row, 0.0)))
    assert np.abs(line - row).max() <= 0.6


@pytest.mark.parametrize(("row", "slope"), [(20, 0.2), (20, -0.2), (200, 0.2), (200, -0.2)])
def test_line_that_leaves_the_page_in_a_corner_is_found(row: int, slope: float) -> None:
    others = [(row + shift, slope) for shift in ((40, 80) if row < 110 else (-40, -80))]
    found = positions(page((row, slope), *others))
    assert len(found) == 3
    nearest = min(found, key=lambda line: abs(float(line[WIDTH // 2]) - row))
    inside = (true_rows(row, slope) >= 0) & (true_rows(row, slope) < HEIGHT)
    assert np.abs(nearest - true_rows(row, slope))[inside].max() <= 1.5


def test_lines_that_fan_out_are_followed_each_by_its_own_slope() -> None:
    lines = [(30 + 25 * index, -0.06 + 0.03 * index) for index in range(5)]
    found = positions(page(*lines))
    assert len(found) == 5
    for line, (row, slope) in zip(sorted(found, key=lambda line: float(line[160])), lines, strict=True):
        assert np.abs(line - true_rows(row, slope)).max() <= 1.5


def test_many_faint_lines_beside_a_dark_stroke_are_found() -> None:
    pixels = page(*((20 + 20 * index, 0.04) for index in range(7)), darkness=0.1)
    pixels[30:130, 150:162] = 0.9
    assert len(positions(pixels)) == 7


def test_strokes_of_a_digit_are_no_lines() -> None:
    pixels = np.zeros((HEIGHT, WIDTH), np.float32)
    pixels[40:46, 100:220] = pixels[40:120, 214:220] = pixels[114:120, 100:220] = 0.8
    assert positions(pixels) == []
