"""Where the time of one model goes, operator by operator, by onnxruntime's own profiler."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge_mnist_runtime.engines.options import EngineOptions
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.tensor import Pixels

PROFILED_IMAGES: Final = 64
"""Images in one call: the profiler counts whole microseconds, which is more than some operators need for one."""

PROFILED_CALLS: Final = 100
SETTLING_CALLS: Final = 20
"""Calls before them that do not count."""

KERNEL_SUFFIX: Final = "_kernel_time"

NO_TFLITE_PROFILER: Final = (
    "LiteRT's Python package has no profiler of operators; profile the .onnx twin, "
    "or run LiteRT's own benchmark_model with its profiling of operators"
)


@dataclass(frozen=True)
class OperatorTime:
    """One node of the graph as onnxruntime runs it, after its fusions."""

    name: str
    operator: str
    us_per_image: float
    """In a call of `PROFILED_IMAGES` images."""
    share: float
    """Its part of the time of all operators, 0..1."""


def profile_operators(model: bytes, images: Pixels, *, origin: str, threads: int = 1) -> tuple[OperatorTime, ...]:
    """Time of every operator, longest first.

    Args:
        model: The whole file.
        images: uint8, shape (N, H, W, C), at least one; repeated until they are enough for a call.
        origin: The file's name or path.
        threads: Threads that one call may use.

    Raises:
        UsageError: The file is no .onnx: no other engine tells.
        CorruptModelError: The file cannot be read.
    """
    if Path(origin).suffix != ".onnx":
        raise UsageError(f"{origin}: {NO_TFLITE_PROFILER}")
    from edge_mnist_runtime.engines.onnx_session import OnnxSession

    batch = images[[index % len(images) for index in range(PROFILED_IMAGES)]]
    with tempfile.TemporaryDirectory(prefix="edge-mnist-") as folder:
        options = EngineOptions(threads=threads)
        session = OnnxSession(model, origin=origin, options=options, profile_prefix=str(Path(folder) / "profile"))
        for _ in range(SETTLING_CALLS + PROFILED_CALLS):
            session.run(batch)
        events = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    return summarise_events(events, images=PROFILED_IMAGES)


def summarise_events(events: Iterable[dict[str, Any]], *, images: int) -> tuple[OperatorTime, ...]:
    """Median time of each node, longest first.

    Args:
        events: onnxruntime's, in the order in which they happened; each node's first ones are left out.
        images: In one call.
    """
    durations: dict[tuple[str, str], list[float]] = defaultdict(list)
    for event in events:
        name = str(event.get("name", ""))
        if event.get("cat") == "Node" and name.endswith(KERNEL_SUFFIX):
            durations[name.removesuffix(KERNEL_SUFFIX), event["args"]["op_name"]].append(event["dur"])
    medians = {
        node: statistics.median(times[min(SETTLING_CALLS, len(times) - 1) :]) / images
        for node, times in durations.items()
    }
    total = sum(medians.values()) or 1.0
    longest_first = sorted(medians.items(), key=lambda item: -item[1])
    return tuple(
        OperatorTime(name, operator, round(median, 4), round(median / total, 4))
        for (name, operator), median in longest_first
    )
