"""Whether the models of an export answer alike: every one with every other, and the two int8 files step by step.

N is the number of evaluation images, K the number of classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_mnist_exporter.evaluate.evaluation import Probabilities

KERAS_NAME: Final = "keras"
"""Of the Keras model among the files."""

SOFTMAX_STEP: Final = 1 / 256
"""Of every int8 softmax in TFLite, by its quantization specification; where a file's output is float all the same."""

LAST_STEP: Final = 255
"""The largest of the 256 values of an output of eight bits, in steps above its smallest."""


@dataclass(frozen=True)
class AgreementMatrix:
    """Which part of the images any two models answer alike."""

    names: tuple[str, ...]
    """`keras`, then the files."""
    matrix: tuple[tuple[float, ...], ...]
    """By name and name, in 0..1: symmetric, 1 on the diagonal."""


@dataclass(frozen=True)
class Int8Parity:
    """The int8 TFLite file against the int8 ONNX file, both from the same Keras model and the same calibration."""

    tflite: str
    """The one file's name."""
    onnx: str
    """The other's."""
    agreement: float
    """Part of the images that both answer alike, in 0..1."""
    step: float
    """Scale of the TFLite output: what one step of a probability is."""
    max_steps: int
    """Largest difference of any probability on any image, in steps."""
    within_one_step: float
    """Part of the images on which no probability differs by more than one step, in 0..1."""
    images_by_steps: tuple[int, ...]
    """How many images there are whose most different probability differs by 0, 1, 2, ... `max_steps` steps."""


def measure_agreement(answers: Mapping[str, Probabilities]) -> AgreementMatrix:
    """Compare every model with every other.

    Args:
        answers: Probabilities by name, Keras's first.
    """
    found = np.stack([probabilities.argmax(1) for probabilities in answers.values()])
    parts = (found[:, np.newaxis] == found[np.newaxis]).mean(axis=2)
    return AgreementMatrix(tuple(answers), tuple(tuple(map(float, row)) for row in parts))


def measure_int8_parity(
    tflite: tuple[str, Probabilities], onnx: tuple[str, Probabilities], step: float | None
) -> Int8Parity:
    """Compare the int8 pair.

    The ONNX file gives float probabilities. They are brought to the nearest of the 256 values that the TFLite file has,
    so that what is counted is how far the networks are apart, not that one of them rounds its last result.

    Args:
        tflite: Name and probabilities.
        onnx: Name and probabilities.
        step: Scale of the TFLite output; None where that is float.
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
