"""What a file's answers are worth beside Keras's, on the same images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float32]
"""float32, shape (N, 10); N is the number of evaluation images."""


@dataclass(frozen=True)
class Comparison:
    """One file against Keras."""

    top1: float
    """Part of the images that the file reads right, in 0..1."""
    delta_points: float
    """The file's top-1 less Keras's, in percentage points: negative is a loss."""
    agreement: float
    """Part of the images on which both give the same digit, right or wrong, in 0..1."""
    max_abs_probability_diff: float
    """Largest difference of any probability on any image, in 0..1."""


def measure_top1(probabilities: Probabilities, labels: npt.NDArray[np.uint8]) -> float:
    """Part of the images whose most probable digit is the label, in 0..1."""
    return float(np.mean(probabilities.argmax(1) == labels))


def compare(found: Probabilities, reference: Probabilities, labels: npt.NDArray[np.uint8]) -> Comparison:
    """Compare a file's probabilities with Keras's; `labels` is uint8, shape (N,)."""
    found_top1 = measure_top1(found, labels)
    return Comparison(
        top1=found_top1,
        delta_points=100 * (found_top1 - measure_top1(reference, labels)),
        agreement=float(np.mean(found.argmax(1) == reference.argmax(1))),
        max_abs_probability_diff=float(np.abs(found - reference).max()),
    )
