"""Calibration images: which ones the quantizers watch the network read, drawn from training images only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.preprocess import Pixels
from edge_mnist_trainer.splits import indices_sha256


@dataclass(frozen=True)
class CalibrationSet:
    """The images that fix the quantizers' ranges."""

    images: Pixels
    """uint8, shape (N, 28, 28, 1)."""
    origin: dict[str, Any]
    """For the report: data set, split, count, seed and the hash of the indices."""


def draw_calibration(digits: LabelledDigits, n_samples: int, *, seed: int) -> CalibrationSet:
    """Draw `n_samples` different images of `digits`, repeatably.

    Raises:
        UsageError: More images are asked for than there are.
    """
    if n_samples > len(digits):
        raise UsageError(f"--calibration-samples {n_samples}: {digits.name} {digits.split} has {len(digits)} images")
    indices = np.sort(np.random.default_rng(seed).choice(len(digits), n_samples, replace=False))
    origin = {
        "name": digits.name,
        "split": digits.split,
        "n": n_samples,
        "seed": seed,
        "indices_sha256": indices_sha256(indices),
    }
    return CalibrationSet(digits.images[indices], origin)
