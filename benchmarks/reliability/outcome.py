"""Result of a check, and the memory of this process."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class CheckReport:
    """Result of one check: a row of the table."""

    what: str
    """What was checked."""
    count: int
    """Number of items."""
    result: str
    """The outcome in words."""
    passed: bool
    """Whether the promise was kept."""
    seconds: float
    """Wall-clock time of the whole check."""
    peak_mb: float
    """Peak resident memory of its process."""

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        return asdict(self)


def peak_mb() -> float:
    """Return this process's peak resident memory in MB.

    It is not read from getrusage, whose peak includes that of the parent process.
    """
    return _status_mb("VmHWM")


def resident_mb() -> float:
    """Return this process's resident memory in MB."""
    return _status_mb("VmRSS")


def _status_mb(field: str) -> float:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1000 if found else float("nan")
