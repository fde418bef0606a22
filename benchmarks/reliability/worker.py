"""Worker process that reads damaged files and may crash.

    python -m benchmarks.reliability.worker KIND MODEL START STOP

It prints a line before and after each item, so that the parent knows which item caused a crash.
"""

from __future__ import annotations

import faulthandler
import json
import resource
import sys
import time
import warnings
from typing import Final

from benchmarks.reliability.attempts import ATTEMPTS
from benchmarks.reliability.outcome import peak_mb

HANGS_AFTER_S: Final = 120
"""An item that takes longer, in wall-clock time, ends the process."""

MAX_ADDRESS_SPACE_BYTES: Final = 8 * 2**30
"""Larger allocations fail, so that a hostile file does not exhaust the machine's memory."""


def main() -> None:
    """Attempt the items START to STOP - 1."""
    kind, model, start, stop = sys.argv[1:]
    faulthandler.enable()
    warnings.simplefilter("ignore")  # Pillow warns about the damage
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_SPACE_BYTES, MAX_ADDRESS_SPACE_BYTES))
    attempt = ATTEMPTS[kind](model)
    for number in range(int(start), int(stop)):
        print(number, flush=True)
        faulthandler.dump_traceback_later(HANGS_AFTER_S, exit=True)  # from a C thread, so it also ends native loops
        started = time.process_time()  # not wall-clock time, which depends on the load
        outcome = attempt(number)
        seconds = time.process_time() - started
        faulthandler.cancel_dump_traceback_later()
        record = {"outcome": outcome, "seconds": seconds, "peak_mb": peak_mb()}
        print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
