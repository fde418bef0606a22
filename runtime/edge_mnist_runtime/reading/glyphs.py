"""Group the connected components of the ink into glyphs, one for each digit of a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.box import Box
from edge_mnist_runtime.reading.components import Components, Mask
from edge_mnist_runtime.reading.ink import box_around, gaps_to, sides_of, weigh_parts
from edge_mnist_runtime.reading.parameters import PICTURE_READING

Indices = npt.NDArray[np.intp]
Floats64 = npt.NDArray[np.float64]

GLYPHS: Final = PICTURE_READING.glyphs


@dataclass(frozen=True)
class Glyph:
    """The components that probably make up one digit."""

    members: Indices
    """Indices of its components, shape (N,)."""
    box: Box
    """The box around them."""

    @property
    def height(self) -> int:
        """Height of the box in pixels."""
        return self.box.height

    @property
    def width(self) -> int:
        """Width of the box in pixels."""
        return self.box.width


@dataclass(frozen=True)
class GlyphRows:
    """The glyphs of a picture, by row."""

    main: tuple[Glyph, ...]
    """The row with the heaviest component, from left to right; empty if there is no ink."""
    other: tuple[Glyph, ...]
    """Glyphs above or below the main row."""


def find_glyphs(parts: Components, mass: Floats64, shape: tuple[int, ...]) -> GlyphRows:
    """Group components into glyphs.

    Components that share columns form one digit, such as the bar of a 5 and its body. Small components join the nearest
    digit, because a stroke may be broken. Specks, frames and residue of lines are left out.

    Args:
        parts: Components of the whole picture, lines removed.
        mass: Mass of ink of each component, float64, shape (N,).
        shape: Height and width of the picture.
    """
    boxes = parts.boxes
    heights, _ = sides_of(boxes)
    weight = weigh_parts(parts, mass, shape)
    if not weight.max(initial=0) > 0:
        return GlyphRows((), ())
    usual = _weighted_median(heights, weight)
    is_tall = (heights >= GLYPHS.min_height * usual) & (heights <= GLYPHS.max_height * usual)
    is_tall &= weight >= GLYPHS.min_mass * weight.max()
    if not is_tall.any():
        return GlyphRows((), ())
    tall = np.flatnonzero(is_tall)
    in_row = _along_main_row(boxes, weight, tall, usual)
    row = _merge_columns(boxes, tall[in_row])
    row = _attach(boxes, weight, row, np.flatnonzero(~is_tall), usual)
    return GlyphRows(_to_glyphs(boxes, row), _to_glyphs(boxes, _merge_columns(boxes, tall[~in_row])))


def _weighted_median(values: Indices, weight: Floats64) -> float:
    order = np.argsort(values)
    middle = np.searchsorted(weight[order].cumsum(), weight.sum() / 2)
    return float(values[order[middle]])


def _along_main_row(boxes: Indices, weight: Floats64, tall: Indices, usual: float) -> Mask:
    """Mask of the tall components in the heaviest one's row. It compares neighbours in turn, because rows may lean."""
    columns, middles = ((boxes[tall, :2] + boxes[tall, 2:]) / 2).T
    in_row = np.zeros(len(tall), np.bool_)
    start = int(weight[tall].argmax())
    in_row[start] = True
    for side in (-1, 1):
        level = middles[start]
        beside = np.flatnonzero(side * (columns - columns[start]) > 0)
        for index in beside[np.argsort(side * columns[beside])]:
            if abs(middles[index] - level) <= GLYPHS.row_offset * usual:
                in_row[index], level = True, middles[index]
    return in_row


def _merge_columns(boxes: Indices, chosen: Indices) -> list[list[int]]:
    """Group components that share enough of the narrower one's columns; groups are ordered from left to right."""
    groups: list[list[int]] = []
    for index in chosen[np.argsort(boxes[chosen, 0])]:
        left, right = boxes[index, 0], boxes[index, 2]
        if groups:
            last = box_around(boxes[groups[-1]])
            if min(last.right, right) - left > GLYPHS.shared_columns * min(last.width, right - left):
                groups[-1].append(int(index))
                continue
        groups.append([int(index)])
    return groups


def _attach(boxes: Indices, weight: Floats64, groups: list[list[int]], small: Indices, usual: float) -> list[list[int]]:
    """Add every small component to the nearest digit, unless it is a speck, a long line or too far away."""
    around = np.array([box_around(boxes[group]) for group in groups])
    heights, widths = sides_of(boxes)
    small = small[np.maximum(heights, widths)[small] <= GLYPHS.max_small_side * usual]
    heaviest = max(weight[group].sum() for group in groups)
    attached = [list(group) for group in groups]
    for index in small:
        left, _, right, _ = boxes[index]
        gaps = np.hypot(*gaps_to(around, boxes[index]))
        shared = np.minimum(around[:, 2], right) - np.maximum(around[:, 0], left)
        nearest = int((gaps - GLYPHS.shared_bonus * np.maximum(shared, 0)).argmin())
        is_near = gaps[nearest] <= PICTURE_READING.ink.group_gap * usual
        is_small = max(heights[index], widths[index]) < GLYPHS.min_small_side * usual
        is_speck = is_small or weight[index] < GLYPHS.min_small_mass * heaviest
        if is_near and not is_speck:
            attached[nearest].append(int(index))
    return attached


def _to_glyphs(boxes: Indices, groups: list[list[int]]) -> tuple[Glyph, ...]:
    return tuple(Glyph(np.array(group, np.intp), box_around(boxes[group])) for group in groups)
