"""Choose confidence thresholds below which predictions are rejected, on validation images.

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
from edge_mnist_runtime.thresholds import MAX_REJECTED, Thresholds
from edge_mnist_trainer.augment.fonts import FontSplit
from edge_mnist_trainer.augment.negatives import KINDS, draw_no_digits
from edge_mnist_trainer.evaluate.robustness import Predict
from edge_mnist_trainer.run_record import Acceptance

HIGHEST_THRESHOLD: Final = 0.999
"""Highest threshold that is chosen: 1 would reject what rounding keeps below it."""

NO_DIGITS_EACH: Final = 300
"""Negatives of each kind that the threshold is tested on."""


def choose_thresholds(probabilities: npt.NDArray[np.floating[Any]]) -> Thresholds:
    """Choose the threshold of each name, from predictions for validation images, float, shape (N, 10)."""
    return Thresholds(**{name: choose_threshold(probabilities, most) for name, most in MAX_REJECTED.items()})


def choose_threshold(probabilities: npt.NDArray[np.floating[Any]], max_rejected: float) -> float:
    """Choose the confidence threshold that rejects at most a fraction of digits.

    Args:
        probabilities: Predictions for validation images, float, shape (N, 10).
        max_rejected: The fraction, in 0..1.

    Returns:
        The threshold, in 0.001..0.999, rounded down to whole thousandths.
    """
    lowest = float(np.quantile(probabilities.max(axis=1), max_rejected, method="lower"))
    return min(HIGHEST_THRESHOLD, max(0.001, math.floor(1000 * lowest) / 1000))


def judge_acceptance(
    predict: Predict,
    digits: Pixels,
    probabilities: npt.NDArray[np.floating[Any]],
    split: FontSplit,
    *,
    thresholds: Thresholds,
) -> Acceptance:
    """Measure the fractions of digits and of negatives that the balanced threshold rejects.

    Args:
        predict: The network.
        digits: Images of digits, uint8, shape (N, 28, 28, 1).
        probabilities: Its predictions for these, float, shape (N, 10).
        split: Split of the font families for printed letters.
        thresholds: The thresholds by name; `balanced` is judged.
    """

    def rejected(images: Pixels, predictions: npt.NDArray[np.floating[Any]]) -> float:
        return float(np.mean(~accept_predictions(predictions, images, thresholds.balanced)))

    drawn = {kind: draw_no_digits(kind, NO_DIGITS_EACH, split=split, seed=0) for kind in KINDS}
    kinds = {kind: rejected(images, predict(images)) for kind, images in drawn.items()}
    return Acceptance(thresholds.balanced, rejected(digits, probabilities), kinds, thresholds)
