"""Widths of strokes, and how far thin ones are widened: to 256ths of a pixel, because programs in C give the same."""

from __future__ import annotations

from math import isqrt

import numpy as np
import pytest

from edge_mnist_runtime.reading.thin_strokes import _stroke_width, widen_thin_drawing


def test_stroke_width_is_twice_the_area_over_the_outline() -> None:
    strokes = np.zeros((10, 10), np.int32)
    strokes[1:9, 1:9] = 50
    strokes[3:6, 1:9] = 100  # full ink: three quarters of all ink are no darker
    strokes[4, 1:9] = 120
    soft = np.pad(np.minimum(strokes * 255 // 100, 255), 1).tolist()
    outline = sum(
        isqrt(256 * ((soft[row + 1][column] - level) ** 2 + (soft[row][column + 1] - level) ** 2))
        for row, levels in enumerate(soft[:-1])
        for column, level in enumerate(levels[:-1])
    )
    assert _stroke_width(strokes) == 2 * 256 * sum(map(sum, soft)) // (outline / 16)


@pytest.mark.parametrize("side", [200, 157])
def test_stroke_is_widened_to_a_tenth_of_the_digit(side: int) -> None:
    ink = np.zeros((side, 12), np.uint8)
    ink[:, 4:8] = 255
    row = widen_thin_drawing(ink)[side // 2]
    whole, part = divmod((0.1 * side - _stroke_width(ink.astype(np.int32)) / 256) / 2, 1)
    assert np.count_nonzero(row == 255) == 4 + 2 * whole
    assert row[row < 255].max() == pytest.approx(255 * part, abs=1.5)


@pytest.mark.parametrize(("n", "is_outline"), [(20, False), (21, True)])
def test_strokes_of_more_than_3_2_lengths_of_the_digit_are_an_outline(n: int, is_outline: bool) -> None:
    ink = np.zeros((100, 40), np.uint8)
    ink[:, [5, 15, 25]] = ink[:n, 35] = 255
    assert (widen_thin_drawing(ink) is ink) == is_outline
