"""Measure each subject's latency as a ratio to a fixed small model, the yardstick, in new processes.

Clock and neighbours change from run to run and slow the yardstick as well, so the ratio varies less: by 0.5 to 0.9 %
between processes on a busy virtual machine, where medians varied by 7 %. The yardstick is a network in onnxruntime that
never changes. The machine's plain arithmetic and memory (NumPy's products and copies) were tried in its place, but
ratios to them varied by 1 to 7 %.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from typing import Final

from edge_mnist_runtime.bench.fresh_process import FreshProcessError, run_fresh
from edge_mnist_runtime.bench.noise import Noise
from edge_mnist_runtime.bench.paired_calls import (
    PAIRS_PROGRAM,
    PairedCalls,
    PairedSubjects,
    choose_digits,
    decode_pairs,
    encode_subjects,
    pad_environment,
)
from edge_mnist_runtime.bench.subjects import Subject
from edge_mnist_runtime.bundles.bundled_models import MODELS_FOLDER, read_package_file
from edge_mnist_runtime.tensor import Pixels

YARDSTICK: Final = os.path.join(MODELS_FOLDER, "yardstick.onnx")  # noqa: PTH118  # as the other bundled models
"""A copy of a former `nano`. If it is ever exchanged, reports from before are refused, as its hash differs."""

RUN_SECONDS: Final = 0.3
"""Measuring time of each subject in a run."""


def hash_yardstick() -> str:
    """SHA-256 of the yardstick."""
    return hashlib.sha256(read_package_file(YARDSTICK)).hexdigest()


def measure_runs(
    subjects: Sequence[Subject],
    images: Pixels,
    n_runs: int,
    *,
    on_progress: Callable[[float], None] = lambda _fraction: None,
) -> list[tuple[PairedCalls, ...]]:
    """Measure every subject against the yardstick in several new processes.

    Args:
        subjects: The loaded models.
        images: Input images in rotation, uint8, shape (N, 28, 28, 1).
        n_runs: Number of processes.
        on_progress: Called before each process with the finished fraction, 0..1.

    Returns:
        The runs of each subject.

    Raises:
        FreshProcessError: A process failed.
    """
    runs: list[list[PairedCalls]] = [[] for _ in subjects]
    for index in range(n_runs):
        on_progress(index / n_runs)
        for threads in dict.fromkeys(subject.threads for subject in subjects):
            alike = [place for place, subject in enumerate(subjects) if subject.threads == threads]
            models = (YARDSTICK, *(str(subjects[place].path) for place in alike))
            settings = encode_subjects(PairedSubjects(models, threads, RUN_SECONDS, reverse=index % 2 == 1))
            printed = run_fresh(
                *(PAIRS_PROGRAM, settings), data=choose_digits(images).tobytes(), environment=pad_environment()
            )
            for place, paired in zip(alike, decode_pairs(printed)[0], strict=True):
                runs[place].append(paired)
    return [tuple(of_subject) for of_subject in runs]


def try_runs(
    subjects: Sequence[Subject], images: Pixels, n_runs: int, on_progress: Callable[[float], None]
) -> tuple[list[tuple[PairedCalls, ...]], list[str]]:
    """As `measure_runs`, but give a warning and no runs if a process fails."""
    try:
        return measure_runs(subjects, images, n_runs, on_progress=on_progress), []
    except FreshProcessError as error:
        return [() for _ in subjects], [Noise.NO_YARDSTICK.describe(reason=error)]
