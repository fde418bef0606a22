"""How long a digit takes on this machine: every model measured in turns, in one process, on real digits in rotation."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from edge_mnist_runtime.bundled_models import find_bundled
from edge_mnist_runtime.classifier import DigitClassifier, open_model
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.engines import MAX_THREADS
from edge_mnist_runtime.errors import ManifestError, MissingExtraError, UsageError
from edge_mnist_runtime.extras import require_extra
from edge_mnist_runtime.manifest import Manifest, read_proved
from edge_mnist_runtime.versions import installed_versions

BENCH_SCHEMA_VERSION: Final = 1

LEAST_SAMPLES: Final = {50: 1, 90: 64, 99: 662}
"""Samples from which a percentile is given: MLPerf LoadGen's early-stopping rule at 99 % confidence; below, null."""

ROUND_SAMPLES: Final = 50
"""One-image calls of one model before the next model's turn: what disturbs the machine disturbs all of them."""

LOADS: Final = 5
"""How often each model is loaded; the median is reported."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """What is measured.

    Raises:
        UsageError: A value is out of its range; the message names the option.
    """

    samples: int = 3000
    """One-image calls of each model, at least 1."""
    warmup: int = 300
    """Calls before them that do not count."""
    batch_sizes: tuple[int, ...] = (32, 256)
    """Images in one call, for throughput."""
    threads: int = 1
    """Threads that one call may use."""

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise UsageError(f"--samples must be at least 1, not {self.samples}")
        if self.warmup < 0:
            raise UsageError(f"warmup must be at least 0, not {self.warmup}")
        if not self.batch_sizes or min(self.batch_sizes) < 1:
            raise UsageError(f"batch_sizes must be one or more sizes of at least 1, not {self.batch_sizes}")
        if not 1 <= self.threads <= MAX_THREADS:
            raise UsageError(f"--threads must be 1..{MAX_THREADS}, not {self.threads}")


@dataclass(frozen=True)
class ModelTiming:
    """One model's figures."""

    model: str
    """Path of the file, or name of the bundled one."""
    backend: str
    precision: str
    size_bytes: int
    load_ms: float
    """From the bytes of the file to a model that can be called, median of five."""
    first_us: float
    """The first prediction after loading."""
    samples: int
    """One-image predictions behind the percentiles."""
    latency_us: dict[str, float | None]
    """`p50`, `p90`, `p99` of one `DigitClassifier.predict` of a (28, 28) array; null where the sample is too small."""
    images_per_second: dict[str, float]
    """Throughput of `predict_batch`, by batch size."""


def find_models(paths: Sequence[Path]) -> tuple[Sequence[Path | None], list[dict[str, str]]]:
    """Model files to measure: lone files as they are, and those of bundles, proved whole.

    Returns:
        The files, and those of bundles that cannot run here, as `model` and `reason`.

    Raises:
        IntegrityError: A bundle is damaged, or holds no models.
        MissingExtraError: Nothing can be measured without it.
    """
    found: list[Path] = []
    skipped: list[dict[str, str]] = []
    for folder in paths:
        if not folder.is_dir():
            found.append(folder)
            continue
        for artifact in Manifest.load(folder).artifacts:
            path = folder / artifact.file
            read_proved(path, artifact.sha256)
            try:
                if artifact.format == "tflite":
                    require_extra("litert", "Running .tflite models", "ai_edge_litert")
                found.append(path)
            except MissingExtraError as error:
                skipped.append({"model": str(path), "reason": str(error)})
    if not found:
        if skipped:
            raise MissingExtraError("litert", "Running .tflite models")
        raise ManifestError(f"{', '.join(map(str, paths))}: no model files in the bundle; export it again")
    return found, skipped


