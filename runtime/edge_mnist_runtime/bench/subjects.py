"""Find, check and load the models to measure."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_mnist_runtime.bundles.bundled_models import find_bundled
from edge_mnist_runtime.bundles.foreign_files import open_any
from edge_mnist_runtime.bundles.manifest import Manifest, read_proved
from edge_mnist_runtime.bundles.model_files import require_runnable
from edge_mnist_runtime.bundles.opened import choose_artifacts
from edge_mnist_runtime.classifier import DigitClassifier
from edge_mnist_runtime.engines.options import Backend, EngineOptions
from edge_mnist_runtime.errors import ManifestError, MissingExtraError
from edge_mnist_runtime.extras import require_extra
from edge_mnist_runtime.paths import is_folder
from edge_mnist_runtime.tensor import Pixels

LOADS: Final = 5
"""Number of times each model is loaded; medians are reported."""


@dataclass(frozen=True)
class Subject:
    """One loaded model, with its load time."""

    model: str
    """Path of the file, or name of the bundled model."""
    path: Path
    """Path of the file."""
    threads: int
    """Number of threads that one call may use."""
    classifier: DigitClassifier
    load_ms: float
    """From the bytes of the file to a callable model, median of `LOADS`."""
    first_us: float
    """Time of the first prediction after loading, median of `LOADS`."""


def find_models(
    paths: Sequence[Path], *, backend: Backend | None = None
) -> tuple[Sequence[Path | None], list[dict[str, str]]]:
    """Find the model files to measure, and check the hashes of those in bundles.

    Args:
        paths: Model files, names of bundled models, and bundle folders.
        backend: Use only the files of bundles that this back end runs; `auto` and None: all.

    Returns:
        The files to measure, and the files of bundles that cannot run here, each with `model` and `reason`.

    Raises:
        IntegrityError: A bundle is damaged, or holds no models.
        MissingExtraError: No file can run without the extra.
        UsageError: `backend` does not run a single file, or no file of a bundle.
    """
    found: list[Path] = []
    skipped: list[dict[str, str]] = []
    for folder in paths:
        if not is_folder(folder):
            bundled = find_bundled(folder)
            require_runnable(Path(bundled or folder).name, backend)
            found.append(folder)
            continue
        for artifact in choose_artifacts(folder, Manifest.load(folder), backend=backend):
            path = folder / artifact.file
            read_proved(path, artifact.sha256)
            try:
                if artifact.format == "tflite":
                    require_extra("litert", "Running .tflite models", "ai_edge_litert")
                if artifact.format == "onnx":
                    require_extra("onnx", "Running .onnx models", "onnxruntime")
                found.append(path)
            except MissingExtraError as error:
                skipped.append({"model": str(path), "reason": str(error)})
    if not found:
        if skipped:
            raise MissingExtraError("litert", "Running .tflite models")
        raise ManifestError(f"{', '.join(map(str, paths))}: no model files in the bundle; export it again")
    return found, skipped


def load_subject(model: Path | None, image: Pixels, *, threads: int) -> Subject:
    """Load a model several times, and time the loading and the first prediction.

    Args:
        model: A model file, or the name of a bundled model; None is the default one.
        image: Input of the first prediction, uint8, shape (28, 28).
        threads: Number of threads that one call may use.

    Raises:
        As `DigitClassifier`.
    """
    load_times_ms, first_times_us = [], []
    for _ in range(LOADS):
        started = time.perf_counter_ns()
        engine = open_any(model, options=EngineOptions(threads=threads))
        load_times_ms.append((time.perf_counter_ns() - started) / 1e6)
        classifier = DigitClassifier.from_engine(engine)
        started = time.perf_counter_ns()
        classifier.predict(image)
        first_times_us.append((time.perf_counter_ns() - started) / 1e3)
    bundled = find_bundled(model)
    return Subject(
        Path(bundled).stem if bundled else str(model),
        Path(bundled or str(model)),
        threads,
        classifier,
        round(statistics.median(load_times_ms), 3),
        round(statistics.median(first_times_us), 2),
    )
