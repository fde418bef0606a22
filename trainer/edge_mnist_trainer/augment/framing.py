"""Shrink ink into a frame of 28 x 28, as programs do that do not look for the digit."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

from edge_mnist_runtime.preprocess import PREPROCESS
from edge_mnist_runtime.tensor import Pixels

SIDE: Final = PREPROCESS.side_pixels

FILTERS: Final = ("BOX", "BILINEAR", "HAMMING", "BICUBIC", "LANCZOS")
"""Pillow's filters that weigh every pixel when they shrink a picture."""

USUAL_PIXELS: Final = (21.0, 5.0)
"""Mean and standard deviation of the ink's long side in the frame."""

LEAST_PIXELS: Final = 11.0
"""Minimum of that side, in pixels."""

MIN_PEAK: Final = 60
"""Minimum of the brightest grey level: a shrunk hairline is grey."""

FAINTEST: Final = 12
"""Drawings that are nowhere brighter than this grey level are lost."""


def put_in_frame(
    ink: Pixels,
    rng: np.random.Generator,
    *,
    tallest: float = 29.0,
    kernel: str | None = None,
    long_side: float | None = None,
) -> Pixels | None:
    """Shrink ink into a frame: anywhere, at any size, faint where its strokes are thinner than a pixel.

    Args:
        ink: uint8, shape (H, W), bright ink on black.
        rng: Draws place, size and brightness.
        tallest: Greatest long side of the ink, in pixels of the frame. Above 28 the frame cuts it.
        kernel: One of Pillow's resampling filters by name; one of `FILTERS` if None.
        long_side: Of the ink in the frame, in pixels; drawn if None.

    Returns:
        uint8, shape (28, 28); None where nothing of the ink was left.
    """
    rows, columns = np.flatnonzero((ink > 16).any(1)), np.flatnonzero((ink > 16).any(0))
    if not len(rows):
        return None
    top, left = float(rows[0]), float(columns[0])
    height, width = float(rows[-1] + 1 - rows[0]), float(columns[-1] + 1 - columns[0])
    pixels = long_side or float(np.clip(rng.normal(*USUAL_PIXELS), LEAST_PIXELS, tallest))
    scale = max(height, width) / pixels  # pixels of the ink for one of the frame
    free = SIDE - np.array([height, width]) / scale
    if rng.random() < 0.6:  # near the middle
        corner = free / 2 + rng.normal(0, 1.5, 2)
    else:  # anywhere inside
        corner = rng.uniform(0, 1, 2) * np.maximum(free, 0) + np.minimum(free, 0) / 2
    if kernel == "NEAREST":
        corner = np.rint(corner)
    start = (int(np.floor(left - corner[1] * scale)) - 1, int(np.floor(top - corner[0] * scale)) - 1)
    side = int(np.ceil(SIDE * scale)) + 3
    canvas = Image.fromarray(ink).crop((start[0], start[1], start[0] + side, start[1] + side))  # black beyond the ink
    x, y = left - corner[1] * scale - start[0], top - corner[0] * scale - start[1]
    resampling = Image.Resampling[kernel or FILTERS[rng.integers(len(FILTERS))]]
    small = np.asarray(canvas.resize((SIDE, SIDE), resampling, box=(x, y, x + SIDE * scale, y + SIDE * scale)))
    return _brighten(small, rng)


def _brighten(pixels: Pixels, rng: np.random.Generator) -> Pixels | None:
    """Keep the brightness, or stretch it to white, because programs do either."""
    peak = int(pixels.max())
    if peak < FAINTEST:
        return None
    if peak >= MIN_PEAK and rng.random() < 0.6:
        return pixels
    top = 255 if rng.random() < 0.5 else max(MIN_PEAK, peak)
    stretched: Pixels = np.clip(np.rint(pixels * (top / peak)), 0, 255).astype(np.uint8)
    return stretched
