"""Choose a confidence threshold below which predictions are rejected, on validation images.

The confidence is the highest softmax probability (Hendrycks and Gimpel, "A Baseline for Detecting Misclassified and
Out-of-Distribution Examples in Neural Networks", ICLR 2017).
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.acceptance import accept_predictions
from edge_mnist_runtime.tensor import Pixels
from edge_mnist_trainer.augment.fonts import FontSplit
from edge_mnist_trainer.augment.negatives import KINDS, draw_no_digits
from edge_mnist_trainer.evaluate.robustness import Predict
from edge_mnist_trainer.run_record import Acceptance

MAX_REJECTED_FRACTION: Final = 0.0025
"""Largest fraction of validation images that the threshold may reject."""

NO_DIGITS_EACH: Final = 300
"""Negatives of each kind that the threshold is tested on."""


def choose_least_confidence(probabilities: npt.NDArray[np.floating[Any]]) -> float:
    """Choose the confidence threshold that rejects at most `MAX_REJECTED_FRACTION` of digits.

    Args:
        probabilities: Predictions for validation images, float, shape (N, 10).

    Returns:
        The threshold, in 0..1, rounded down to whole thousandths.
    """
    lowest = float(np.quantile(probabilities.max(axis=1), MAX_REJECTED_FRACTION, method="lower"))
    return max(0.001, math.floor(1000 * lowest) / 1000)


def judge_acceptance(
    predict: Predict,
    digits: Pixels,
    probabilities: npt.NDArray[np.floating[Any]],
    split: FontSplit,
    *,
    least_confidence: float,
) -> Acceptance:
    """Measure the fractions of digits and of negatives that a confidence threshold rejects.

    Args:
        predict: The network.
        digits: Images of digits, uint8, shape (N, 28, 28, 1).
        probabilities: Its predictions for these, float, shape (N, 10).
        split: Split of the font families for printed letters.
        least_confidence: The threshold, in 0..1.
    """

    def rejected(images: Pixels, predictions: npt.NDArray[np.floating[Any]]) -> float:
        return float(np.mean(~accept_predictions(predictions, images, least_confidence)))

    drawn = {kind: draw_no_digits(kind, NO_DIGITS_EACH, split=split, seed=0) for kind in KINDS}
    kinds = {kind: rejected(images, predict(images)) for kind, images in drawn.items()}
    return Acceptance(least_confidence, rejected(digits, probabilities), kinds)
