"""Compare models by running them in turns, in several new processes.

The environment of each process has a random size. That moves the stack, which can change a program's speed by more than
the difference to be found (Mytkowicz et al., "Producing wrong data without doing anything obviously wrong!", ASPLOS
2009). Every second process loads the new model first.

Measuring ends at the first of `LOOKS` whose interval lies on one side of the limit. Each look uses its share of the
allowed error (Bonferroni), so stopping early does not give more false alarms.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from edge_mnist_runtime.bench.change import Change, Comparison
from edge_mnist_runtime.bench.fresh_process import FreshProcessError, run_fresh
from edge_mnist_runtime.bench.model_pairs import ModelPair, pair_models
from edge_mnist_runtime.bench.paired_calls import (
    PAIRS_PROGRAM,
    PairedCalls,
    PairedSubjects,
    choose_digits,
    decode_pairs,
    encode_subjects,
    pad_environment,
)
from edge_mnist_runtime.bench.process_bootstrap import MIN_PROCESSES, bootstrap_ratio, estimate_ratio
from edge_mnist_runtime.bundles.foreign_files import open_any
from edge_mnist_runtime.classifier import DigitClassifier
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.engines.options import MAX_THREADS, Backend, EngineOptions
from edge_mnist_runtime.errors import HashMismatchError, UndecidedError, UsageError
from edge_mnist_runtime.machine.environment import describe_environment
from edge_mnist_runtime.tensor import Pixels

LOOKS: Final = (MIN_PROCESSES, 2 * MIN_PROCESSES, 4 * MIN_PROCESSES)
"""Numbers of processes after which a verdict is tried."""

CONFIDENCE: Final = 0.95
"""Of all looks together."""

MAX_REGRESSION: Final = 0.02
"""Default of the allowed growth: between the 0 % that must pass and the 5 % that must be found."""


@dataclass(frozen=True)
class SideBySideConfig:
    """Limits of a comparison side by side.

    Raises:
        UsageError: A value is out of its range; the message names it.
    """

    processes: int = LOOKS[-1]
    """Maximum number of processes of each pair of models, at least 1. Fewer than `MIN_PROCESSES` give no verdict."""
    seconds: float = 0.3
    """Measuring time of a pair in one process, in seconds, above 0."""
    threads: int = 1
    """Number of threads that one call may use, 1..`MAX_THREADS`."""
    max_regression: float = MAX_REGRESSION

    def __post_init__(self) -> None:
        if self.processes < 1:
            raise UsageError(f"`processes` must be at least 1, not {self.processes}")
        if not 0 < self.seconds <= 60:
            raise UsageError(f"`seconds` must be above 0 and at most 60, not {self.seconds}")
        if not 1 <= self.threads <= MAX_THREADS:
            raise UsageError(f"`threads` must be 1..{MAX_THREADS}, not {self.threads}")

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of processes after which a verdict is tried, ascending."""
        return (*(look for look in LOOKS if look < self.processes), self.processes)

    @property
    def confidence(self) -> float:
        """Confidence of the interval at one look."""
        return 1 - (1 - CONFIDENCE) / len(self.looks)


@dataclass(frozen=True, kw_only=True)
class PairedChange(Change):
    """How the latency of a model changed, by calls in turns."""

    old_model: str
    ratio: float
    """New / old: geometric mean over the processes."""
    old_us: float
    """Median latency, in microseconds: the median over the processes."""
    new_us: float
    confidence: float
    """Of the interval."""
    processes: tuple[PairedCalls, ...]
    """The measurement of each process."""

    quantity: ClassVar[str] = "latency"

    @property
    def old_and_new(self) -> str:
        """Both latencies and their change, for messages."""
        return f"from {self.old_us:.1f} to {self.new_us:.1f} us, {self.ratio - 1:+.1%}"


