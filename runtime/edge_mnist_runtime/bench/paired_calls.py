"""Measure the ratio of two models' latencies in one process, by calling them in turns.

A disturbance of the machine slows neighbouring calls alike, so their ratio hardly varies: between processes by 0.2 to
0.4 % on a busy virtual machine, where the ratio of two separately measured medians varies by 7 %.
"""

from __future__ import annotations

import gc
import json
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from edge_mnist_runtime.contract import IMAGE_SHAPE
from edge_mnist_runtime.tensor import Pixels

WARMUP_FRACTION: Final = 0.3
"""Length of the warm-up, as a fraction of the measuring time."""

MIN_ROUNDS: Final = 10
"""Minimum number of rounds, however long they take."""

MAX_DIGITS: Final = 64
"""More digits would leave the processor's cache, and take longer to hand to a process."""

MAX_PADDING_BYTES: Final = 4096
"""Upper end of the random size of the environment: a page of memory."""

PADDING_VARIABLE: Final = "EDGE_MNIST_PADDING"

PAIRS_PROGRAM: Final = """
import sys
sys.path[0] = sys.argv[1]
from edge_mnist_runtime.bench.paired_calls import print_pairs
print_pairs(sys.argv[2])
"""


@dataclass(frozen=True)
class PairedCalls:
    """What one process measured of a base and another subject."""

    ratio: float
    """Latency of the other subject / latency of the base: the median over rounds."""
    base_us: float
    """Median latency of the base, in microseconds."""
    other_us: float
    """Median latency of the other subject, in microseconds."""
    rounds: int
    """Number of rounds, of four calls of each."""


@dataclass(frozen=True)
class PairedSubjects:
    """What a new process is told to measure. It gets the digits on standard input, as bytes."""

    models: tuple[str, ...]
    """Paths of model files or names of bundled models. The first one is the base."""
    threads: int
    """Number of threads that one call may use."""
    seconds: float
    """Measuring time of each pair, in seconds."""
    reverse: bool
    """Whether to load the last model first, so that their places in memory are exchanged."""


def measure_pairs(
    base: Callable[[Any], object],
    other: Callable[[Any], object],
    arguments: Sequence[Any],
    seconds: float,
    *,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> PairedCalls:
    """Call two subjects in rounds of base, other, other, base, and other, base, base, other.

    A round gives one ratio: the geometric mean of the ratios of its four neighbouring pairs. A call is faster if the
    same subject was called before, because its data is still in the caches. Each subject has equally many such calls.

    Args:
        base: The subject to compare with.
        other: The other subject.
        arguments: Arguments in rotation. Both calls of a pair get the same one.
        seconds: Measuring time after the warm-up.
        clock: Returns the time in nanoseconds.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        _take_rounds(base, other, arguments, WARMUP_FRACTION * seconds, clock)
        rounds = _take_rounds(base, other, arguments, seconds, clock)
    finally:
        if was_enabled:
            gc.enable()
    times_ns = np.maximum(np.array(rounds, np.float64), 1.0)  # a coarse clock may show no time
    base_ns, other_ns = times_ns[:, [0, 3, 5, 6]], times_ns[:, [1, 2, 4, 7]]
    ratios = np.exp(np.log(other_ns / base_ns).mean(axis=1))
    return PairedCalls(
        round(float(np.median(ratios)), 6),
        round(float(np.median(base_ns)) / 1e3, 3),
        round(float(np.median(other_ns)) / 1e3, 3),
        len(times_ns),
    )


def _take_rounds(
    base: Callable[[Any], object],
    other: Callable[[Any], object],
    arguments: Sequence[Any],
    seconds: float,
    clock: Callable[[], int],
) -> list[tuple[int, ...]]:
    """Nanoseconds of the eight calls of each round, in the order of calls."""
    rounds: list[tuple[int, ...]] = []
    n, end = len(arguments), clock() + int(seconds * 1e9)
    while len(rounds) < MIN_ROUNDS or clock() < end:
        images = [arguments[(4 * len(rounds) + place) % n] for place in range(4)]
        halves = [
            _time_half(first, second, images[place : place + 2], clock)
            for first, second, place in ((base, other, 0), (other, base, 2))
        ]
        rounds.append((*halves[0], *halves[1]))
    return rounds


def _time_half(
    first: Callable[[Any], object], second: Callable[[Any], object], images: list[Any], clock: Callable[[], int]
) -> tuple[int, int, int, int]:
    """Nanoseconds of the calls first, second, second, first, after one that is not counted.

    The call after other work is slower. Counted, it made a model seem 0.2 % faster than itself.
    """
    one, two = images
    first(two)
    t0 = clock()
    first(one)
    t1 = clock()
    second(one)
    t2 = clock()
    second(two)
    t3 = clock()
    first(two)
    t4 = clock()
    return t1 - t0, t2 - t1, t3 - t2, t4 - t3


def print_pairs(settings: str) -> None:
    """Measure in this process and print JSON: the record of each pair, and the SHA-256 of each file.

    Args:
        settings: `PairedSubjects` as JSON.
    """
    subjects = PairedSubjects(**json.loads(settings))
    images = read_images()
    (base, *others), hashes = open_subjects(subjects)
    print(encode_pairs([measure_pairs(base, other, images, subjects.seconds) for other in others], hashes))


def read_images() -> list[Pixels]:
    """Read the digits from standard input: images, uint8, shape (28, 28)."""
    return [*np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(-1, *IMAGE_SHAPE)[..., 0]]


def open_subjects(subjects: PairedSubjects) -> tuple[list[Callable[[Any], object]], list[str | None]]:
    """Load the models; return the function to call and the SHA-256 of each, in the order of `subjects.models`."""
    from edge_mnist_runtime.bundles.foreign_files import open_any
    from edge_mnist_runtime.classifier import DigitClassifier
    from edge_mnist_runtime.engines.options import EngineOptions

    options = EngineOptions(threads=subjects.threads)
    order = range(len(subjects.models))
    engines = {
        index: open_any(subjects.models[index], options=options)
        for index in (reversed(order) if subjects.reverse else order)
    }
    calls = [DigitClassifier.from_engine(engines[index]).predict for index in order]
    return [*calls], [engines[index].sha256 for index in order]


def choose_digits(images: Pixels) -> Pixels:
    """At most `MAX_DIGITS` of the images, evenly spaced."""
    return images[:: -(-len(images) // MAX_DIGITS)]


def encode_subjects(subjects: PairedSubjects) -> str:
    """Write the argument of `print_pairs`."""
    return json.dumps(asdict(subjects))


def encode_pairs(pairs: Sequence[PairedCalls], hashes: Sequence[str | None]) -> str:
    """Write what `decode_pairs` reads."""
    return json.dumps({"pairs": [asdict(pair) for pair in pairs], "sha256": [*hashes]})


def decode_pairs(text: str) -> tuple[list[PairedCalls], list[str | None]]:
    """Read what `print_pairs` printed."""
    record = json.loads(text)
    return [PairedCalls(**pair) for pair in record["pairs"]], record["sha256"]


def pad_environment() -> dict[str, str]:
    """This process's environment variables, and one of random length."""
    return {**os.environ, PADDING_VARIABLE: "x" * random.randrange(MAX_PADDING_BYTES)}  # noqa: S311  # no secret
