"""Warn of conditions that make measured latencies unreliable, and say what to do about each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final

from edge_mnist_runtime.bench.config import BenchmarkConfig
from edge_mnist_runtime.bench.report import MeasuredModel

BUSY_FRACTION: Final = 0.5
"""The machine is busy if its load before the start exceeds this fraction of the usable cores."""

WIDE_SPREAD: Final = 1.5
"""If p90 / p50 of a model exceeds this, something else probably ran at the same time."""


class Noise(Enum):
    """All warnings about a measurement: what was found, and what to do."""

    BUSY = "the machine was busy before the start: load {load:.1f} on {cores}; {advice}"
    GOVERNOR = "the clock may vary: CPU governor {governor}, not performance; set it with cpupower, or as root"
    QUOTA = "the control group allows {quota:g} cores for {threads}; allow more, or measure with `threads=1`"
    MANY_THREADS = "{threads} share {cores}; measure with fewer `threads`"
    UNSTEADY = "{model}: no steady state after {calls:,} calls of warm-up; {advice}"
    SPREAD = "{model}: p90 is {spread:.1f} times p50; {advice}"
    NO_MEMORY = "{model}: import and memory were not measured ({reason}); `startup=False` leaves them out"
    NO_YARDSTICK = "the yardstick was not measured ({reason}); `runs=0` leaves it out, but compare will not decide"
    LATE = "{model}: too slow for the rate, so that calls had to wait; lower `{rate}`"

    def describe(self, **values: Any) -> str:
        """The sentence of one warning."""
        return self.value.format(**values)


def find_noise(environment: Mapping[str, Any], models: Sequence[MeasuredModel], config: BenchmarkConfig) -> list[str]:
    """Find what makes the measured latencies unreliable.

    Args:
        environment: The result of `describe_environment` before the measurement.
        models: The measured models.
        config: The settings, which the advice depends on.

    Returns:
        One sentence for each cause; an empty list if there is none.
    """
    threads = max((model.threads for model in models), default=1)
    return _machine_noise(environment, threads, config) + [
        warning for model in models for warning in _model_noise(model, config)
    ]


def _machine_noise(environment: Mapping[str, Any], threads: int, config: BenchmarkConfig) -> list[str]:
    warnings = []
    cores, load = environment["usable_cores"], environment["load_average_1min"]
    if load is not None and load > BUSY_FRACTION * cores:
        warnings.append(
            Noise.BUSY.describe(load=load, cores=_count(cores, "core"), advice=_advise_against_load(config))
        )
    governor = environment["governor"]
    if governor not in (None, "performance"):
        warnings.append(Noise.GOVERNOR.describe(governor=governor))
    quota = environment["cpu_quota_cores"]
    if quota is not None and quota < threads:
        warnings.append(Noise.QUOTA.describe(quota=quota, threads=_count(threads, "thread")))
    if threads > cores:
        warnings.append(Noise.MANY_THREADS.describe(threads=_count(threads, "thread"), cores=_count(cores, "core")))
    return warnings


def _model_noise(model: MeasuredModel, config: BenchmarkConfig) -> list[str]:
    warnings = []
    if not model.warmup.steady:
        few = model.warmup.calls < BenchmarkConfig.warmup
        advice = "allow more `samples`" if few and config.samples < BenchmarkConfig.warmup else "measure again"
        warnings.append(Noise.UNSTEADY.describe(model=model.label, calls=model.warmup.calls, advice=advice))
    times_us = model.service_us or model.latency_us  # at a rate, latencies hold the time that calls waited for others
    p50, p90 = times_us["p50"], times_us["p90"]
    if p50 and p90 and p90 / p50 > WIDE_SPREAD:
        advice = _advise_against_load(config)
        warnings.append(Noise.SPREAD.describe(model=model.label, spread=p90 / p50, advice=advice))
    if model.late:
        rate = "poisson" if config.poisson else "rate"
        warnings.append(Noise.LATE.describe(model=model.label, rate=rate))
    return warnings


def _advise_against_load(config: BenchmarkConfig) -> str:
    """What helps although other programs run."""
    if config.instructions:
        return "the instructions still hold; stop other programs for latencies"
    if config.runs > 1:
        return "the ratios to the yardstick still hold; stop other programs for latencies"
    return "stop other programs, or measure with more `runs`"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number > 1 else ''}"
