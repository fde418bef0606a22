"""Find a sheet of paper, a screen or a sticker that stands out from what it lies on: the digit is inside it."""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_mnist_runtime.box import Box, Sides
from edge_mnist_runtime.preprocess import mask_box
from edge_mnist_runtime.reading.components import Mask
from edge_mnist_runtime.reading.filters import edges_of
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.tensor import Pixels

SHEETS: Final = PICTURE_READING.sheets


def find_inside(ink: Pixels, sides: Sides) -> Sides | None:
    """Find the part of a picture that is inside a sheet which was taken for ink.

    Args:
        ink: The crop that was found, bright on 0, uint8, shape (H, W), with any margin.
        sides: Where its ink lies in the picture.

    Returns:
        Where the sheet lies, without its edges; None if the ink is no sheet.
    """
    mask = ink > SHEETS.ink_level
    left, top, right, bottom = sides
    inside = find_sheet(mask, (right - left) * (bottom - top))
    if inside is None:
        return None
    around = mask_box(mask)
    across, down = (right - left) / around.width, (bottom - top) / around.height
    return (
        left + (inside.left - around.left) * across,
        top + (inside.top - around.top) * down,
        left + (inside.right - around.left) * across,
        top + (inside.bottom - around.top) * down,
    )


def find_sheet(mask: Mask, picture_fraction: float) -> Box | None:
    """Find the part of a picture that is surely inside a sheet, if that is what was found as ink.

    A sheet is large and fills its box, but for the digit and for the corners that it leaves free where it is turned.

    Args:
        mask: What was found as ink, bool, shape (H, W).
        picture_fraction: The part of the whole picture that the box around it covers, 0..1.

    Returns:
        The box inside, in pixels of the mask; None if the ink is no sheet.
    """
    if picture_fraction < SHEETS.min_area:
        return None
    box = mask_box(mask)
    own = mask[box.slices]
    if min(box.width, box.height) < SHEETS.min_shape * box.long_side or own.mean() < SHEETS.min_fill:
        return None
    if min(_spanned(own), _spanned(own.T)) < SHEETS.min_span and not _is_quadrangle(own):
        return None
    for margin in SHEETS.margins:
        inside = _shrunk(box, margin)
        own = mask[inside.slices]
        has_corners = own[[0, 0, -1, -1], [0, -1, 0, -1]].all()
        if has_corners and edges_of(own).mean() >= SHEETS.min_edge:
            return inside
    return None


def _spanned(mask: Mask) -> float:
    """The fraction of a mask, shape (H, W), between the first and the last pixel of each row."""
    first, last = mask.argmax(1), mask.shape[1] - mask[:, ::-1].argmax(1)
    return float((last - first)[mask.any(1)].sum() / mask.size)


def _is_quadrangle(mask: Mask) -> bool:
    """Whether the quadrangle between the points where a mask touches its four sides covers it, as of a turned sheet."""
    height, width = mask.shape
    top, bottom, left, right = (float(np.flatnonzero(edge).mean()) for edge in (*mask[[0, -1]], *mask.T[[0, -1]]))
    # The diagonals join top and bottom, left and right. The area is half of their cross product.
    area = abs((bottom - top) * (right - left) - width * height) / 2
    return bool(area >= SHEETS.min_quadrangle * _spanned(mask) * mask.size)


def _shrunk(box: Box, margin: float) -> Box:
    """A box without a margin on each side, a fraction of its width or height."""
    across, down = round(margin * box.width), round(margin * box.height)
    return Box(box.left + across, box.top + down, box.right - across, box.bottom - down)
