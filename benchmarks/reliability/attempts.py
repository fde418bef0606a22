"""Read one damaged file and classify the outcome: a prediction, a named error or a failure."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.reliability.damage import damage
from benchmarks.reliability.model_fields import change_model
from benchmarks.reliability.picture_files import drawn_tensors, make_picture_files
from edge_mnist_runtime import DigitClassifier, EdgeMnistError, Prediction
from edge_mnist_runtime.engines.opening import open_engine
from edge_mnist_runtime.reading.modes import ReadingMode

Attempt = Callable[[int], str]
"""From an item's number to `classified`, the class of a named error, or `unexpected: ...`, which is a failure."""

CLASSIFIED: Final = "classified"
UNEXPECTED: Final = "unexpected"

MODES: Final[tuple[ReadingMode, ...]] = ("auto", "auto", "mnist", "photo")

SEED: Final = 20_261_120


def picture_attempts(_model: str) -> Attempt:
    """Classify damaged picture files."""
    files = make_picture_files()
    classifiers = {mode: DigitClassifier(mode=mode) for mode in MODES}

    def attempt(number: int) -> str:
        rng = random.Random(SEED + number)
        data = damage(files[number % len(files)], files, rng)
        return _outcome(lambda: [classifiers[rng.choice(MODES)].predict(data)])

    return attempt


def model_attempts(model: str) -> Attempt:
    """Load model files with damaged bytes and with changed fields, alternately, and classify with those that load."""
    path = Path(model)
    data = path.read_bytes()
    others = [file.read_bytes() for file in sorted(path.parent.glob(f"*{path.suffix}"))]
    tensors = drawn_tensors(1)

    def attempt(number: int) -> str:
        rng = random.Random(SEED + number)
        hostile = damage(data, others, rng) if number % 2 else change_model(data, rng)

        def classify() -> Sequence[object]:
            classifier = DigitClassifier.from_engine(open_engine(hostile, file_name=path.name))
            return [*map(classifier.predict, tensors[:3]), *classifier.predict_batch(tensors)]

        return _outcome(classify)

    return attempt


ATTEMPTS: Final[dict[str, Callable[[str], Attempt]]] = {"pictures": picture_attempts, "models": model_attempts}
"""Kinds of attempt, by name. Each takes the path of a model."""


def _outcome(act: Callable[[], Sequence[object]]) -> str:
    try:
        predictions = act()
    except EdgeMnistError as error:
        message = str(error)
        # Every expected error has one line.
        return f"{UNEXPECTED}: message of several lines" if "\n" in message else type(error).__name__
    except BaseException as error:  # noqa: BLE001  # any other exception is a failure
        return f"{UNEXPECTED}: {type(error).__name__}: {str(error)[:300]}"
    return CLASSIFIED if all(map(_is_valid, predictions)) else f"{UNEXPECTED}: invalid prediction: {predictions[0]}"


def _is_valid(found: object) -> bool:
    return (
        isinstance(found, Prediction) and found.probabilities.shape == (10,) and found.probabilities.dtype == np.float32
    )
