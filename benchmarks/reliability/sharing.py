"""Check that threads sharing one classifier get the same predictions as a single thread."""

from __future__ import annotations

import threading
import time

import numpy as np

from benchmarks.reliability.outcome import CheckReport, peak_mb
from benchmarks.reliability.picture_files import drawn_tensors
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bench.sample_digits import read_samples

FILE_INTERVAL = 100
"""Every hundredth prediction is of a picture file, so that threads also share decoders and picture reading."""


def check_shared_classifier(model: str | None, *, predictions: int, threads: int = 64) -> CheckReport:
    """Predict from `threads` threads at once and compare each prediction with the single-threaded one."""
    classifier = DigitClassifier(model)
    inputs = [*drawn_tensors(), *read_samples().values()]
    files = range(len(inputs) - 10, len(inputs))
    expected = [classifier.predict(item) for item in inputs]
    wrong = [0] * threads
    each = -(-predictions // threads)
    start_together = threading.Barrier(threads)

    def read(thread: int) -> None:
        order = np.random.default_rng(thread).integers(0, files.start, each)
        order[::FILE_INTERVAL] = files.start + (np.arange(len(order[::FILE_INTERVAL])) + thread) % len(files)
        start_together.wait()
        wrong[thread] = each  # the count if an exception ends this thread
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
        f"{sum(wrong)} predictions differ from the single-threaded ones",
        not any(wrong),
        seconds,
        peak_mb(),
    )


def _differs(found: object, expected: object) -> bool:
    return found != expected or found.digit != expected.digit  # type: ignore[attr-defined]
