"""Warn of conditions that make measured latencies unreliable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from edge_mnist_runtime.bench.report import MeasuredModel

BUSY_FRACTION: Final = 0.5
"""The machine is busy if its load before the start exceeds this fraction of the usable cores."""

WIDE_SPREAD: Final = 1.5
"""If p90 / p50 of a model exceeds this, something else probably ran at the same time."""


def find_noise(environment: Mapping[str, Any], models: Sequence[MeasuredModel]) -> list[str]:
    """Find what makes the measured latencies unreliable.

    Args:
        environment: The result of `describe_environment` before the measurement.
        models: The measured models.

    Returns:
        One sentence for each cause; an empty list if there is none.
    """
    return _machine_noise(environment, max((model.threads for model in models), default=1)) + [
        warning for model in models for warning in _model_noise(model)
    ]


def _machine_noise(environment: Mapping[str, Any], threads: int) -> list[str]:
    warnings = []
    cores, load = environment["usable_cores"], environment["load_average_1min"]
    if load is not None and load > BUSY_FRACTION * cores:
        warnings.append(
            f"the machine was busy before the start: load {load:.1f} on {cores} core{'s' if cores > 1 else ''}"
        )
    governor = environment["governor"]
    if governor not in (None, "performance"):
        warnings.append(f"the clock may vary: CPU governor {governor}, not performance")
    quota = environment["cpu_quota_cores"]
    if quota is not None and quota < threads:
        warnings.append(f"the control group allows {quota:g} cores for {threads} thread{'s' if threads > 1 else ''}")
    if threads > cores:
        warnings.append(f"{threads} threads share {cores} core{'s' if cores > 1 else ''}")
    return warnings


def _model_noise(model: MeasuredModel) -> list[str]:
    warnings = []
    if not model.warmup.steady:
        warnings.append(f"{model.label}: no steady state after {model.warmup.calls:,} calls of warm-up")
    p50, p90 = model.latency_us["p50"], model.latency_us["p90"]
    if p50 and p90 and p90 / p50 > WIDE_SPREAD:
        warnings.append(f"{model.label}: p90 is {p90 / p50:.1f} times p50")
    if model.late:
        warnings.append(f"{model.label}: too slow for the rate, so that calls had to wait")
    return warnings
