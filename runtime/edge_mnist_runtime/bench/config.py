"""Settings of a benchmark, with their ranges."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from edge_mnist_runtime.engines.options import MAX_THREADS
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.timing.sampling import SamplingConfig

MAX_RUNS: Final = 100
MAX_STREAMS: Final = 256
MAX_BATCH: Final = 10_000
"""As many as MNIST has test digits. Larger batches need gigabytes and measure the memory instead of the model."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """What to measure, and for how long.

    Raises:
        UsageError: A value is out of its range; the message names it.
    """

    samples: int = 20_000
    """Maximum number of measured calls of each model, at least 1. Stable percentiles end the measurement earlier."""
    seconds: float = 10.0
    """Maximum time for these calls of each model, in seconds, above 0."""
    warmup: int = 2_000
    """Maximum number of warm-up calls of each model. A steady state ends the warm-up earlier."""
    batch_sizes: tuple[int, ...] = (32, 256)
    """Batch sizes for throughput, each 1..`MAX_BATCH`."""
    threads: tuple[int, ...] = (1,)
    """Thread counts of one call; each is measured, 1..`MAX_THREADS`."""
    rate: float | None = None
    """Calls a second, each started at a fixed time; None: each call starts when the last one ends."""
    poisson: float | None = None
    """The same, but started at the random times of a Poisson process; not together with `rate`."""
    slo_ms: float | None = None
    """Goal for p99, in milliseconds: find the highest Poisson rate that keeps it. None: do not."""
    streams: int = 1
    """Number of threads that call a model at once, 1..`MAX_STREAMS`; 1: do not measure this."""
    fresh_processes: bool = True
    """Whether to measure import time and peak memory, in new processes."""
    profile: bool = False
    """Whether to time every operator of .onnx files."""
    runs: int = 1
    """Number of new processes that measure the ratio to the yardstick, 0..`MAX_RUNS`."""
    reference: str | None = None
    """Name of the model that all others are given as ratios to."""
    instructions: bool = False
    """Whether to count the instructions of a digit."""

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise UsageError(f"`samples` must be at least 1, not {self.samples}")
        if not 0 < self.seconds < math.inf:
            raise UsageError(f"`seconds` must be a finite number above 0, not {self.seconds}")
        if self.warmup < 0:
            raise UsageError(f"`warmup` must be at least 0, not {self.warmup}")
        if not self.batch_sizes or min(self.batch_sizes) < 1 or max(self.batch_sizes) > MAX_BATCH:
            given = ", ".join(map(str, self.batch_sizes)) or "none"
            raise UsageError(f"`batch_sizes` must be one or more sizes of 1..{MAX_BATCH}, not {given}")
        if not self.threads or not all(1 <= threads <= MAX_THREADS for threads in self.threads):
            raise UsageError(f"`threads` must be 1..{MAX_THREADS}, not {', '.join(map(str, self.threads)) or 'none'}")
        if not 0 <= self.runs <= MAX_RUNS:
            raise UsageError(f"`runs` must be 0..{MAX_RUNS}, not {self.runs}")
        if not 1 <= self.streams <= MAX_STREAMS:
            raise UsageError(f"`streams` must be 1..{MAX_STREAMS}, not {self.streams}")
        if self.slo_ms is not None and not 0 < self.slo_ms < math.inf:
            raise UsageError(f"`slo_ms` must be a finite number of ms above 0, not {self.slo_ms}")
        if self.rate is not None and self.poisson is not None:
            raise UsageError("`rate` and `poisson` cannot be used together; choose one")
        if self.poisson is not None and not 0 < self.poisson < math.inf:
            raise UsageError(f"`poisson` must be a finite rate above 0 a second, not {self.poisson}")
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise UsageError(f"`rate` must be a finite rate above 0 a second, not {self.rate}")

    @property
    def sampling(self) -> SamplingConfig:
        """How each model is sampled."""
        rate, poisson = self.poisson or self.rate, self.poisson is not None
        return SamplingConfig(self.samples, self.seconds, self.warmup, rate, poisson)


def parse_counts(text: str, option: str) -> tuple[int, ...]:
    """Parse whole numbers between commas, such as `1,2,4`; keep their order and drop repetitions.

    Raises:
        UsageError: A part is not a whole number; the message names `option`.
    """
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise UsageError(f"{option} must be whole numbers between commas, as in 1,2,4, not {text!r}") from None
