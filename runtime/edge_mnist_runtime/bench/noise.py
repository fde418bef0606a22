"""What makes the figures of a measurement hard to trust: one sentence for each cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

BUSY_PART: Final = 0.5
"""Load before the start, as a part of the usable cores, from which on the machine counts as busy."""

WIDE_SPREAD: Final = 1.5
"""p90 / p50 of one model from which on something else must have run beside it."""


def find_noise(environment: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> list[str]:
    """What speaks against the figures.

    Args:
        environment: As `describe_environment` gave it before the measurement.
        models: The measured models, as the report has them.

    Returns:
        One sentence for each cause, none where nothing speaks against them.
    """
    return _machine_noise(environment, max((model["threads"] for model in models), default=1)) + [
        warning for model in models for warning in _model_noise(model)
    ]


def _machine_noise(environment: Mapping[str, Any], threads: int) -> list[str]:
    warnings = []
    cores, load = environment["usable_cores"], environment["load_average_1min"]
    if load is not None and load > BUSY_PART * cores:
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


def _model_noise(model: Mapping[str, Any]) -> list[str]:
    name = Path(model["model"]).name + (f" with {model['threads']} threads" if model["threads"] > 1 else "")
    latency_us = model["latency_us"]
    warnings = []
    if not model["warmup"]["steady"]:
        warnings.append(f"{name}: no steady state after {model['warmup']['calls']:,} calls of warm-up")
    p50, p90 = latency_us["p50"], latency_us["p90"]
    if p50 and p90 and p90 / p50 > WIDE_SPREAD:
        warnings.append(f"{name}: p90 is {p90 / p50:.1f} times p50")
    if model["late"]:
        warnings.append(f"{name}: too slow for the rate, so that digits had to wait")
    return warnings
