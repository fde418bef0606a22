"""Choose a bundle's fastest file on this machine by measuring all of them (`backend="auto"`)."""

from __future__ import annotations

import io
import statistics
from pathlib import Path
from typing import Final

import numpy as np

from edge_mnist_runtime.bundles.bundled_models import BUNDLED_GOLDEN, read_package_file
from edge_mnist_runtime.bundles.libraries import find_bundled_library, is_library
from edge_mnist_runtime.bundles.manifest import GOLDEN_FILE, Artifact, Manifest, read_proved
from edge_mnist_runtime.bundles.opened import MeasuredFile, OpenedModel
from edge_mnist_runtime.bundles.verification import Golden, read_golden, replay_engine
from edge_mnist_runtime.engines import Engine
from edge_mnist_runtime.engines.opening import open_engine
from edge_mnist_runtime.engines.options import FORMAT_OF, EngineOptions
from edge_mnist_runtime.errors import GateError, IntegrityError, MissingExtraError, UsageError
from edge_mnist_runtime.timing.sampling import Call, SamplingConfig, sample_interleaved

SHORT_LOOK: Final = SamplingConfig(samples=300, seconds=0.02, warmup=50, min_samples=100, round_calls=25)
"""How long each file is measured: 20 ms are enough to tell files apart that differ by 10 %."""


def choose_fastest(folder: Path, manifest: Manifest, options: EngineOptions) -> OpenedModel:
    """Load each file of a bundle that runs here and gives its recorded answers, and return the fastest.

    Args:
        folder: The bundle.
        manifest: Its manifest.
        options: Threads, memory and providers. Files whose engine does not support them are skipped.

    Raises:
        IntegrityError: A file is missing or damaged.
        GateError: No file gives its recorded answers here.
        UsageError: No engine supports the options.
    """
    manifest.require_runnable(folder)
    sha256 = manifest.files.get(GOLDEN_FILE)
    if sha256 is None:
        raise IntegrityError(f"{folder}: no {GOLDEN_FILE} to check answers with; export it again, or name a back end")
    golden = read_golden(read_proved(folder / GOLDEN_FILE, sha256), folder)
    engines: dict[str, Engine] = {}
    reasons: dict[str, Exception] = {}
    for artifact in manifest.runnable:
        try:
            engines[artifact.file] = _open_proved(folder, artifact, golden, options)
        except (MissingExtraError, UsageError, GateError) as error:
            reasons[artifact.file] = error
    if not engines:
        raise _nothing_left(folder, list(reasons.values()))
    medians = _measure(engines, golden)
    fastest = min(medians, key=lambda file: medians[file])
    measured = tuple(
        MeasuredFile(
            artifact.file,
            next(backend for backend, name in FORMAT_OF.items() if name == artifact.format),
            artifact.precision,
            medians.get(artifact.file),
            str(reasons[artifact.file]) if artifact.file in reasons else None,
        )
        for artifact in manifest.runnable
    )
    return OpenedModel(engines[fastest], str(folder / fastest), measured)


def choose_bundled(path: str, options: EngineOptions) -> OpenedModel:
    """Load a model inside this package from its ONNX file and, if there is one, from its library; return the faster.

    Args:
        path: Of the ONNX file.
        options: As for `choose_fastest`.

    Raises:
        IntegrityError: The library is damaged.
        MissingExtraError: Neither runs here, and onnxruntime is not installed.
        UsageError: No engine supports the options.
    """
    file = Path(path).name
    golden = dict(np.load(io.BytesIO(read_package_file(BUNDLED_GOLDEN)), allow_pickle=False))
    library = find_bundled_library(file.removesuffix("_int8.onnx"))
    engines: dict[str, Engine] = {}
    reasons: dict[str, Exception] = {}
    for name, data in [(file, read_package_file(path)), *([library] if library else [])]:
        try:
            engines[name] = open_engine(data, file_name=name, options=options)
        except (MissingExtraError, UsageError) as error:
            reasons[name] = error
    if not engines:
        raise next(iter(reasons.values()))
    if library is None:  # nothing to choose
        return OpenedModel(engines[file], file)
    medians = _measure(engines, golden)
    fastest = min(medians, key=lambda name: medians[name])
    measured = tuple(
        MeasuredFile(
            name,
            "native" if is_library(name) else "onnxruntime",
            "int8",
            medians.get(name),
            str(reasons[name]) if name in reasons else None,
        )
        for name in (*engines, *reasons)
    )
    return OpenedModel(engines[fastest], fastest, measured)


def _open_proved(folder: Path, artifact: Artifact, golden: Golden, options: EngineOptions) -> Engine:
    path = folder / artifact.file
    engine = open_engine(read_proved(path, artifact.sha256), file_name=str(path), options=options)
    try:
        result = replay_engine(engine, artifact.file, golden)
    except (KeyError, ValueError) as error:
        raise IntegrityError(f"{folder}: no golden vectors of {artifact.file} ({error}); export it again") from error
    if not result.passed:
        raise GateError(
            f"gives {result.same_digits} of {result.n} golden answers here, probabilities off by up to "
            f"{result.max_abs_probability_diff:.3f}"
        )
    return engine


def _measure(engines: dict[str, Engine], golden: Golden) -> dict[str, float]:
    """Median time of one image by file, in microseconds, measured in interleaved rounds on the same images."""
    images = golden["images"].astype(np.uint8)
    singles = [images[index : index + 1] for index in range(len(images))]
    samples = sample_interleaved([Call(engine.run, singles) for engine in engines.values()], SHORT_LOOK)
    return {file: round(statistics.median(s.latencies_us), 2) for file, s in zip(engines, samples, strict=True)}


def _nothing_left(folder: Path, reasons: list[Exception]) -> Exception:
    """One error for a bundle of which no file can be used, of the class of the first reason."""
    if not reasons:
        return IntegrityError(f"{folder}: no model files in the bundle; export it again")
    if isinstance(reasons[0], MissingExtraError):
        return reasons[0]
    return type(reasons[0])(f"{folder}: none of its files can be used here ({reasons[0]})")
