"""Digits that are not MNIST's: printed ones, scikit-learn's, and MNIST's own as bad pictures.

They judge what "99 % on MNIST" leaves open. Which font families guide choices and which are kept for final figures is
said in `fonts.py`. scikit-learn's digits train nothing; looking at those that were misread led to the other hands of
`strokes.py`. Likewise Lato's hairlines, of the test families, led to the fading of `fonts.py`.
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
"""Pictures of each digit in each face: 3,400 in the validation families, 3,000 in the test families."""

Predict = Callable[[npt.NDArray[np.uint8]], npt.NDArray[Any]]
"""From images, uint8 (N, 28, 28, 1), to one value for each digit, (N, 10)."""


def judge_on_other_digits(
    predict: Predict, digits: LabelledDigits, split: Literal["validation", "test"]
) -> OtherDigitsReport:
    """Read all of them with one network.

    Args:
        predict: The network.
        digits: The images that are corrupted: MNIST's validation or test images.
        split: Which font families: those that guide choices, or those for final figures.
    """
    return OtherDigitsReport(
        top1(predict, render_digits(split, variants=FONT_VARIANTS)),
        top1(predict, load_stand_in()),
        {spoiled.name.rpartition(", ")[2]: top1(predict, spoiled) for spoiled in _corrupted(digits)},
    )


def top1(predict: Predict, digits: LabelledDigits) -> float:
    """Part of `digits`, in 0..1, that the network reads right."""
    return float(np.mean(predict(digits.images).argmax(axis=1) == digits.labels))


def _corrupted(digits: LabelledDigits) -> Iterator[LabelledDigits]:
    return (corrupt_digits(digits, name) for name in CORRUPTIONS)