def run_benchmark(
    models: Sequence[Path | None],
    digits: LabelledDigits,
    config: BenchmarkConfig,
    *,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Any]:
    """Measure models side by side.

    Args:
        models: Model files, or names of bundled models; None is the default one.
        digits: Images that take turns as input.
        config: What is measured.
        on_progress: Called with the one-image rounds done and to do.

    Returns:
        The JSON report: `schema_version`, `env`, `digits`, `config`, `models`.

    Raises:
        As `DigitClassifier` does, for any of the models.
    """
    environment = describe_environment()  # before our own work shows in the load average
    loaded = [_load(model, config.threads) for model in models]
    classifiers = [classifier for classifier, *_ in loaded]
    singles = list(digits.images[..., 0])
    firsts = [_time_us(classifier, singles[0]) for classifier in classifiers]
    for classifier in classifiers:
        for index in range(config.warmup):
            classifier.predict(singles[index % len(singles)])
    latencies: list[list[float]] = [[] for _ in classifiers]
    for done in range(0, config.samples, ROUND_SAMPLES):
        on_progress(done, config.samples)
        for classifier, measured in zip(classifiers, latencies, strict=True):
            for index in range(done, min(done + ROUND_SAMPLES, config.samples)):
                measured.append(_time_us(classifier, singles[index % len(singles)]))
    throughputs = [_throughput(classifier, digits, config.batch_sizes) for classifier in classifiers]
    on_progress(config.samples, config.samples)
    timings = [
        ModelTiming(
            model=name,
            backend=classifier.engine.backend,
            precision=classifier.engine.contract.precision,
            size_bytes=size_bytes,
            load_ms=load_ms,
            first_us=first_us,
            samples=len(measured),
            latency_us={f"p{percentile}": _percentile(measured, percentile) for percentile in LEAST_SAMPLES},
            images_per_second=throughput,
        )
        for (classifier, name, size_bytes, load_ms), first_us, measured, throughput in zip(
            loaded, firsts, latencies, throughputs, strict=True
        )
    ]
    return {
        "schema_version": BENCH_SCHEMA_VERSION,
        "env": environment,
        "digits": {"name": digits.name, "split": digits.split, "n": len(digits), "sha256": digits.sha256},
        "config": asdict(config),
        "models": [asdict(timing) for timing in timings],
    }


def describe_environment() -> dict[str, Any]:
    """The machine and the versions that a figure was measured with."""
    return {
        "cpu": _cpu_name(),
        "machine": platform.machine(),
        "system": platform.system(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_average_1min": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "versions": installed_versions("edge-mnist", "onnxruntime", "ai-edge-litert", "numpy", "pillow"),
    }


def _load(model: Path | None, threads: int) -> tuple[DigitClassifier, str, int, float]:
    times_ms = []
    for _ in range(LOADS):
        started = time.perf_counter_ns()
        engine = open_model(model, threads=threads)
        times_ms.append((time.perf_counter_ns() - started) / 1e6)
    name = bundled.stem if (bundled := find_bundled(model)) else str(model)
    size_bytes = engine.size_bytes
    return DigitClassifier.from_engine(engine), name, size_bytes, statistics.median(times_ms)


def _time_us(classifier: DigitClassifier, image: Any) -> float:
    started = time.perf_counter_ns()
    classifier.predict(image)
    return (time.perf_counter_ns() - started) / 1e3


def _throughput(classifier: DigitClassifier, digits: LabelledDigits, sizes: Sequence[int]) -> dict[str, float]:
    """Images per second of `predict_batch`, the median of several calls, by batch size."""
    result = {}
    for size in sizes:
        batch = digits.images[np.arange(size) % len(digits)]
        classifier.predict_batch(batch)
        times = []
        for _ in range(max(3, 2048 // size)):
            started = time.perf_counter_ns()
            classifier.predict_batch(batch)
            times.append(time.perf_counter_ns() - started)
        result[str(size)] = round(size / (statistics.median(times) / 1e9), 1)
    return result


def _percentile(values: Sequence[float], percentile: int) -> float | None:
    if len(values) < LEAST_SAMPLES[percentile]:
        return None
    return round(float(np.percentile(values, percentile)), 2)


def _cpu_name() -> str:
    """The processor's name as Linux has it on x86 (`model name`) or ARM boards (`Model`), else Python's."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return fields.get("model name") or fields.get("Model") or platform.processor() or platform.machine()
