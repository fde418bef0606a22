"""The tensor that every model of this project reads."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""Pixels, uint8, bright ink on black, 0..255; the shape is said where it is used."""

UINT8: Final = np.dtype(np.uint8)

TENSOR: Final = (-1, 28, 28, 1)
"""Shape of what the network reads."""

NO_TENSORS: Final = np.empty((0, 28, 28, 1), np.uint8)
"""What no pictures at all become."""

DARK: Final = 128
"""Corners of a tensor are below this; every MNIST training image has 0 in all of them."""
