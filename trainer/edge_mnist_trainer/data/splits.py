"""Three splits, never mixed: training and validation cut from MNIST's 60,000 images, and the 10,000 test images.

The cut is a rule, not a draw, so it is the same for every seed, machine and NumPy version. Validation is five blocks of
1,000 consecutive images, not single images spread evenly: MNIST keeps a writer's digits close together (the nearest
neighbour of an image, by pixels, stands within 200 places of it 12 % of the time, where chance would give 0.7 %), so
single images would be judged by a network that has seen the same hands.

Digits of the user's own are cut label by label, in file order, for the same reason.
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
"""Of this many consecutive images..."""

VALIDATION_BLOCK: Final = 1_000
"""...the last so many are validation images."""

OWN_VALIDATION_DIVISOR: Final = 10
"""Of the images of each label, the last part in so many are validation images, where digits are the user's own."""


def is_validation(n_images: int) -> npt.NDArray[np.bool_]:
    """Which of the first `n_images` training-half images belong to validation; bool, shape (n_images,)."""
    return np.arange(n_images) % VALIDATION_PERIOD >= VALIDATION_PERIOD - VALIDATION_BLOCK


def split_train_validation(digits: LabelledDigits) -> tuple[LabelledDigits, LabelledDigits]:
    """Cut the training half into training and validation images."""
    held_out = is_validation(len(digits))
    return digits.take(np.flatnonzero(~held_out), "train"), digits.take(np.flatnonzero(held_out), "validation")


def split_each_label(
    digits: LabelledDigits, names: Sequence[str] | None = None
) -> tuple[LabelledDigits, LabelledDigits]:
    """Cut digits of the user's own: the last tenth of each label's images, at least one, goes to validation.

    Files that stand side by side tend to share a writer, so the cut leaves them together.

    Args:
        digits: All of them.
        names: Of the labels, for messages, where they are no digits.

    Raises:
        DataError: A label has a single image.
    """
    held_out = np.zeros(len(digits), np.bool_)
    for label in np.unique(digits.labels):
        of_label = np.flatnonzero(digits.labels == label)
        if len(of_label) < 2:
            name = names[label] if names else f"digit {label}"
            raise DataError(
                f"{digits.name}: a single image of {name}; add more, it takes two: "
                "one to train on, one to validate with"
            )
        held_out[of_label[-max(1, len(of_label) // OWN_VALIDATION_DIVISOR) :]] = True
    return digits.take(np.flatnonzero(~held_out), "train"), digits.take(np.flatnonzero(held_out), "validation")


def indices_sha256(indices: npt.NDArray[np.integer]) -> str:
    """SHA-256 of the indices as little-endian int64: what a report carries to prove which images were used."""
    return hashlib.sha256(indices.astype("<i8").tobytes()).hexdigest()
