"""Candidates measured in turns: what disturbs the machine disturbs all of them alike."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence


def measure_in_turns(candidates: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, list[float]]:
    """Seconds of every call of every candidate, `rounds` calls each, after one call that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for call in candidates.values():
        call()
    for _ in range(rounds):
        for name, call in candidates.items():
            started = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def command(arguments: Sequence[object], **options: object) -> Callable[[], object]:
    """A candidate that runs a command to its end and fails with it."""
    return lambda: subprocess.run([*map(str, arguments)], check=True, capture_output=True, **options)  # type: ignore[call-overload]


def print_ratios(seconds: Mapping[str, Sequence[float]], *, base: str, unit: str = "s", scale: float = 1.0) -> None:
    """A line a candidate: median, quartiles, and the median's ratio to that of `base`."""
    base_median = statistics.median(seconds[base])
    for name, values in seconds.items():
        low, median, high = statistics.quantiles(values, n=4)
        print(
            f"{name:46}{median * scale:9.3f} {unit}   quartiles {low * scale:.3f}..{high * scale:.3f}"
            f"   {median / base_median:5.2f} x"
        )
