"""Measure latencies of several calls in interleaved rounds, after a warm-up.

A disturbance of the machine then affects all calls alike, so that the ratios of their latencies stay right. Measuring
ends when the percentiles are precise enough, or at a limit of samples or time.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from edge_mnist_runtime.timing.percentiles import min_samples_for, relative_half_width

STEADY_WINDOWS: Final = 3
"""Warm-up ends when the medians of so many successive rounds agree..."""

STEADY_FRACTION: Final = 0.02
"""...within this fraction of the smallest one."""

STABLE_FRACTION: Final = 0.01
"""Measuring ends when the 95 % intervals of p50 and p90 have at most this half-width, as a fraction of the value."""

STABLE_EVERY: Final = 500
"""Number of samples between two such checks. Sorting all samples after every round would disturb the measurement."""

LATE_CALLS: Final = 5
"""A paced measurement is too slow for its rate if more calls than this wait at the end."""

SETTLING_CALLS: Final = 2
"""Uncounted calls at the start of a round, because the previous round left other data in the processor's caches."""


ARRIVALS_SEED: Final = 2026


@dataclass(frozen=True)
class SamplingConfig:
    """Limits and pace of a measurement."""

    samples: int
    """Maximum number of measured calls of each subject."""
    seconds: float
    """Maximum measuring time of each subject, in seconds, without warm-up."""
    warmup: int
    """Maximum number of warm-up calls."""
    rate: float | None = None
    """Calls a second, started at absolute deadlines; None: each call starts when the last one ends."""
    poisson: bool = False
    """Whether the deadlines are a Poisson process, as of independent clients, instead of evenly spaced."""
    min_samples: int = min_samples_for(99.9)
    """Minimum number of samples before precision may end the measurement."""
    round_calls: int = 50
    """Number of calls of one subject in a round."""


@dataclass(frozen=True)
class Call:
    """A function to measure, and the arguments that it is called with, in rotation."""

    function: Callable[[Any], object]
    arguments: Sequence[Any]


@dataclass
class Sample:
    """The latencies of one subject."""

    latencies_us: list[float] = field(default_factory=list)
    """Microseconds from the start of each call to its end; in a paced measurement from the moment when it was due."""
    service_us: list[float] = field(default_factory=list)
    """In a paced measurement: microseconds from the start of each call to its end."""
    stopped: str = ""
    """Why measuring ended: `stable`, `samples` or `seconds`."""
    warmup_calls: int = 0
    steady: bool = False
    """Whether the warm-up reached a steady state."""
    late: bool = False
    """In a paced measurement: whether calls were waiting at the end."""


def sample_interleaved(
    calls: Sequence[Call],
    config: SamplingConfig,
    *,
    on_progress: Callable[[float], None] = lambda _part: None,
    clock: Callable[[], int] = time.perf_counter_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Sample]:
    """Measure calls in interleaved rounds.

    Args:
        calls: The subjects.
        config: Limits and pace.
        on_progress: Called between rounds with the finished fraction, 0..1.
        clock: Returns the time in nanoseconds.
        sleep: Waits for a number of seconds.

    Returns:
        One sample for each call, in the same order.
    """
    samplers = [_Sampler(call, config, clock, sleep) for call in calls]
    for sampler in samplers:
        sampler.warm_up()
    while running := [sampler for sampler in samplers if not sampler.sample.stopped]:
        on_progress(sum(sampler.part for sampler in samplers) / len(samplers))
        for sampler in running:
            sampler.take_round()
    on_progress(1.0)
    return [sampler.sample for sampler in samplers]


class _Sampler:
    """One subject and its latencies so far."""

    def __init__(
        self, call: Call, config: SamplingConfig, clock: Callable[[], int], sleep: Callable[[float], None]
    ) -> None:
        self.sample = Sample()
        self._call, self._config, self._clock, self._sleep = call, config, clock, sleep
        self._made = 0
        self._spent_ns = 0
        self._behind_ns = 0.0
        self._gaps = random.Random(ARRIVALS_SEED)  # noqa: S311  # no secret

    @property
    def part(self) -> float:
        """Finished fraction of the measurement, at least, 0..1."""
        if self.sample.stopped:
            return 1.0
        config = self._config
        return max(len(self.sample.latencies_us) / config.samples, self._spent_ns / 1e9 / config.seconds)

    def warm_up(self) -> None:
        """Call until the medians of the last rounds agree, or until a limit."""
        config, sample = self._config, self.sample
        medians: list[float] = []
        began = self._clock()
        while sample.warmup_calls < config.warmup and self._clock() - began < config.seconds * 1e9:
            size = min(config.round_calls, config.warmup - sample.warmup_calls)
            medians.append(statistics.median(self._timed_us() for _ in range(size)))
            sample.warmup_calls += size
            last = medians[-STEADY_WINDOWS:]
            if len(last) == STEADY_WINDOWS and max(last) <= min(last) * (1 + STEADY_FRACTION):
                sample.steady = True
                return

    def take_round(self) -> None:
        """Measure one round, and note the reason if it was the last."""
        config, sample = self._config, self.sample
        before = len(sample.latencies_us)
        began = self._clock()
        size = min(config.round_calls, config.samples - before)
        if config.rate is None:
            for _ in range(SETTLING_CALLS):
                self._timed_us()
            sample.latencies_us += [self._timed_us() for _ in range(size)]
        else:
            self._take_paced(size, config.rate, began)
        self._spent_ns += self._clock() - began
        if len(sample.latencies_us) >= config.samples:
            sample.stopped = "samples"
        elif self._spent_ns >= config.seconds * 1e9:
            sample.stopped = "seconds"
        elif len(sample.latencies_us) // STABLE_EVERY > before // STABLE_EVERY and self._is_stable():
            sample.stopped = "stable"

    def _take_paced(self, size: int, rate: float, began: int) -> None:
        """Start calls at their deadlines. A delay carries over into the next round, as in a queue."""
        interval_ns = 1e9 / rate
        due = began - self._behind_ns
        for _ in range(size):
            due += self._gaps.expovariate(1 / interval_ns) if self._config.poisson else interval_ns
            if (wait_ns := due - self._clock()) > 0:
                self._sleep(wait_ns / 1e9)
            service_us = self._timed_us()
            now = self._clock()
            self.sample.service_us.append(service_us)
            self.sample.latencies_us.append((now - due) / 1e3)
            if self._spent_ns + now - began >= self._config.seconds * 1e9:
                break
        self._behind_ns = max(0.0, self._clock() - due)
        self.sample.late = self._behind_ns > LATE_CALLS * interval_ns

    def _timed_us(self) -> float:
        function, argument = self._call.function, self._call.arguments[self._made % len(self._call.arguments)]
        self._made += 1
        started = self._clock()
        function(argument)
        return (self._clock() - started) / 1e3

    def _is_stable(self) -> bool:
        if len(self.sample.latencies_us) < self._config.min_samples:
            return False
        ordered = np.sort(self.sample.latencies_us)
        return all(relative_half_width(ordered, percentile) < STABLE_FRACTION for percentile in (50.0, 90.0))
