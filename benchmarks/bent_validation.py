"""Validation images bent as in training: they rank networks that the plain ones no longer tell apart.

    python benchmarks/bent_validation.py NAME=MODEL.keras ...     writes docs/results/bent-validation.md

Every good network misreads the same two dozen of the 5,000 validation images, whose labels are in doubt. Bent eight
times each, at random but always alike, they leave a few hundred mistakes to count.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from edge_mnist_trainer.architectures import find_architecture
from edge_mnist_trainer.batches import distort
from edge_mnist_trainer.keras_file import load_keras
from edge_mnist_trainer.sources import load_digit_set

VIEWS, SEED = 8, 77
PAGE = Path(__file__).parents[1] / "docs" / "results" / "bent-validation.md"
HEAD = """# Bent validation images

Written by `benchmarks/bent_validation.py`: the 5,000 validation images, plain, and bent eight times each by the
distortions that `edge` is trained with, and by half of these. Keras, float. Loss: cross-entropy. No test image was
read.

| network | parameters | plain error | plain loss | half bent error | half bent loss | bent error | bent loss |
|---|---|---|---|---|---|---|---|
"""


def main() -> None:
    """Measure every network, write the page."""
    validation = load_digit_set().validation
    augmentation = find_architecture("edge").config.augmentation
    assert augmentation is not None
    sets = [(validation.images, validation.labels)]
    for strength in (0.5, 1.0):
        rng, weakened = np.random.default_rng(SEED), augmentation.weakened(strength)
        bent = np.concatenate([distort(validation.images, weakened, rng) for _ in range(VIEWS)])
        sets.append((bent, np.tile(validation.labels, VIEWS)))
    rows = []
    for argument in sys.argv[1:]:
        name, _, path = argument.partition("=")
        model = load_keras(Path(path))
        cells = [f"`{name}`", f"{model.count_params():,}"]
        for images, labels in sets:
            found = model.predict(images / np.float32(255), batch_size=1000, verbose=0)
            right = found[np.arange(len(labels)), labels]
            cells += [f"{np.mean(found.argmax(1) != labels):.2%}", f"{-np.log(np.maximum(right, 1e-9)).mean():.4f}"]
        rows.append(f"| {' | '.join(cells)} |")
    PAGE.write_text(HEAD + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
