"""Check that memory does not grow during a million predictions in one process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import numpy as np

from benchmarks.reliability.outcome import CheckReport, peak_mb, resident_mb
from benchmarks.reliability.picture_files import drawn_tensors, make_picture_files
from edge_mnist_runtime import DigitClassifier, InputError

MAX_GROWTH_MB: Final = 4.0
"""Allowed growth, because allocators keep memory for later. A leak of five bytes a prediction exceeds it."""

SAMPLES: Final = 100
"""Number of memory samples."""
WARM_UP_FRACTION: Final = 0.1
"""Fraction of the samples that is warm-up."""


def check_tensor_memory(model: str | None, *, predictions: int) -> CheckReport:
    """Predict tensors repeatedly and measure memory."""
    return _check_memory("tensors", DigitClassifier(model), [*drawn_tensors()], predictions)


def check_file_memory(model: str | None, *, predictions: int) -> CheckReport:
    """Predict picture files of every format repeatedly and measure memory, because decoders may leak."""
    return _check_memory("picture files", DigitClassifier(model), make_picture_files(), predictions)


def _check_memory(kind: str, classifier: DigitClassifier, items: Sequence[Any], predictions: int) -> CheckReport:
    rounds = -(-predictions // len(items))
    sampled_every = max(1, rounds // SAMPLES)  # whole rounds, so that each sample follows the same item
    resident = []
    started = time.perf_counter()
    for done in range(1, rounds + 1):
        for item in items:
            with suppress(InputError):  # refused files must not leak either
                classifier.predict(item)
        if done % sampled_every == 0:
            resident.append(resident_mb())
    seconds = time.perf_counter() - started
    steady = np.array(resident[int(len(resident) * WARM_UP_FRACTION) :])
    slope = np.polyfit(np.arange(len(steady)) * sampled_every * len(items) / 1e6, steady, 1)[0]
    return CheckReport(
        f"one process predicts {kind}, {classifier.engine.backend}",
        rounds * len(items),
        f"{steady[0]:.1f} MB after warm-up, {steady[-1]:.1f} MB at the end, slope {slope:+.2f} MB a million",
        bool(steady[-1] - steady[0] <= MAX_GROWTH_MB),
        seconds,
        peak_mb(),
    )
