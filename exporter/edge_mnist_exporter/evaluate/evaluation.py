"""Measure a model's accuracy and calibration, and compare a file with Keras on the same images.

N is the number of evaluation images, K the number of classes. An answer is the class with the highest probability.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_exporter.evaluate.paired_proportions import difference_interval, mcnemar_exact_p

Probabilities = npt.NDArray[np.float32]
"""float32, shape (N, K)."""

Labels = npt.NDArray[np.unsignedinteger]
"""Classes 0..K-1, uint8, shape (N,)."""

CALIBRATION_BINS: Final = 15
"""Number of bins of the expected calibration error, as in its paper."""


@dataclass(frozen=True)
class ModelFigures:
    """Accuracy and calibration of one model."""

    top1: float
    """Accuracy, in 0..1."""
    expected_calibration_error: float
    """Mean difference between confidence and accuracy, in 0..1; see `measure_calibration_error`."""
    per_class_top1: tuple[float | None, ...]
    """Accuracy on each class, by label, in 0..1; None for a class without images."""


@dataclass(frozen=True)
class Flip:
    """An image for which a file gives another answer than Keras. Classes are numbers 0..K-1."""

    index: int
    """Its position among the evaluation images, from 0."""
    label: int
    reference_answer: int
    answer: int
    reference_probability: float
    """Probability that Keras gives its own answer, in 0..1."""
    probability: float
    """Probability that the file gives its own answer, in 0..1."""


@dataclass(frozen=True)
class Comparison(ModelFigures):
    """Figures of one file, and its differences from Keras."""

    delta_points: float
    """Top-1 of the file minus that of Keras, in percentage points; negative if the file is worse."""
    delta_interval_points: tuple[float, float]
    """95 % confidence interval of the difference; see `paired_proportions.difference_interval`."""
    mcnemar_p: float
    """Exact p-value of the hypothesis that both are equally good; see `paired_proportions.mcnemar_exact_p`."""
    lost: int
    """Number of images that only Keras reads correctly."""
    gained: int
    """Number of images that only the file reads correctly."""
    agreement: float
    """Fraction of the images on which both give the same answer, right or wrong, in 0..1."""
    max_abs_probability_diff: float
    """Largest difference of any probability on any image, in 0..1."""
    flips: tuple[Flip, ...]
    """All images on which the answers differ, in the order of the images."""


def measure_top1(probabilities: Probabilities, labels: Labels) -> float:
    """Accuracy: the fraction of images whose most probable class is the label, in 0..1."""
    return float(np.mean(probabilities.argmax(1) == labels))


def measure_calibration_error(probabilities: Probabilities, labels: Labels) -> float:
    """Measure the expected calibration error, in 0..1.

    It is 0 if the model is right on, for example, 80 % of the images with a confidence of 80 %. Guo, Pleiss, Sun and
    Weinberger, "On Calibration of Modern Neural Networks" (ICML 2017): the images are grouped by their highest
    probability into equal bins ((m-1)/15, m/15]. The error is the mean of |accuracy - mean probability| over the bins,
    weighted by their number of images.
    """
    confidence = probabilities.max(1).astype(np.float64)
    right = (probabilities.argmax(1) == labels).astype(np.float64)
    bins = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    excess = np.bincount(bins, weights=right - confidence)
    return float(np.abs(excess).sum() / len(labels))


def measure_model(probabilities: Probabilities, labels: Labels) -> ModelFigures:
    """Measure the accuracy and calibration of one model."""
    right = probabilities.argmax(1) == labels
    by_class = [right[labels == label] for label in range(probabilities.shape[1])]
    return ModelFigures(
        top1=measure_top1(probabilities, labels),
        expected_calibration_error=measure_calibration_error(probabilities, labels),
        per_class_top1=tuple(float(np.mean(part)) if len(part) else None for part in by_class),
    )


def compare(found: Probabilities, reference: Probabilities, labels: Labels) -> Comparison:
    """Compare a file's probabilities with Keras's."""
    answers, reference_answers = found.argmax(1), reference.argmax(1)
    right, reference_right = answers == labels, reference_answers == labels
    lost, gained = int(np.sum(reference_right & ~right)), int(np.sum(right & ~reference_right))
    n_images = len(labels)
    low, high = difference_interval(lost, gained, n_images)
    return Comparison(
        **vars(measure_model(found, labels)),
        delta_points=100 * (gained - lost) / n_images,
        delta_interval_points=(100 * low, 100 * high),
        mcnemar_p=mcnemar_exact_p(lost, gained),
        lost=lost,
        gained=gained,
        agreement=float(np.mean(answers == reference_answers)),
        max_abs_probability_diff=float(np.abs(found - reference).max()),
        flips=_find_flips(found, reference, labels),
    )


def _find_flips(found: Probabilities, reference: Probabilities, labels: Labels) -> tuple[Flip, ...]:
    answers, reference_answers = found.argmax(1), reference.argmax(1)
    return tuple(
        Flip(
            index=index,
            label=int(labels[index]),
            reference_answer=int(reference_answers[index]),
            answer=int(answers[index]),
            reference_probability=float(reference[index].max()),
            probability=float(found[index].max()),
        )
        for index in map(int, np.flatnonzero(answers != reference_answers))
    )
