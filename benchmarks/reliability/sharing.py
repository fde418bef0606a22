"""Many threads share one classifier: every answer must be the one that a single thread gets."""

from __future__ import annotations

import threading
import time

import numpy as np

from benchmarks.reliability.outcome import CheckReport, peak_mb
from benchmarks.reliability.picture_files import drawn_tensors
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bench.sample_digits import read_samples

FILE_EVERY = 100
"""Each so many predictions one is of a picture file, so that decoders and the finding of ink are shared, too."""


def share_classifier(model: str | None, *, predictions: int, threads: int = 64) -> CheckReport:
    """Predict from `threads` threads at once, and compare every answer with the single-threaded one."""
    classifier = DigitClassifier(model)
    inputs = [*drawn_tensors(), *read_samples().values()]
    files = range(len(inputs) - 10, len(inputs))
    expected = [classifier.predict(item) for item in inputs]
    wrong = [0] * threads
    each = -(-predictions // threads)
    start_together = threading.Barrier(threads)

    def read(thread: int) -> None:
        order = np.random.default_rng(thread).integers(0, files.start, each)
        order[::FILE_EVERY] = files.start + (np.arange(len(order[::FILE_EVERY])) + thread) % len(files)
        start_together.wait()
        wrong[thread] = each  # what counts if this thread ends by an exception
        wrong[thread] = sum(_differs(classifier.predict(inputs[at]), expected[at]) for at in order)

    started = time.perf_counter()
    workers = [threading.Thread(target=read, args=(thread,)) for thread in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - started
    return CheckReport(
        f"{threads} threads share one classifier, {classifier.engine.backend}",
        each * threads,
        f"{sum(wrong)} answers differ from the single-threaded ones",
        not any(wrong),
        seconds,
        peak_mb(),
    )


def _differs(found: object, expected: object) -> bool:
    return found != expected or found.digit != expected.digit  # type: ignore[attr-defined]
