"""Tell the sides of printed boxes, which look like 1s, from the digits of a row."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import Final

from edge_mnist_runtime.reading.filters import Floats
from edge_mnist_runtime.reading.glyphs import Glyph
from edge_mnist_runtime.reading.parameters import PICTURE_READING

BOXES: Final = PICTURE_READING.boxes


def leave_out_boxes(row: tuple[Glyph, ...], horizontal_lines: Floats) -> tuple[Glyph, ...]:
    """Leave out the sides of boxes. Their horizontal lines were removed with the printed lines of the page.

    A side is thin, ends at a removed line above and below, and goes on beyond the digits beside it.

    Args:
        row: The glyphs of the row, from left to right.
        horizontal_lines: Row of each horizontal line removed in every column, shape (N, W).

    Returns:
        The glyphs that are digits.
    """
    are_sides = [_is_side(glyph, horizontal_lines) for glyph in row]
    longest = max((len([*run]) for is_side, run in groupby(are_sides) if is_side), default=0)
    if sum(are_sides) < BOXES.min_sides or longest > BOXES.max_adjacent or not _enclose(row, are_sides):
        return row
    return tuple(glyph for glyph, is_side in zip(row, are_sides, strict=True) if not is_side) or row


def _is_side(glyph: Glyph, horizontal_lines: Floats) -> bool:
    """Whether a glyph is thin and ends at a removed line above and below, with none between, as on lined paper."""
    if len(horizontal_lines) < 2 or glyph.width > BOXES.max_width * glyph.height:
        return False
    _, top, _, bottom = glyph.box
    lines = horizontal_lines[:, (glyph.box.left + glyph.box.right) // 2]
    reach = max(BOXES.min_reach_pixels, BOXES.reach * glyph.height)
    ends_at_lines = (abs(lines - top) <= reach).any() and (abs(lines - bottom) <= reach).any()
    return bool(ends_at_lines and not ((lines > top + reach) & (lines < bottom - reach)).any())


def _enclose(row: tuple[Glyph, ...], are_sides: list[bool]) -> bool:
    """Whether every side goes on beyond the top and the bottom of the digits beside it."""
    for (one, is_one), (other, is_other) in pairwise(zip(row, are_sides, strict=True)):
        if is_one != is_other:
            side, digit = (one, other) if is_one else (other, one)
            margin = BOXES.margin * side.height
            if digit.box.top - side.box.top < margin or side.box.bottom - digit.box.bottom < margin:
                return False
    return True
