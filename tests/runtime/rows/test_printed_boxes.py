"""The sides of printed boxes are told from 1s: one test for each rule."""

from __future__ import annotations

import numpy as np
import pytest

from edge_mnist_runtime.box import Box
from edge_mnist_runtime.reading.glyphs import Glyph
from edge_mnist_runtime.rows.boxes import leave_out_boxes

TOP, BOTTOM = 90, 190
LINES = np.repeat(np.array([[40], [TOP], [BOTTOM], [240]], np.float32), 400, axis=1)
"""Removed lines in four rows."""

NO_LINES = LINES[:0]


def row(words: str, *, height: int = 80, top: int = TOP, bottom: int = BOTTOM, width: int = 4) -> tuple[Glyph, ...]:
    """Digits `o` of this height in the middle between two rows, and bars `|` from the upper to the lower one."""
    glyphs = []
    for place, word in enumerate(words):
        middle, left = (TOP + BOTTOM) // 2, 10 + 40 * place
        digit = Box(left, middle - height // 2, left + 36, middle + height // 2)
        box = digit if word == "o" else Box(left + 15, top, left + 15 + width, bottom)
        glyphs.append(Glyph(np.array([place]), box))
    return tuple(glyphs)


def left_of(words: str, lines: np.ndarray = LINES, **changes: int) -> str:
    """The words of the glyphs that are left."""
    kept = leave_out_boxes(row(words, **changes), lines)
    return "".join(words[int(glyph.members[0])] for glyph in kept)


@pytest.mark.parametrize("words", ["|o|", "|oo|", "|o|o|", "|o||o||o|", "o|o|", "||o"])
def test_sides_that_end_at_lines_are_no_digits(words: str) -> None:
    assert left_of(words) == "o" * words.count("o")


def test_one_side_is_not_enough() -> None:
    assert left_of("o|") == "o|"


@pytest.mark.parametrize(("off", "kept"), [(5, "o"), (7, "|o|")])
def test_both_ends_are_near_a_line(off: int, kept: str) -> None:
    for top, bottom in ((TOP - off, BOTTOM), (TOP + off, BOTTOM), (TOP, BOTTOM - off), (TOP, BOTTOM + off)):
        assert left_of("|o|", top=top, bottom=bottom, height=60) == kept


def test_lines_are_found_where_the_side_stands() -> None:
    leaning = LINES + np.arange(400, dtype=np.float32) / 20
    assert left_of("|o|", leaning) == "o"
    assert left_of("|ooo|", leaning) == "|ooo|"


@pytest.mark.parametrize(("height", "kept"), [(90, "o"), (92, "|o|")])
def test_sides_go_on_beyond_the_digits(height: int, kept: str) -> None:
    assert left_of("|o|", height=height) == kept


@pytest.mark.parametrize(("width", "kept"), [(35, "o"), (36, "|o|")])
def test_sides_are_thin(width: int, kept: str) -> None:
    assert left_of("|o|", width=width) == kept


def test_row_of_bars_alone_is_one_of_1s() -> None:
    assert left_of("||||") == "||||"
    assert left_of("|||", NO_LINES) == "|||"


def test_lined_paper_has_lines_between_the_ends_of_a_1() -> None:
    between = np.concatenate([LINES, LINES[:1] - 40 + (TOP + BOTTOM) // 2])
    assert left_of("|o|", between) == "|o|"


def test_three_bars_beside_each_other_are_1s() -> None:
    assert left_of("|||o|") == "|||o|"
    assert left_of("|o||o|") == "oo"
