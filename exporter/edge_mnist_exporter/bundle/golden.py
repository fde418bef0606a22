"""Write golden.npz: digits drawn by the project, and the predictions of every file of the bundle for them.

A device replays them (`edge-mnist verify`) to prove that its copy, engine and processor give the same predictions.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Final

import numpy as np
from scipy import ndimage

from edge_mnist_runtime.contract import ModelContract
from edge_mnist_runtime.engines import Engine
from edge_mnist_runtime.tensor import Pixels
from edge_mnist_trainer.augment.strokes import draw_digits

GOLDEN_DIGITS_EACH: Final = 4
GOLDEN_SEED: Final = 2026

GOLDEN_PATTERNS: Final = 40
"""Number of patterns for a model that does not read digits."""


def make_golden_vectors(engines: Mapping[str, Engine], contract: ModelContract) -> bytes:
    """Make the bytes of golden.npz.

    Args:
        engines: The loaded files of the bundle, by name.
        contract: Their common contract, which decides between digits and random patterns.

    Returns:
        An .npz with `images`, uint8, (N, H, W, C); for digits also `labels`, uint8, (N,); and for each file
        `probabilities/FILE`, float32, (N, K). The same inputs give the same bytes.
    """
    if contract.reads_digits:
        images, labels = draw_digits(GOLDEN_DIGITS_EACH, seed=GOLDEN_SEED)
        named = {"images": images, "labels": labels}
    else:
        images = draw_patterns(contract.image_shape)
        named = {"images": images}
    predictions = {f"probabilities/{file}": engine.run(images) for file, engine in engines.items()}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **named, **predictions)
    return buffer.getvalue()


def draw_patterns(image_shape: tuple[int, int, int]) -> Pixels:
    """Draw smooth random patterns over the whole range 0..255, uint8, shape (N, H, W, C)."""
    height, width, channels = image_shape
    rng = np.random.default_rng(GOLDEN_SEED)
    patterns = np.empty((GOLDEN_PATTERNS, height, width, channels), np.uint8)
    for index, channel in np.ndindex(GOLDEN_PATTERNS, channels):
        blots = ndimage.zoom(rng.random((6, 6)), (height / 6, width / 6), order=1)[:height, :width]
        padded = np.pad(blots, [(0, height - blots.shape[0]), (0, width - blots.shape[1])], mode="edge")
        spread = (padded - padded.min()) / max(np.ptp(padded), 1e-9)
        patterns[index, ..., channel] = np.rint(255 * spread)
    return patterns
