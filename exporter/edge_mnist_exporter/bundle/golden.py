"""Write golden.npz: digits drawn by the project, and the predictions of every file of the bundle for them.

A device replays them (`edge-mnist verify`) to prove that its copy, engine and processor give the same predictions.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Final

import numpy as np

from edge_mnist_exporter.golden_images import draw_golden_digits, draw_patterns
from edge_mnist_runtime.contract import ModelContract
from edge_mnist_runtime.engines import Engine

GOLDEN_DIGITS_EACH: Final = 4


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
        images, labels = draw_golden_digits(GOLDEN_DIGITS_EACH)
        named = {"images": images, "labels": labels}
    else:
        images = draw_patterns(contract.image_shape)
        named = {"images": images}
    predictions = {f"probabilities/{file}": engine.run(images) for file, engine in engines.items()}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **named, **predictions)
    return buffer.getvalue()
