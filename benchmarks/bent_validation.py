"""Validation images bent as in training: they rank networks that the plain ones no longer tell apart.

    python -m benchmarks.bent_validation NAME=MODEL.keras ...     writes docs/results/bent-validation.md

Every good network misreads the same two dozen of the 5,000 validation images, whose labels are in doubt. Bent eight
times each, at random but always alike, they leave a few hundred mistakes to count.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.augment.batches import distort
from edge_mnist_trainer.data.sources import load_digit_set
from edge_mnist_trainer.networks.architectures import find_architecture
from edge_mnist_trainer.networks.keras_file import load_keras

VIEWS, SEED = 8, 77
PAGE = Path(__file__).parents[1] / "docs" / "results" / "bent-validation.md"
HEAD = """# Bent validation images

Written by `benchmarks/bent_validation.py`: the 5,000 validation images, plain, and bent eight times each by the
distortions that `edge` is trained with, and by half of these. Keras, float. Loss: cross-entropy. No test image was
read.

| network | parameters | plain error | plain loss | half bent error | half bent loss | bent error | bent loss |
|---|---|---|---|---|---|---|---|
"""


def bend(validation: LabelledDigits) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Images in [0, 1] and their labels: plain, half bent, bent."""
    yield validation.images / np.float32(255), validation.labels
    augmentation = find_architecture("edge").config.augmentation
    assert augmentation is not None
    for strength in (0.5, 1.0):
        rng, weakened = np.random.default_rng(SEED), augmentation.weakened(strength)
        bent = np.concatenate([distort(validation.images, weakened, rng) for _ in range(VIEWS)])
        yield bent / np.float32(255), np.tile(validation.labels, VIEWS)


def judge(model: Any, images: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[float, float]:
    """A network's part of mistakes, 0..1, and its cross-entropy in nats."""
    found = model.predict(images, batch_size=1000, verbose=0)
    right = found[np.arange(len(labels)), labels]
    return float(np.mean(found.argmax(1) != labels)), float(-np.log(np.maximum(right, 1e-9)).mean())


def main() -> None:
    """Measure every network, write the page."""
    sets = list(bend(load_digit_set().validation))
    rows = []
    for argument in sys.argv[1:]:
        name, _, path = argument.partition("=")
        model = load_keras(Path(path))
        cells = [f"`{name}`", f"{model.count_params():,}"]
        for error, loss in (judge(model, *digits) for digits in sets):
            cells += [f"{error:.2%}", f"{loss:.4f}"]
        rows.append(f"| {' | '.join(cells)} |")
    PAGE.write_text(HEAD + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
