"""Measure the energy of a digit with the processor's own counter (RAPL), where Linux lets this user read it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

POWERCAP: Final = Path("sys/class/powercap")
PACKAGE_NAME: Final = "package"
"""Zones of this name are whole processors. Other zones are parts of these, or the whole machine."""

SECONDS: Final = 1.0
"""The counter steps every millisecond, so a second is precise to a thousandth."""

CALLS_BETWEEN_CLOCKS: Final = 20


class NoEnergyCounterError(Exception):
    """The energy cannot be measured; the message says why and what to do."""


class EnergyCounter:
    """The energy counters of all processors of this machine.

    Args:
        root: The folder that contains /sys.

    Raises:
        NoEnergyCounterError: There is none, or this user may not read it.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._zones = [
            zone for zone in sorted((root / POWERCAP).glob("*:*")) if _read(zone / "name").startswith(PACKAGE_NAME)
        ]
        if not self._zones:
            raise NoEnergyCounterError("this machine has no energy counter (RAPL)")
        self._ranges_uj = [int(_read(zone / "max_energy_range_uj") or 0) for zone in self._zones]
        self.read()

    def read(self) -> list[int]:
        """Microjoules of each processor since some moment.

        Raises:
            NoEnergyCounterError: This user may not read it.
        """
        try:
            return [int((zone / "energy_uj").read_text("utf-8")) for zone in self._zones]
        except PermissionError as error:
            raise NoEnergyCounterError(
                f"no permission for the energy counter; run as root, or allow reading {error.filename}"
            ) from error
        except (OSError, ValueError) as error:
            raise NoEnergyCounterError(f"the energy counter cannot be read ({error})") from error

    def spent_uj(self, before: list[int], after: list[int]) -> int:
        """Microjoules between two readings, also if a counter started again at 0."""
        pairs = zip(before, after, self._ranges_uj, strict=True)
        return sum(now - then if now >= then else now - then + limit for then, now, limit in pairs)


def measure_energy_uj(call: Callable[[int], object], counter: EnergyCounter) -> float:
    """Microjoules of one call, from calls during `SECONDS`. What else the machine does counts too.

    Args:
        call: Called with 0, 1, 2, ...
        counter: The machine's counter.

    Raises:
        NoEnergyCounterError: As `EnergyCounter.read`.
    """
    n_calls, before = 0, counter.read()
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        for _ in range(CALLS_BETWEEN_CLOCKS):
            call(n_calls)
            n_calls += 1
    return round(counter.spent_uj(before, counter.read()) / n_calls, 2)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except OSError:
        return ""
