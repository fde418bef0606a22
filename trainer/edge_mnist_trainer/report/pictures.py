"""Choose the digits that a report page shows: misclassified images and training images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.augment.batches import distort
from edge_mnist_trainer.augment.settings import Augmentation

SAMPLES: Final = 12
"""Training images on the page: the first of each digit, and the second of some."""

VIEWS: Final = 5
"""Distorted views of each training image."""

GAP_PIXELS: Final = 2
"""Gap between the views of one image."""


@dataclass(frozen=True)
class Mistake:
    """A misclassified image."""

    index: int
    """Its position in the split, from 0."""
    label: int
    predicted: int
    predicted_probability: float
    """Probability of the predicted digit, in 0..1."""
    label_probability: float
    """Probability of the label, in 0..1."""


def find_mistakes(labels: npt.NDArray[np.uint8], probabilities: npt.NDArray[np.floating]) -> list[Mistake]:
    """Find all misclassified images, the most confident first.

    Args:
        labels: uint8, shape (N,).
        probabilities: Predictions, shape (N, 10).
    """
    found = probabilities.argmax(axis=1)
    mistakes = [
        Mistake(
            int(index),
            int(labels[index]),
            int(found[index]),
            float(probabilities[index, found[index]]),
            float(probabilities[index, labels[index]]),
        )
        for index in np.flatnonzero(found != labels)
    ]
    return sorted(mistakes, key=lambda mistake: -mistake.predicted_probability)


@dataclass(frozen=True)
class Sample:
    """A training image with distorted views."""

    label: int
    image: npt.NDArray[np.uint8]
    """Shape (28, 28, 1)."""
    views: npt.NDArray[np.uint8] | None
    """`VIEWS` distorted views in a column, grey and opacity, shape (H, 28, 2); None without distortions."""


def choose_samples(digits: LabelledDigits, augmentation: Augmentation | None, *, seed: int) -> list[Sample]:
    """Choose the first image of each digit, then the second of some.

    The first images of the split will not do, because a user's own digits may be sorted by label.

    Args:
        digits: The training split.
        augmentation: The distortions; None for none.
        seed: Seed of the distortions.
    """
    ranks = np.zeros(len(digits), np.intp)
    for digit in range(10):
        positions = np.flatnonzero(digits.labels == digit)
        ranks[positions] = np.arange(len(positions))
    chosen = np.lexsort((digits.labels, ranks))[:SAMPLES]
    rng = np.random.default_rng(seed)
    return [
        Sample(int(label), image, _distort(image, augmentation, rng) if augmentation else None)
        for image, label in zip(digits.images[chosen], digits.labels[chosen], strict=True)
    ]


def _distort(
    image: npt.NDArray[np.uint8], augmentation: Augmentation, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    views = distort(np.repeat(image[np.newaxis], VIEWS, axis=0), augmentation, rng)[..., 0]
    side = views.shape[1]
    strip = np.zeros((VIEWS * (side + GAP_PIXELS) - GAP_PIXELS, side, 2), np.uint8)
    for number, view in enumerate(views):
        top = number * (side + GAP_PIXELS)
        strip[top : top + side] = np.stack([view, np.full_like(view, 255)], axis=2)
    return strip
