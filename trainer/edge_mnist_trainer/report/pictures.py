"""Digits as a report shows them: what was read wrong, and what training images look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.augment.batches import distort
from edge_mnist_trainer.augment.settings import Augmentation

SAMPLES: Final = 12
"""Training images that are shown: of each digit the first, and the second of some."""

VIEWS: Final = 5
"""Distorted views of each of them."""

GAP_PIXELS: Final = 2
"""Between the views of one image."""


@dataclass(frozen=True)
class Mistake:
    """An image that was read wrong."""

    index: int
    """Its place in the split, from 0."""
    label: int
    answer: int
    answer_probability: float
    """What the network gave the answer, in 0..1."""
    label_probability: float
    """What it gave the label, in 0..1."""


def find_mistakes(labels: npt.NDArray[np.uint8], probabilities: npt.NDArray[np.floating]) -> list[Mistake]:
    """Every image that was read wrong, the most confident wrong answer first.

    Args:
        labels: uint8, shape (N,).
        probabilities: Of each digit, shape (N, 10).
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
    return sorted(mistakes, key=lambda mistake: -mistake.answer_probability)


@dataclass(frozen=True)
class Sample:
    """A training image, and how training distorts it."""

    label: int
    image: npt.NDArray[np.uint8]
    """Shape (28, 28, 1)."""
    views: npt.NDArray[np.uint8] | None
    """`VIEWS` distorted views below each other, grey and opacity, shape (H, 28, 2); None if nothing is distorted."""


def choose_samples(digits: LabelledDigits, augmentation: Augmentation | None, *, seed: int) -> list[Sample]:
    """The first image of each digit, then the second of some: a user's own digits may come sorted.

    Args:
        digits: The training split.
        augmentation: How they are distorted; None if they are not.
        seed: Decides the distortions.
    """
    turns = np.zeros(len(digits), np.intp)
    for digit in range(10):
        places = np.flatnonzero(digits.labels == digit)
        turns[places] = np.arange(len(places))
    chosen = np.lexsort((digits.labels, turns))[:SAMPLES]
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
