"""Compare networks on distorted validation images: writes docs/results/distorted-validation.md.

    python -m benchmarks.distorted_validation NAME=MODEL.keras ...

Plain validation images do not rank good networks: all misread about the same two dozen of the 5,000, whose labels are
doubtful. Each image is therefore also distorted eight times as in training, with a fixed seed. That leaves a few
hundred mistakes to count.
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

N_VIEWS, SEED = 8, 77
PAGE = Path(__file__).parents[1] / "docs" / "results" / "distorted-validation.md"
HEAD = """# Error on distorted validation images

Written by `benchmarks/distorted_validation.py`, with float Keras models. No test image was read.

| column | images |
|---|---|
| plain | MNIST's 5,000 validation images |
| strength 1 | each of them distorted eight times, as in the training of `edge` |
| strength 0.5 | likewise, distorted half as much |

The loss is the cross-entropy in nats.

| network | parameters | plain error | plain loss | strength 0.5 error | loss | strength 1 error | loss |
|---|---|---|---|---|---|---|---|
"""


def distort_validation(validation: LabelledDigits) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Yield images, 0..1, with their labels: plain, then distorted at strength 0.5, then at strength 1."""
    yield validation.images / np.float32(255), validation.labels
    augmentation = find_architecture("edge").config.augmentation
    assert augmentation is not None
    for strength in (0.5, 1.0):
        rng, weakened = np.random.default_rng(SEED), augmentation.weakened(strength)
        distorted = np.concatenate([distort(validation.images, weakened, rng) for _ in range(N_VIEWS)])
        yield distorted / np.float32(255), np.tile(validation.labels, N_VIEWS)


def evaluate(model: Any, images: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[float, float]:
    """Return a network's error rate, 0..1, and its cross-entropy in nats."""
    found = model.predict(images, batch_size=1000, verbose=0)
    right = found[np.arange(len(labels)), labels]
    return float(np.mean(found.argmax(1) != labels)), float(-np.log(np.maximum(right, 1e-9)).mean())


def main() -> None:
    """Evaluate the networks of the command line and write the page."""
    sets = list(distort_validation(load_digit_set().validation))
    rows = []
    for argument in sys.argv[1:]:
        name, _, path = argument.partition("=")
        model = load_keras(Path(path))
        cells = [f"`{name}`", f"{model.count_params():,}"]
        for error, loss in (evaluate(model, *digits) for digits in sets):
            cells += [f"{error:.2%}", f"{loss:.4f}"]
        rows.append(f"| {' | '.join(cells)} |")
    PAGE.write_text(HEAD + "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
