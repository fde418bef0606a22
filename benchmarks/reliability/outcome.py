"""What a check found, and the memory that it took."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class CheckReport:
    """One row of the table."""

    what: str
    """What was done."""
    count: int
    """How many times."""
    result: str
    """What came of it, in words."""
    passed: bool
    """Whether that is what was promised."""
    seconds: float
    """How long it took, in all."""
    peak_mb: float
    """The most memory that the process doing it held at any time."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def peak_mb() -> float:
    """The most memory, in MB, that this process has held.

    Not from getrusage: its peak begins with that of the process that started this one.
    """
    return _status_mb("VmHWM")


def held_mb() -> float:
    """Memory, in MB, that this process holds now."""
    return _status_mb("VmRSS")


def _status_mb(field: str) -> float:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1000 if found else float("nan")
