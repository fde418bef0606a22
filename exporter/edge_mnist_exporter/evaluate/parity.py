"""Measure the agreement between all models of an export, and the parity of the two int8 files.

N is the number of evaluation images, K the number of classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_mnist_exporter.evaluate.evaluation import Probabilities

KERAS_NAME: Final = "keras"
"""Name of the Keras model among the files."""

SOFTMAX_STEP: Final = 1 / 256
"""Output scale of every int8 softmax in TFLite, by its quantization specification. Used if the output is float."""

LAST_STEP: Final = 255
"""The highest of the 256 values of an 8-bit output, in steps above the lowest."""


@dataclass(frozen=True)
class AgreementMatrix:
    """Agreement between every two models."""

    names: tuple[str, ...]
    """`keras`, then the files."""
    matrix: tuple[tuple[float, ...], ...]
    """Fraction of images with the same answer, in 0..1; rows and columns as `names`."""


@dataclass(frozen=True)
class Int8Parity:
    """Differences between the int8 TFLite and ONNX files, which have the same Keras model and calibration."""

    tflite: str
    """Name of the TFLite file."""
    onnx: str
    """Name of the ONNX file."""
    agreement: float
    """Fraction of the images on which both give the same answer, in 0..1."""
    step: float
    """Scale of the TFLite output: the size of one step of a probability."""
    max_steps: int
    """Largest difference of any probability on any image, in steps."""
    within_one_step: float
    """Fraction of the images on which no probability differs by more than one step, in 0..1."""
    images_by_steps: tuple[int, ...]
    """Number of images whose largest difference is 0, 1, 2, ... `max_steps` steps."""


def measure_agreement(predictions: Mapping[str, Probabilities]) -> AgreementMatrix:
    """Measure the agreement between every two models.

    Args:
        predictions: Probabilities by name, Keras's first.
    """
    answers = np.stack([probabilities.argmax(1) for probabilities in predictions.values()])
    fractions = (answers[:, np.newaxis] == answers[np.newaxis]).mean(axis=2)
    return AgreementMatrix(tuple(predictions), tuple(tuple(map(float, row)) for row in fractions))


def measure_int8_parity(
    tflite: tuple[str, Probabilities], onnx: tuple[str, Probabilities], step: float | None
) -> Int8Parity:
    """Compare the two int8 files.

    The ONNX file gives float probabilities. They are rounded to the 256 values of the TFLite output, so that the
    rounding of the TFLite output does not count as a difference.

    Args:
        tflite: Name and probabilities of the TFLite file.
        onnx: Name and probabilities of the ONNX file.
        step: Scale of the TFLite output; None if it is float.
    """
    step = step or SOFTMAX_STEP
    one, other = (np.clip(np.rint(found / step), 0, LAST_STEP).astype(int) for found in (tflite[1], onnx[1]))
    steps = np.abs(one - other).max(axis=1)
    return Int8Parity(
        tflite=tflite[0],
        onnx=onnx[0],
        agreement=float(np.mean(tflite[1].argmax(1) == onnx[1].argmax(1))),
        step=step,
        max_steps=int(steps.max()),
        within_one_step=float(np.mean(steps <= 1)),
        images_by_steps=tuple(map(int, np.bincount(steps))),
    )
