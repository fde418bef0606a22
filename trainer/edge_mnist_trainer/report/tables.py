"""The figures behind a report's tables: confusions, and precision and recall of each digit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

STRONGEST_RED: Final = 0.6
"""Opacity behind the most frequent mistake: the number on it stays legible on light and on dark pages."""

Labels = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Confusion:
    """How many images of one label were given one answer."""

    n: int
    red: float
    """Opacity of the red behind the number, 0..1. The right answers have none: they would drown the mistakes."""


@dataclass(frozen=True)
class DigitScores:
    """How well one digit is read. Each score is in 0..1, or NaN if there is no image to tell."""

    precision: float
    recall: float
    f1: float
    n_images: int


def count_confusions(labels: Labels, found: Labels) -> list[list[Confusion]]:
    """The confusion matrix: a row for each label, a column for each answer."""
    matrix = confusion_matrix(labels, found, labels=range(10))
    mistakes = matrix - np.diag(np.diag(matrix))
    reds = np.where(mistakes, STRONGEST_RED * (0.25 + 0.75 * mistakes / max(1, mistakes.max())), 0)
    return [
        [Confusion(int(n), float(red)) for n, red in zip(*row, strict=True)] for row in zip(matrix, reds, strict=True)
    ]


def score_each_digit(labels: Labels, found: Labels) -> list[DigitScores]:
    """Precision, recall and F1 of the ten digits."""
    columns = precision_recall_fscore_support(labels, found, labels=range(10), zero_division=np.nan)
    return [
        DigitScores(float(precision), float(recall), float(f1), int(n))
        for precision, recall, f1, n in zip(*columns, strict=True)
    ]
