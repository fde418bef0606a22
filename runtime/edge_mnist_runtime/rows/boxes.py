"""Tell the sides of printed boxes and dividers, which look like 1s, from the digits of a row."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np

from edge_mnist_runtime.reading.filters import Floats
from edge_mnist_runtime.reading.glyphs import Glyph
from edge_mnist_runtime.reading.parameters import PICTURE_READING

BOXES: Final = PICTURE_READING.boxes


def leave_out_boxes(row: tuple[Glyph, ...], level_lines: Floats) -> tuple[Glyph, ...]:
    """Leave out the sides of boxes, and dividers.

    The other lines of boxes were removed with the printed lines: the sides end where these were. Dividers have no such
    lines; then three or more are equally tall, and one digit stands between each two. Both go on beyond the top and the
    bottom of the digits beside them.

    Args:
        row: The glyphs of the row, from left to right.
        level_lines: Row of each horizontal line removed in every column, shape (N, W).

    Returns:
        The glyphs that are digits.
    """
    bars = [glyph.width <= BOXES.max_width * glyph.height for glyph in row]
    framed = [is_bar and _ends_at_lines(glyph, level_lines) for glyph, is_bar in zip(row, bars, strict=True)]
    tallest = max(glyph.height for glyph in row)
    tall = [is_bar and glyph.height >= BOXES.same_height * tallest for glyph, is_bar in zip(row, bars, strict=True)]
    if sum(framed) >= BOXES.min_sides and _enclose(row, framed):
        return _only_digits(row, framed)
    alternate = all(one != other for one, other in pairwise(tall))
    if sum(tall) >= BOXES.min_dividers and alternate and _enclose(row, tall):
        return _only_digits(row, tall)
    return row


def _only_digits(row: tuple[Glyph, ...], are_sides: list[bool]) -> tuple[Glyph, ...]:
    return tuple(glyph for glyph, is_side in zip(row, are_sides, strict=True) if not is_side) or row


def _ends_at_lines(glyph: Glyph, level_lines: Floats) -> bool:
    """Whether a horizontal line was removed at the top, and one at the bottom."""
    if len(level_lines) < 2:
        return False
    lines = level_lines[:, (glyph.box.left + glyph.box.right) // 2]
    reach = max(BOXES.min_reach_pixels, BOXES.reach * glyph.height)
    return all(np.abs(lines - end).min() <= reach for end in (glyph.box.top, glyph.box.bottom))


def _enclose(row: tuple[Glyph, ...], are_sides: list[bool]) -> bool:
    """Whether every side goes on beyond the top and the bottom of the digits beside it."""
    for (one, is_one), (other, is_other) in pairwise(zip(row, are_sides, strict=True)):
        if is_one != is_other:
            side, digit = (one, other) if is_one else (other, one)
            margin = BOXES.margin * side.height
            if digit.box.top - side.box.top < margin or side.box.bottom - digit.box.bottom < margin:
                return False
    return True
