"""Split MNIST's 60,000 training images, or the user's own digits, into training and validation.

The split is a fixed rule, the same for every seed, machine and NumPy version. Validation is five blocks of 1,000
consecutive images, not single images spread evenly, because MNIST keeps a writer's digits close together. The nearest
neighbour of an image, by pixels, is within 200 positions of it in 12 % of cases; chance would give 0.7 %. A network
validated on single images would have trained on the same writers.

The user's own digits are split label by label, in file order, for the same reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.errors import DataError

VALIDATION_PERIOD: Final = 12_000
"""Of so many consecutive images, ..."""

VALIDATION_BLOCK: Final = 1_000
"""... the last so many are validation images."""

OWN_VALIDATION_DIVISOR: Final = 10
"""Own digits: the last 1/10 of the images of each label are validation images."""


def is_validation(n_images: int) -> npt.NDArray[np.bool_]:
    """Which of MNIST's first `n_images` training images belong to validation; bool, shape (n_images,)."""
    return np.arange(n_images) % VALIDATION_PERIOD >= VALIDATION_PERIOD - VALIDATION_BLOCK


def split_train_validation(digits: LabelledDigits) -> tuple[LabelledDigits, LabelledDigits]:
    """Split MNIST's training half into training and validation images."""
    held_out = is_validation(len(digits))
    return digits.take(np.flatnonzero(~held_out), "train"), digits.take(np.flatnonzero(held_out), "validation")


def split_each_label(
    digits: LabelledDigits, names: Sequence[str] | None = None
) -> tuple[LabelledDigits, LabelledDigits]:
    """Split the user's own digits: the last tenth of each label's images, at least one, is for validation.

    Neighbouring files often share a writer, so they stay together.

    Args:
        digits: All images.
        names: Names of the labels for messages, if they are not digits.

    Raises:
        DataError: A label has a single image.
    """
    held_out = np.zeros(len(digits), np.bool_)
    for label in np.unique(digits.labels):
        of_label = np.flatnonzero(digits.labels == label)
        if len(of_label) < 2:
            name = names[label] if names else f"digit {label}"
            raise DataError(
                f"{digits.name}: a single image of {name}; add more, at least two are needed: "
                "one to train on, one to validate with"
            )
        held_out[of_label[-max(1, len(of_label) // OWN_VALIDATION_DIVISOR) :]] = True
    return digits.take(np.flatnonzero(~held_out), "train"), digits.take(np.flatnonzero(held_out), "validation")


def indices_sha256(indices: npt.NDArray[np.integer]) -> str:
    """SHA-256 of indices as little-endian int64. A report contains it to prove which images were used."""
    return hashlib.sha256(indices.astype("<i8").tobytes()).hexdigest()
