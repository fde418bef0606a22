"""Time every operator of an .onnx model with onnxruntime's own profiler."""

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
"""Images in one call. The profiler counts whole microseconds, and some operators need less than one for an image."""

PROFILED_CALLS: Final = 100
SETTLING_CALLS: Final = 20
"""Uncounted calls before the profiled ones."""

KERNEL_SUFFIX: Final = "_kernel_time"

NO_TFLITE_PROFILER: Final = (
    "LiteRT's Python package has no profiler of operators; profile the .onnx file of the same model, "
    "or run LiteRT's own benchmark_model with its profiling of operators"
)


@dataclass(frozen=True)
class OperatorTime:
    """Time of one node of the graph that onnxruntime runs, after its fusions."""

    name: str
    operator: str
    us_per_image: float
    """Microseconds for one image, in a call of `PROFILED_IMAGES` images."""
    share: float
    """Fraction of the time of all operators, 0..1."""


def profile_operators(model: bytes, images: Pixels, *, origin: str, threads: int = 1) -> tuple[OperatorTime, ...]:
    """Time every operator of a model, slowest first.

    Args:
        model: Bytes of the .onnx file.
        images: uint8, shape (N, H, W, C), N at least 1; repeated to fill a call.
        origin: The file's name or path.
        threads: Threads that one call may use.

    Raises:
        UsageError: The file is not .onnx; no other engine has a profiler.
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
    """Compute the median time of each node, slowest first.

    Args:
        events: onnxruntime's profile events in order of time. The first `SETTLING_CALLS` of each node are left out.
        images: Number of images in one call.
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
    slowest_first = sorted(medians.items(), key=lambda item: -item[1])
    return tuple(
        OperatorTime(name, operator, round(median, 4), round(median / total, 4))
        for (name, operator), median in slowest_first
    )
