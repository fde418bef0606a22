"""Shape and dtype of the tensor that every model of this project reads, and how a tensor is recognised."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""Grey levels, uint8, 0..255, bright ink on black; each use states the shape."""

UINT8: Final = np.dtype(np.uint8)

TENSOR: Final = (-1, 28, 28, 1)
"""Shape of a batch that the network reads, for `reshape`."""

IMAGE_SHAPES: Final = ((28, 28), (28, 28, 1), (784,))
"""Shapes of an array that is one image, alone or as an item of a batch."""

TENSOR_SHAPES: Final = (*IMAGE_SHAPES, (1, 28, 28), (1, 28, 28, 1))
"""Shapes of an array that may be an unchanged tensor: one image, also as a batch of one."""

NO_TENSORS: Final = np.empty((0, 28, 28, 1), np.uint8)
"""An empty batch."""

MNIST_ROWS: Final = range(19, 22)
"""Number of rows between the first and the last ink of a digit that is as tall as MNIST's 20 pixels, or one off."""

MNIST_MIDDLE: Final = range(23, 34)
"""Sum of the first row of ink and the first row below it, for a digit in the middle: 28, or up to 2.5 pixels off."""

DARK: Final = 128
"""The corners of a tensor are below this grey level, the middle of 0..255. Every MNIST training image has 0 in all
four."""


def has_dark_corners(levels: bytes) -> bool:
    """Whether 784 grey levels can be a tensor, bright ink on black: all four corners are below `DARK`."""
    return levels[0] < DARK > levels[27] and levels[756] < DARK > levels[783]


def count_lit_border(levels: bytes) -> int:
    """How many of the 108 border pixels of 784 grey levels are not black."""
    border = levels[:28] + levels[756:] + levels[28:756:28] + levels[55:756:28]
    return len(border) - border.count(0)


def fills_height_as_in_mnist(levels: bytes) -> bool:
    """Whether the ink in 784 grey levels is as tall as MNIST's digits, and lies in the middle; true of most digits."""
    top = (784 - len(levels.lstrip(b"\0"))) // 28
    bottom = (len(levels.rstrip(b"\0")) + 27) // 28
    return bottom - top in MNIST_ROWS and top + bottom in MNIST_MIDDLE
