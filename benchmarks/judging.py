"""How a classifier does on pictures of one kind: accepted and right, likeliest right, wrong among the accepted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.rendering.stranger_drawing import Shown
from edge_mnist_runtime import DigitClassifier, Prediction
from edge_mnist_runtime.classifier import read_any
from edge_mnist_runtime.errors import InputError
from edge_mnist_runtime.reading.modes import ReadingMode


@dataclass(frozen=True)
class Judged:
    """Counts of pictures."""

    n: int
    right: int
    """Accepted, and the digit is right."""
    wrong: int
    """Accepted, and the digit is wrong."""
    likeliest: int
    """The likeliest digit is right, whether the picture was accepted or not."""

    def __add__(self, other: Judged) -> Judged:
        return Judged(
            self.n + other.n, self.right + other.right, self.wrong + other.wrong, self.likeliest + other.likeliest
        )

    @property
    def wrong_among_accepted(self) -> float:
        """In 0..1; 0 where nothing was accepted."""
        return self.wrong / max(1, self.right + self.wrong)

    def cells(self) -> str:
        """Three cells of a table: accepted right, likeliest right, wrong among the accepted."""
        return f"{self.right / self.n:.1%} | {self.likeliest / self.n:.1%} | {self.wrong_among_accepted:.1%}"


def judge(
    classifier: DigitClassifier, pictures: Sequence[Shown], labels: Sequence[int], mode: ReadingMode = "auto"
) -> Judged:
    """Read pictures of digits with a classifier whose reading mode is `mode`."""
    predictions = list(classifier.predict_stream(pictures, on_error="return"))
    likeliest = [
        find_likeliest(classifier, picture, prediction, mode)
        for picture, prediction in zip(pictures, predictions, strict=True)
    ]
    digits = [None if isinstance(one, InputError) else one.digit for one in predictions]
    return Judged(
        len(labels),
        sum(digit == label for digit, label in zip(digits, labels, strict=True)),
        sum(digit is not None and digit != label for digit, label in zip(digits, labels, strict=True)),
        sum(digit == label for digit, label in zip(likeliest, labels, strict=True)),
    )


def find_likeliest(
    classifier: DigitClassifier, picture: Shown, prediction: Prediction | InputError, mode: ReadingMode
) -> int | None:
    """The digit that the network finds likeliest, also in a rejected picture; None where there is no ink."""
    if isinstance(prediction, InputError):
        return None
    if prediction.digit is not None:
        return prediction.digit
    if prediction.confidence:
        return int(np.argmax(prediction.probabilities))
    pixels = read_any(picture, mode).pixels  # rejected before the network saw it
    return int(classifier.engine.run(pixels.reshape(1, 28, 28, 1))[0].argmax()) if pixels.any() else None


def part_rejected(classifier: DigitClassifier, pictures: Sequence[Shown]) -> float:
    """Fraction of pictures, 0..1, for which no digit is given."""
    predictions = classifier.predict_stream(pictures, on_error="return")
    return float(np.mean([isinstance(one, InputError) or one.digit is None for one in predictions]))
