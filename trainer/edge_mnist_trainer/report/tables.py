"""Compute the tables of a report page: the confusion matrix, and precision and recall of each digit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from edge_mnist_runtime.picture_report.page import shade_mistakes

Labels = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Confusion:
    """One cell of the confusion matrix."""

    n: int
    """Number of images."""
    red: float
    """Opacity of the red behind the number, 0..1; 0 on the diagonal, where the predictions are correct."""


@dataclass(frozen=True)
class DigitScores:
    """Scores of one digit, each in 0..1, or NaN if no image decides it."""

    precision: float
    recall: float
    f1: float
    n_images: int


def count_confusions(labels: Labels, found: Labels) -> list[list[Confusion]]:
    """Compute the confusion matrix: a row for each label, a column for each predicted digit."""
    matrix = confusion_matrix(labels, found, labels=range(10))
    mistakes = matrix - np.diag(np.diag(matrix))
    most = int(mistakes.max())
    return [
        [Confusion(int(n), shade_mistakes(int(wrong), most=most)) for n, wrong in zip(*row, strict=True)]
        for row in zip(matrix, mistakes, strict=True)
    ]


def score_each_digit(labels: Labels, found: Labels) -> list[DigitScores]:
    """Compute precision, recall and F1 of the ten digits."""
    columns = precision_recall_fscore_support(labels, found, labels=range(10), zero_division=np.nan)
    return [
        DigitScores(float(precision), float(recall), float(f1), int(n))
        for precision, recall, f1, n in zip(*columns, strict=True)
    ]
