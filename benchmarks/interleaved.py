"""Time several subjects in interleaved rounds, so that a disturbance of the machine affects all of them alike."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence


def measure_interleaved(subjects: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, list[float]]:
    """Time each subject once a round, after one warm-up call each.

    Returns:
        Wall-clock seconds of each call, by subject.
    """
    seconds: dict[str, list[float]] = {name: [] for name in subjects}
    for call in subjects.values():
        call()
    for _ in range(rounds):
        for name, call in subjects.items():
            started = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - started)
    return seconds


def command(arguments: Sequence[object], **options: object) -> Callable[[], object]:
    """Make a subject of a command. A command that fails raises `CalledProcessError`."""
    return lambda: subprocess.run([*map(str, arguments)], check=True, capture_output=True, **options)  # type: ignore[call-overload]


def print_ratios(seconds: Mapping[str, Sequence[float]], *, base: str, unit: str = "s", scale: float = 1.0) -> None:
    """Print each subject's median, quartiles, and the ratio of its median to that of `base`."""
    base_median = statistics.median(seconds[base])
    for name, values in seconds.items():
        low, median, high = statistics.quantiles(values, n=4)
        print(
            f"{name:46}{median * scale:9.3f} {unit}   quartiles {low * scale:.3f}..{high * scale:.3f}"
            f"   {median / base_median:5.2f} x"
        )
