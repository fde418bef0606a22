"""Latencies of several calls, taken in turns: warm up to a steady state, measure until enough is known or a bound.

What disturbs the machine for a while disturbs all of them, so that their ratios hold.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from edge_mnist_runtime.timing.percentiles import least_samples, relative_half_width

STEADY_WINDOWS: Final = 3
"""Windows of warm-up, of one turn's calls each, whose medians must agree..."""

STEADY_PART: Final = 0.02
"""...within this part of the least."""

STABLE_PART: Final = 0.01
"""Half-width of the 95 % intervals of p50 and p90, as a part of them, below which more samples tell nothing new."""

STABLE_EVERY: Final = 500
"""Samples after which that is looked at again: sorting them all after every turn would disturb what is measured."""

LATE_CALLS: Final = 5
"""Calls waiting at the end from which on a paced measurement counts as too slow for its rate."""

SETTLING_CALLS: Final = 2
"""Calls at the start of a turn that do not count: the turn before has left its own data in the processor's caches."""


@dataclass(frozen=True)
class SamplingConfig:
    """How much is measured."""

    samples: int
    """Most calls of each."""
    seconds: float
    """Most time for each, warm-up apart."""
    warmup: int
    """Most calls of warm-up."""
    rate: float | None = None
    """Calls a second, from absolute deadlines; None for one call right after the other."""
    least: int = least_samples(99.9)
    """Samples before which stability does not end the measurement."""
    turn: int = 50
    """Calls of one before the next one's turn."""


@dataclass(frozen=True)
class Call:
    """What is measured: a function and the arguments that take turns."""

    function: Callable[[Any], object]
    arguments: Sequence[Any]


@dataclass
class Sample:
    """What was measured of one call."""

    latencies_us: list[float] = field(default_factory=list)
    """From the call to its end; paced, from the moment that it was due."""
    service_us: list[float] = field(default_factory=list)
    """Paced: from the call to its end."""
    stopped: str = ""
    """Why there are no more: `stable`, `samples` or `seconds`."""
    warmup_calls: int = 0
    steady: bool = False
    """Whether the warm-up came to a steady state."""
    late: bool = False
    """Paced: whether calls had to wait for the ones before them at the end."""


def sample_in_turns(
    calls: Sequence[Call],
    config: SamplingConfig,
    *,
    on_progress: Callable[[float], None] = lambda _part: None,
    clock: Callable[[], int] = time.perf_counter_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Sample]:
    """Measure calls side by side.

    Args:
        calls: What is measured.
        config: How much.
        on_progress: Called between turns with the part that is done, 0..1.
        clock: Time in nanoseconds.
        sleep: Waits for a number of seconds.

    Returns:
        One sample a call.
    """
    samplers = [_Sampler(call, config, clock, sleep) for call in calls]
    for sampler in samplers:
        sampler.warm_up()
    while running := [sampler for sampler in samplers if not sampler.sample.stopped]:
        on_progress(sum(sampler.part for sampler in samplers) / len(samplers))
        for sampler in running:
            sampler.take_turn()
    on_progress(1.0)
    return [sampler.sample for sampler in samplers]


class _Sampler:
    """One call and what is known of it so far."""

    def __init__(
        self, call: Call, config: SamplingConfig, clock: Callable[[], int], sleep: Callable[[float], None]
    ) -> None:
        self.sample = Sample()
        self._call, self._config, self._clock, self._sleep = call, config, clock, sleep
        self._made = 0
        self._spent_ns = 0
        self._behind_ns = 0.0

    @property
    def part(self) -> float:
        """How much of the measurement is done, at least, 0..1."""
        if self.sample.stopped:
            return 1.0
        config = self._config
        return max(len(self.sample.latencies_us) / config.samples, self._spent_ns / 1e9 / config.seconds)

    def warm_up(self) -> None:
        """Call until the medians of the last windows agree, or until a bound."""
        config, sample = self._config, self.sample
        medians: list[float] = []
        began = self._clock()
        while sample.warmup_calls < config.warmup and self._clock() - began < config.seconds * 1e9:
            size = min(config.turn, config.warmup - sample.warmup_calls)
            medians.append(statistics.median(self._timed_us() for _ in range(size)))
            sample.warmup_calls += size
            last = medians[-STEADY_WINDOWS:]
            if len(last) == STEADY_WINDOWS and max(last) <= min(last) * (1 + STEADY_PART):
                sample.steady = True
                return

    def take_turn(self) -> None:
        """Measure some calls, and say why where these were the last."""
        config, sample = self._config, self.sample
        before = len(sample.latencies_us)
        began = self._clock()
        size = min(config.turn, config.samples - before)
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
        """Calls at their deadlines. What is late stays late, also into the next turn: a queue does not empty itself."""
        interval_ns = 1e9 / rate
        due = began + interval_ns - self._behind_ns
        for _ in range(size):
            if (wait_ns := due - self._clock()) > 0:
                self._sleep(wait_ns / 1e9)
            service_us = self._timed_us()
            now = self._clock()
            self.sample.service_us.append(service_us)
            self.sample.latencies_us.append((now - due) / 1e3)
            due += interval_ns
            if self._spent_ns + now - began >= self._config.seconds * 1e9:
                break
        self._behind_ns = max(0.0, self._clock() - due + interval_ns)
        self.sample.late = self._behind_ns > LATE_CALLS * interval_ns

    def _timed_us(self) -> float:
        function, argument = self._call.function, self._call.arguments[self._made % len(self._call.arguments)]
        self._made += 1
        started = self._clock()
        function(argument)
        return (self._clock() - started) / 1e3

    def _is_stable(self) -> bool:
        if len(self.sample.latencies_us) < self._config.least:
            return False
        ordered = np.sort(self.sample.latencies_us)
        return all(relative_half_width(ordered, percentile) < STABLE_PART for percentile in (50.0, 90.0))
