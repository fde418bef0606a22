"""Images that golden vectors show: the project draws them, so that they may be shipped."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import ndimage

from edge_mnist_runtime.tensor import Pixels
from edge_mnist_trainer.augment.strokes import draw_digits

GOLDEN_SEED: Final = 2026

GOLDEN_PATTERNS: Final = 40
"""Patterns for a model that reads no digits."""


def draw_golden_digits(digits_each: int) -> tuple[Pixels, Pixels]:
    """Digits, uint8, shape (10 * digits_each, 28, 28, 1), and their labels, uint8, shape (10 * digits_each,)."""
    return draw_digits(digits_each, seed=GOLDEN_SEED)


def draw_patterns(image_shape: tuple[int, int, int], count: int = GOLDEN_PATTERNS) -> Pixels:
    """Soft random blots, uint8, shape (N, H, W, C), that use the whole range: images of nothing and of nobody."""
    height, width, channels = image_shape
    rng = np.random.default_rng(GOLDEN_SEED)
    patterns = np.empty((count, height, width, channels), np.uint8)
    for index, channel in np.ndindex(count, channels):
        blots = ndimage.zoom(rng.random((6, 6)), (height / 6, width / 6), order=1)[:height, :width]
        padded = np.pad(blots, [(0, height - blots.shape[0]), (0, width - blots.shape[1])], mode="edge")
        spread = (padded - padded.min()) / max(np.ptp(padded), 1e-9)
        patterns[index, ..., channel] = np.rint(255 * spread)
    return patterns
