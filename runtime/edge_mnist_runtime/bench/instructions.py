"""Count the instructions that each model needs for a digit: a figure without noise from the machine.

The processor's counter is used if the kernel allows it, else valgrind's callgrind. Valgrind emulates a processor with
AVX2 at most, so engines choose other code there: the record says which features they saw.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from edge_mnist_runtime.bench.fresh_process import FreshProcessError, run_fresh
from edge_mnist_runtime.bench.instruction_counters import (
    CallgrindCounter,
    NoCounterError,
    PerfEventCounter,
    read_callgrind_counts,
)
from edge_mnist_runtime.contract import IMAGE_SHAPE
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.machine.environment import read_instruction_sets
from edge_mnist_runtime.machine.machine_code import MachineCodeError, read_cpuid_features
from edge_mnist_runtime.tensor import Pixels

FEW_CALLS, MANY_CALLS = 10, 30
"""A count is the difference of this many calls, divided by the difference of their numbers."""

REPEATS: Final = 3
"""Each is counted so often. The least count is used, because other threads and the interpreter only add to it."""

TOLERANCE: Final = 0.01
"""Two counts of one model differ by less than this fraction: by 0.7 % at most in ten runs of each shipped model."""

WARMUP_CALLS: Final = 20

TIMEOUT_S: Final = 600

COUNT_PROGRAM: Final = """
import sys
sys.path[0] = sys.argv[1]
from edge_mnist_runtime.bench.instructions import print_counts
print_counts(*sys.argv[2:])
"""


@dataclass(frozen=True)
class InstructionCount:
    """Instructions of one call of the engine with one digit, on one thread, Python's share included."""

    per_digit: int
    counter: str
    """`perf_event` (the processor's, in user space) or `callgrind`."""
    features: list[str]
    """What the engine saw of `CPUID_BITS`, or of the instruction sets in /proc/cpuinfo on other processors than x86."""

    @property
    def conditions(self) -> tuple[str, list[str]]:
        """What must be equal in two counts to be comparable."""
        return self.counter, self.features


def count_instructions(models: Sequence[str], images: Pixels, *, counter: str | None = None) -> list[InstructionCount]:
    """Count the instructions of models in a new process.

    Args:
        models: Paths of model files or names of bundled models.
        images: Input images in rotation, uint8, shape (N, 28, 28, 1).
        counter: `callgrind` to use no other; None: the processor's if possible.

    Raises:
        UsageError: There is no counter, or valgrind does not know an instruction of an engine.
    """
    valgrind = shutil.which("valgrind") if counter == CallgrindCounter.name else find_valgrind()
    if valgrind is None:
        return _summarise(json.loads(_run([PerfEventCounter.name, *models], images)), models, PerfEventCounter.name)
    with tempfile.TemporaryDirectory(prefix="edge-mnist-") as folder:
        out_file = Path(folder) / "counts"
        wrapper = [valgrind, "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out_file}"]
        record = json.loads(_run([CallgrindCounter.name, *models], images, wrapper))
        try:
            record["counts"] = read_callgrind_counts(out_file)
        except NoCounterError as error:
            raise UsageError(f"`instructions`: {error}") from error
    return _summarise(record, models, CallgrindCounter.name)


def find_valgrind() -> str | None:
    """Path of valgrind, or None if the processor's own counter can be used.

    Raises:
        UsageError: There is neither.
    """
    try:
        PerfEventCounter().close()
        return None
    except NoCounterError as error:
        valgrind = shutil.which("valgrind")
        if valgrind is None:
            raise UsageError(f"`instructions`: {error}, and valgrind is not installed; install it") from error
        return valgrind


def _run(arguments: list[str], images: Pixels, wrapper: Sequence[str] = ()) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    try:
        return run_fresh(
            *(COUNT_PROGRAM, *arguments),
            data=images.tobytes(),
            environment=environment,
            wrapper=wrapper,
            timeout_s=TIMEOUT_S,
        )
    except FreshProcessError as error:
        raise UsageError(f"`instructions`: the counted process failed ({explain_failure(error)})") from error


def explain_failure(error: FreshProcessError) -> str:
    """Say why a counted process failed."""
    if "nrecognised instruction" in error.written or "unhandled instruction" in error.written:
        return "this valgrind does not know an instruction of the engine; use a newer one"
    own = [line for line in error.written.splitlines() if not line.startswith("==")]  # the others are valgrind's
    return own[-1] if own else str(error)


def _summarise(record: dict[str, Any], models: Sequence[str], counter: str) -> list[InstructionCount]:
    each = 2 * REPEATS
    counts = record["counts"]
    if len(counts) != each * len(models):
        raise UsageError(f"`instructions`: {counter} gave {len(counts)} counts, not {each * len(models)}")
    return [
        InstructionCount(difference_per_call(counts[each * index : each * (index + 1)]), counter, record["features"])
        for index in range(len(models))
    ]


def difference_per_call(counts: Sequence[int]) -> int:
    """Instructions of one call, from counts of `FEW_CALLS` and `MANY_CALLS` calls in turns.

    The difference leaves out what the counting itself costs.
    """
    return round((min(counts[1::2]) - min(counts[::2])) / (MANY_CALLS - FEW_CALLS))


def print_counts(counter_name: str, *models: str) -> None:
    """Count in this process and print JSON; `count_instructions` runs this in a new process.

    Args:
        counter_name: `perf_event` or `callgrind`.
        models: Paths of model files or names of bundled models.
    """
    import gc

    from edge_mnist_runtime.bundles.foreign_files import open_any

    counter = PerfEventCounter() if counter_name == PerfEventCounter.name else CallgrindCounter()
    images = [image.tobytes() for image in np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(-1, *IMAGE_SHAPE)]
    engines = [open_any(model) for model in models]
    gc.collect()
    gc.disable()
    counts: list[int | None] = []
    for engine in engines:

        def run(n_calls: int, run_bytes: Any = engine.run_bytes) -> None:
            for index in range(n_calls):
                run_bytes(images[index % len(images)])

        run(WARMUP_CALLS)
        for _ in range(REPEATS):
            counts += [counter.count(partial(run, n_calls)) for n_calls in (FEW_CALLS, MANY_CALLS)]
    print(json.dumps({"counts": counts, "features": _visible_features()}))


def _visible_features() -> list[str]:
    try:
        return read_cpuid_features()
    except MachineCodeError:
        return read_instruction_sets(Path("/proc/cpuinfo").read_text("utf-8")) or []
