"""golden.npz: digits that the project draws itself, and what every file of the bundle answers to them.

A device replays them (`edge-mnist verify`) to prove that its copy, engine and processor still give those answers.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Final

import numpy as np

from edge_mnist_runtime.engines import Engine
from edge_mnist_trainer.strokes import draw_digits

GOLDEN_DIGITS_EACH: Final = 4
GOLDEN_SEED: Final = 2026


def make_golden_vectors(engines: Mapping[str, Engine]) -> bytes:
    """The bytes of golden.npz.

    Args:
        engines: The bundle's files by name, loaded.

    Returns:
        An .npz with `images`, uint8, (N, 28, 28, 1); `labels`, uint8, (N,); and for each file `probabilities/FILE`,
        float32, (N, 10). The same inputs give the same bytes.
    """
    images, labels = draw_digits(GOLDEN_DIGITS_EACH, seed=GOLDEN_SEED)
    answers = {f"probabilities/{file}": engine.run(images) for file, engine in engines.items()}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, images=images, labels=labels, **answers)
    return buffer.getvalue()
