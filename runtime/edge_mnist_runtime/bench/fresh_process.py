"""Run a program in a new process, and measure import time and peak memory there.

Imports and memory of this process would distort them.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from edge_mnist_runtime.errors import first_line

IMPORTS: Final = {
    "onnxruntime": ("edge_mnist_runtime.classifier", "edge_mnist_runtime.engines.onnx_session"),
    "native": ("edge_mnist_runtime.classifier", "edge_mnist_runtime.engines.native_library"),
    "litert": (
        "edge_mnist_runtime.classifier",
        "edge_mnist_runtime.engines.tflite_interpreter",
        "ai_edge_litert.interpreter",
    ),
}
"""Modules that each back end imports before it can load a model."""

IMPORT_STARTS: Final = 3
"""Number of cold starts; the median is reported."""

MEMORY_CALLS: Final = 20
"""One-image calls before the peak is read, because engines allocate in the first calls."""

PROCESS_TIMEOUT_S: Final = 120
"""Seconds after which a process is killed."""

IMPORT_PROGRAM: Final = """
import sys, time
sys.path[0] = sys.argv[1]
from importlib import import_module
started = time.perf_counter_ns()
for module in sys.argv[2:]:
    import_module(module)
print((time.perf_counter_ns() - started) / 1e6)
"""

MEMORY_PROGRAM: Final = """
import sys
sys.path[0] = sys.argv[1]
from edge_mnist_runtime.bench.fresh_process import print_memory
print_memory(*sys.argv[2:])
"""


class FreshProcessError(Exception):
    """A new process failed or printed nothing; the message says why.

    Args:
        message: The last line that it wrote to standard error, or what the system said.
        written: Everything that it wrote to standard error.
    """

    def __init__(self, message: str, written: str = "") -> None:
        super().__init__(message)
        self.written = written


def measure_import_ms(backend: str) -> float:
    """Time the imports of a back end in new processes: median of `IMPORT_STARTS`, in milliseconds.

    Raises:
        FreshProcessError: No process could be started, or it failed.
    """
    return statistics.median(float(run_fresh(IMPORT_PROGRAM, *IMPORTS[backend])) for _ in range(IMPORT_STARTS))


def measure_memory_mb(model: str, backend: str, threads: int) -> dict[str, float]:
    """Measure the memory of one model in a new process, in megabytes of 10^6 bytes.

    Args:
        model: Path of a model file, or name of a bundled one.
        backend: Its back end.
        threads: Threads that one call may use.

    Returns:
        `imports`: resident memory with the engine imported and no model loaded; `peak`: the maximum while the model
        was loaded and predicted single images; `model`: the difference; `init`: the same difference before the first
        prediction.

    Raises:
        FreshProcessError: No process could be started, or it failed.
    """
    record: dict[str, float] = json.loads(run_fresh(MEMORY_PROGRAM, model, backend, str(threads)))
    return record


def print_memory(model: str, backend: str, threads: str) -> None:
    """Measure in this process and print JSON; `measure_memory_mb` runs this in a new process."""
    for module in IMPORTS[backend]:
        import_module(module)
    import numpy as np

    from edge_mnist_runtime.bundles.foreign_files import open_any
    from edge_mnist_runtime.engines.options import EngineOptions

    imports = _resident_mb(peak=False)
    _forget_peak()
    engine = open_any(model, options=EngineOptions(threads=int(threads)))
    loaded = _resident_mb(peak=True)
    image = np.zeros((1, *engine.contract.image_shape), np.uint8)
    for _ in range(MEMORY_CALLS):
        engine.run(image)
    peak = _resident_mb(peak=True)
    grown, init = (round(max(highest - imports, 0.0), 3) for highest in (peak, loaded))
    print(json.dumps({"imports": imports, "peak": peak, "model": grown, "init": init}))


def run_fresh(
    program: str,
    *arguments: str,
    data: bytes | None = None,
    environment: Mapping[str, str] | None = None,
    wrapper: Sequence[str] = (),
    timeout_s: float = PROCESS_TIMEOUT_S,
) -> str:
    """Run a Python program in a new process, and return the last line that it prints.

    Args:
        program: Source text. `sys.argv[1]` is the folder that contains this package.
        arguments: Its further arguments.
        data: Bytes for its standard input.
        environment: Environment variables; None: those of this process.
        wrapper: A command that runs the process, with its options.
        timeout_s: Seconds after which the process is killed.

    Raises:
        FreshProcessError: No process could be started, it failed, or it took too long.
    """
    if getattr(sys, "frozen", False):
        raise FreshProcessError("a frozen application cannot start a bare Python")  # sys.executable is the application
    command = [*wrapper, sys.executable, "-c", program, str(Path(__file__).parents[2]), *arguments]
    try:
        done = subprocess.run(command, check=False, capture_output=True, input=data, env=environment, timeout=timeout_s)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise FreshProcessError(first_line(error)) from error
    printed, written = (text.decode("utf-8", "replace").strip() for text in (done.stdout, done.stderr))
    if done.returncode or not printed:
        raise FreshProcessError((written or f"exit code {done.returncode}").splitlines()[-1], written)
    return printed.splitlines()[-1]


def _resident_mb(*, peak: bool) -> float:
    """Resident memory of this process, now or at its peak, in megabytes."""
    try:
        lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    except OSError:  # not Linux: only the peak is known
        import resource

        highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return round(highest * (1 if sys.platform == "darwin" else 1024) / 1e6, 3)
    fields: dict[str, Any] = dict(line.split(":", 1) for line in lines if ":" in line)
    return round(int(fields["VmHWM" if peak else "VmRSS"].split()[0]) * 1024 / 1e6, 3)


def _forget_peak() -> None:
    """Reset the recorded peak, because imports may use more memory for a moment than they keep (Linux only)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return
