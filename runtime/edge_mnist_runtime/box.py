"""Boxes: rectangles in a picture."""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

Sides: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom, as fractions of an upright picture's width and height, or in pixels."""


class Box(NamedTuple):
    """A rectangle of whole pixels; `right` and `bottom` are exclusive.

    `picture.crop(box)` crops a Pillow image, `array[box.slices]` an array of shape (H, W).

    Example:
        >>> box = Box(left=2, top=1, right=5, bottom=9)
        >>> box.width, box.height, box.long_side
        (3, 8, 8)
    """

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, left: float, top: float, right: float, bottom: float) -> Box:
        """The whole pixels that a rectangle touches, with a tolerance of a millionth of a pixel for rounding errors."""
        near, far = (left + 1e-6, top + 1e-6), (right - 1e-6, bottom - 1e-6)
        return cls(*map(math.floor, near), *map(math.ceil, far))

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.bottom - self.top

    @property
    def long_side(self) -> int:
        """The longer of width and height, in pixels."""
        return max(self.width, self.height)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the same pixels in an array, shape (H, W)."""
        return slice(self.top, self.bottom), slice(self.left, self.right)
