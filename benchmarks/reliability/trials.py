"""Read thousands of damaged files in worker processes, and count crashes and hangs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from benchmarks.reliability.attempts import UNEXPECTED
from benchmarks.reliability.outcome import CheckReport

MAX_ITEM_S: Final = 5.0
"""Allowed processor time for one item."""

MAX_MEMORY_MB: Final = 700.0
"""Allowed peak memory of a process: twice 160 MB for the largest picture, plus the libraries."""


@dataclass
class Tally:
    """Counts of all outcomes so far."""

    outcomes: Counter[str] = field(default_factory=Counter)
    stopped: dict[int, str] = field(default_factory=dict)
    """How each item that ended its process did so, by number."""
    unexpected: dict[int, str] = field(default_factory=dict)
    slowest: tuple[float, int] = (0.0, -1)
    """Processor time in seconds, and the item's number."""
    peak_mb: float = 0.0

    def add(self, number: int, record: dict[str, object]) -> None:
        """Count an item that did not end its process."""
        outcome = str(record["outcome"])
        if outcome.startswith(UNEXPECTED):
            self.unexpected[number] = outcome
        self.outcomes[UNEXPECTED if outcome.startswith(UNEXPECTED) else outcome] += 1
        self.slowest = max(self.slowest, (float(str(record["seconds"])), number))
        self.peak_mb = max(self.peak_mb, float(str(record["peak_mb"])))


def check_damaged_files(what: str, kind: str, model: str, *, count: int) -> CheckReport:
    """Read `count` damaged files. A new process starts only after a crash or hang."""
    tally = Tally()
    started = time.perf_counter()
    start = 0
    while start < count:
        start = _run_worker(kind, model, start, count, tally)
    seconds = time.perf_counter() - started
    for number, problem in {**tally.stopped, **tally.unexpected}.items():
        print(f"  item {number}: {problem}", file=sys.stderr)
    found = ", ".join(f"{times:,} {outcome}" for outcome, times in tally.outcomes.most_common())
    ends = Counter(tally.stopped.values())
    crashes = ", ".join(f"{times} {how}" for how, times in ends.items()) or "no crash, no hang"
    passed = not tally.stopped and not tally.unexpected and tally.slowest[0] <= MAX_ITEM_S
    return CheckReport(
        what,
        count,
        f"{crashes}; {found}; slowest {tally.slowest[0]:.2f} s",
        passed and tally.peak_mb <= MAX_MEMORY_MB,
        seconds,
        tally.peak_mb,
    )


def _run_worker(kind: str, model: str, start: int, stop: int, tally: Tally) -> int:
    """Run a worker until it ends, and return the number of the next item."""
    command = [sys.executable, "-m", "benchmarks.reliability.worker", kind, model, str(start), str(stop)]
    number = start - 1
    with tempfile.TemporaryFile("w+") as errors:
        # Not a pipe: decoders print about damaged files and would fill it.
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                tally.add(number, json.loads(line))
            else:
                number = int(line)
        code = process.wait()
        if code == 0:
            return stop
        errors.seek(0)
        text = errors.read()
    if number < start:
        raise RuntimeError(f"{' '.join(command)} attempted nothing: {text[-2000:]}")
    tally.stopped[number] = _explain_end(code, text)
    return number + 1


def _explain_end(code: int, errors: str) -> str:
    if code < 0:
        return signal.Signals(-code).name
    return "hangs" if "Timeout" in errors else f"exits {code}: {errors[-500:]}"
