"""Shape and dtype of the tensor that every model of this project reads."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
"""Grey levels, uint8, 0..255, bright ink on black; each use states the shape."""

UINT8: Final = np.dtype(np.uint8)

TENSOR: Final = (-1, 28, 28, 1)
"""Shape of a batch that the network reads, for `reshape`."""

NO_TENSORS: Final = np.empty((0, 28, 28, 1), np.uint8)
"""An empty batch."""

DARK: Final = 128
"""The corners of a tensor are below this level. Every MNIST training image has 0 in all four."""
