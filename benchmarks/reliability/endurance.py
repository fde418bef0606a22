"""A million predictions in one process: the memory that it holds must not grow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import numpy as np

from benchmarks.reliability.outcome import CheckReport, held_mb, peak_mb
from benchmarks.reliability.picture_files import drawn_tensors, make_picture_files
from edge_mnist_runtime import DigitClassifier, InputError

MOST_GROWTH_MB: Final = 4.0
"""What allocators may keep back for later; a leak of five bytes a prediction would be more after a million."""

SAMPLES: Final = 100
"""How often memory is looked at, in all..."""
WARM_UP_PART: Final = 0.1
"""...and which part of it is warm-up."""


def endure_tensors(model: str | None, *, predictions: int) -> CheckReport:
    """Predict tensors over and over."""
    return _endure("tensors", DigitClassifier(model), [*drawn_tensors()], predictions)


def endure_files(model: str | None, *, predictions: int) -> CheckReport:
    """Predict picture files of every format over and over: decoders are what leaks, if anything does."""
    return _endure("picture files", DigitClassifier(model), make_picture_files(), predictions)


def _endure(kind: str, classifier: DigitClassifier, items: Sequence[Any], predictions: int) -> CheckReport:
    rounds = -(-predictions // len(items))
    sampled_every = max(1, rounds // SAMPLES)  # whole rounds: the last item is always the same, as is what it leaves
    held = []
    started = time.perf_counter()
    for done in range(1, rounds + 1):
        for item in items:
            with suppress(InputError):  # some are refused, which must not leak either
                classifier.predict(item)
        if done % sampled_every == 0:
            held.append(held_mb())
    seconds = time.perf_counter() - started
    steady = np.array(held[int(len(held) * WARM_UP_PART) :])
    slope = np.polyfit(np.arange(len(steady)) * sampled_every * len(items) / 1e6, steady, 1)[0]
    return CheckReport(
        f"one process predicts {kind}, {classifier.engine.backend}",
        rounds * len(items),
        f"{steady[0]:.1f} MB after warm-up, {steady[-1]:.1f} MB at the end, slope {slope:+.2f} MB a million",
        bool(steady[-1] - steady[0] <= MOST_GROWTH_MB),
        seconds,
        peak_mb(),
    )
