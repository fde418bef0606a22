"""Attempts in a process of their own, which may crash: python -m benchmarks.reliability.worker KIND MODEL START STOP.

Prints a line before and a line after each item, so that whoever reads them knows which one a crash belongs to.
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
"""An item that takes longer, by the clock on the wall, ends the process."""

MOST_ADDRESSES_BYTES: Final = 8 * 2**30
"""A file that wants more must not take the whole machine down: its allocation fails."""


def main() -> None:
    """Attempt the items START to STOP - 1."""
    kind, model, start, stop = sys.argv[1:]
    faulthandler.enable()
    warnings.simplefilter("ignore")  # Pillow's, about the damage that is done here on purpose
    resource.setrlimit(resource.RLIMIT_AS, (MOST_ADDRESSES_BYTES, MOST_ADDRESSES_BYTES))
    attempt = ATTEMPTS[kind](model)
    for number in range(int(start), int(stop)):
        print(number, flush=True)
        faulthandler.dump_traceback_later(HANGS_AFTER_S, exit=True)  # by a thread in C: it ends native loops, too
        started = time.process_time()  # not the wall's: what a busy machine keeps it waiting is not the file's doing
        outcome = attempt(number)
        seconds = time.process_time() - started
        faulthandler.cancel_dump_traceback_later()
        record = {"outcome": outcome, "seconds": seconds, "peak_mb": peak_mb()}
        print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
