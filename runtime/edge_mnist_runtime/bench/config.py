"""What a measurement of latency may be asked for, and in which ranges."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge_mnist_runtime.engines.options import MAX_THREADS
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.timing.sampling import SamplingConfig


@dataclass(frozen=True)
class BenchmarkConfig:
    """What is measured.

    Raises:
        UsageError: A value is out of its range; the message names it.
    """

    samples: int = 20_000
    """Most one-image calls of each model, at least 1; fewer where the percentiles are stable before."""
    seconds: float = 10.0
    """Most time for them."""
    warmup: int = 2_000
    """Most calls before them that do not count; fewer where a steady state is reached before."""
    batch_sizes: tuple[int, ...] = (32, 256)
    """Images in one call, for throughput."""
    threads: tuple[int, ...] = (1,)
    """Threads that one call may use; each is measured."""
    rate: float | None = None
    """Calls a second, each due at its own moment; None for one right after the other."""
    fresh_processes: bool = True
    """Whether import time and peak memory are measured, each in processes of its own."""
    profile: bool = False
    """Whether operators are timed, too."""

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise UsageError(f"`samples` must be at least 1, not {self.samples}")
        if not 0 < self.seconds < math.inf:
            raise UsageError(f"`seconds` must be above 0, not {self.seconds}")
        if self.warmup < 0:
            raise UsageError(f"`warmup` must be at least 0, not {self.warmup}")
        if not self.batch_sizes or min(self.batch_sizes) < 1:
            raise UsageError(f"`batch_sizes` must be one or more sizes of at least 1, not {self.batch_sizes}")
        if not self.threads or not all(1 <= threads <= MAX_THREADS for threads in self.threads):
            raise UsageError(f"`threads` must be 1..{MAX_THREADS}, not {', '.join(map(str, self.threads)) or 'none'}")
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise UsageError(f"`rate` must be above 0 a second, not {self.rate}")

    @property
    def sampling(self) -> SamplingConfig:
        """How each model is sampled."""
        return SamplingConfig(self.samples, self.seconds, self.warmup, self.rate)


def parse_counts(text: str, option: str) -> tuple[int, ...]:
    """`1,2,4` as numbers, in their order and without repetitions.

    Raises:
        UsageError: A part of it is no whole number; the message names the option.
    """
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise UsageError(f"{option} must be whole numbers between commas, as in 1,2,4, not {text!r}") from None