def compare_models(
    old: Path,
    new: Path,
    digits: LabelledDigits,
    config: SideBySideConfig,
    *,
    backend: Backend | None = None,
    on_progress: Callable[[str, float], None] = lambda _step, _fraction: None,
) -> Comparison:
    """Compare models side by side.

    Args:
        old: Model file, bundle folder or name of a bundled model before the change.
        new: The same after the change.
        digits: Input images; at most `MAX_DIGITS` of them are used.
        config: Limits.
        backend: Compare only the files of bundles that this back end runs; None: all.
        on_progress: Called between processes with the pair's new model and the finished fraction.

    Raises:
        As `pair_models` and `open_any`.
        UndecidedError: A process failed.
        HashMismatchError: A model file changed during the comparison.
    """
    environment = describe_environment()  # first, because our own work raises the load average
    pairs, unpaired = pair_models(old, new, backend=backend)
    images = choose_digits(digits.images)
    changes = []
    for index, pair in enumerate(pairs):
        name, start = Path(pair[1]).name, index

        def report(done: float, name: str = name, start: int = start) -> None:
            on_progress(name, (start + done) / len(pairs))

        changes.append(_compare_pair(pair, images, config, report))
    return Comparison(
        *(str(old), str(new), "side by side", config.max_regression, tuple(changes)),
        unpaired=tuple(unpaired),
        conditions={
            "env": environment,
            "digits": {"name": digits.name, "split": digits.split, "n": len(images), "sha256": digits.sha256},
            "config": {"processes": config.processes, "seconds": config.seconds, "looks": [*config.looks]},
        },
    )


def _compare_pair(
    pair: ModelPair, images: Pixels, config: SideBySideConfig, on_progress: Callable[[float], None]
) -> PairedChange:
    engines = [open_any(model, options=EngineOptions(threads=config.threads)) for model in pair]
    for engine in engines:  # a file that cannot be run is an error of this process, with its reason
        DigitClassifier.from_engine(engine).predict(images[0, ..., 0])
    hashes = [engine.sha256 for engine in engines]
    del engines
    return measure_until_decided(
        pair, config, lambda index: _measure_process(pair, images, config, index, hashes), on_progress
    )


def measure_until_decided(
    pair: ModelPair,
    config: SideBySideConfig,
    measure: Callable[[int], PairedCalls],
    on_progress: Callable[[float], None] = lambda _fraction: None,
) -> PairedChange:
    """Measure processes until a look gives a verdict, or until their maximum number.

    Args:
        pair: Old and new model.
        config: Limits.
        measure: Measures the process of an index, 0, 1, ...
        on_progress: Called before each process with the finished fraction, 0..1.
    """
    measured: list[PairedCalls] = []
    for look in config.looks:
        while len(measured) < look:
            on_progress(len(measured) / config.processes)
            measured.append(measure(len(measured)))
        change = _judge(pair, measured, config)
        if change.verdict != "not decided":
            break
    return change


def _measure_process(
    pair: ModelPair, images: Pixels, config: SideBySideConfig, index: int, hashes: list[str | None]
) -> PairedCalls:
    subjects = PairedSubjects(pair, config.threads, config.seconds, reverse=index % 2 == 1)
    timeout_s = 120 + 10 * config.seconds
    try:
        printed = run_fresh(
            *(PAIRS_PROGRAM, encode_subjects(subjects)),
            data=images.tobytes(),
            environment=pad_environment(),
            timeout_s=timeout_s,
        )
    except FreshProcessError as error:
        raise UndecidedError(f"{Path(pair[1]).name}: not decided, because a process failed ({error})") from error
    (paired,), found = decode_pairs(printed)
    if found != hashes:
        changed = pair[0] if found[0] != hashes[0] else pair[1]
        raise HashMismatchError(f"{changed}: the file changed while it was compared; compare again")
    return paired


def _judge(pair: ModelPair, measured: Sequence[PairedCalls], config: SideBySideConfig) -> PairedChange:
    ratios = [process.ratio for process in measured]
    interval = bootstrap_ratio(ratios, config.confidence)
    if len(measured) < MIN_PROCESSES:
        remedy = f"{len(measured)} processes are too few, allow at least {MIN_PROCESSES} (`processes`)"
    else:
        remedy = f"{len(measured)} processes differ too much, allow more (`processes`) on a quieter machine"
    old, new = (Path(model).name for model in pair)
    return PairedChange(
        model=new,
        old_model=old,
        threads=config.threads,
        limit=1 + config.max_regression,
        interval=interval and (round(interval[0], 5), round(interval[1], 5)),
        remedy=remedy,
        ratio=round(estimate_ratio(ratios), 5),
        old_us=round(statistics.median(process.base_us for process in measured), 3),
        new_us=round(statistics.median(process.other_us for process in measured), 3),
        confidence=config.confidence,
        processes=tuple(measured),
    )
