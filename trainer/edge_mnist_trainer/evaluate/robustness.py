"""Measure the accuracy on digits from outside MNIST: printed, scikit-learn's, and corrupted MNIST digits.

`fonts.py` splits the font families into those that guide choices and those for final figures. No network trains on
scikit-learn's digits. But misread ones led to more handwriting styles in `strokes.py`, and misread hairlines of Lato, a
test family, led to the fading in `fonts.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.augment.corruptions import CORRUPTIONS, corrupt_digits
from edge_mnist_trainer.augment.fonts import render_digits
from edge_mnist_trainer.data.sources import load_stand_in
from edge_mnist_trainer.run_record import OtherDigitsReport

FONT_VARIANTS: Final = 20
"""Images of each digit in each font: 3,400 images for the validation families, 3,000 for the test families."""

Predict = Callable[[npt.NDArray[np.uint8]], npt.NDArray[Any]]
"""Maps images, uint8 (N, 28, 28, 1), to one value for each digit, (N, 10)."""


def judge_on_other_digits(
    predict: Predict, digits: LabelledDigits, split: Literal["validation", "test"]
) -> OtherDigitsReport:
    """Measure a network's accuracy on printed digits, scikit-learn's digits and corrupted digits.

    Args:
        predict: The network.
        digits: The images to corrupt: MNIST's validation or test images.
        split: Split of the font families: `validation` guides choices, `test` is for final figures.
    """
    return OtherDigitsReport(
        top1(predict, render_digits(split, variants=FONT_VARIANTS)),
        top1(predict, load_stand_in()),
        {corrupted.name.rpartition(", ")[2]: top1(predict, corrupted) for corrupted in _corrupted(digits)},
    )


def top1(predict: Predict, digits: LabelledDigits) -> float:
    """The fraction of `digits`, in 0..1, that the network classifies correctly."""
    return float(np.mean(predict(digits.images).argmax(axis=1) == digits.labels))


def _corrupted(digits: LabelledDigits) -> Iterator[LabelledDigits]:
    return (corrupt_digits(digits, name) for name in CORRUPTIONS)
