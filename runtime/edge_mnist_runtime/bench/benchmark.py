"""Measure the latency, throughput and memory of models on this machine.

All models run in one process, in interleaved rounds, with the same digits in rotation as input.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from edge_mnist_runtime.bench.config import BenchmarkConfig
from edge_mnist_runtime.bench.counters import CountedFigures, read_counters
from edge_mnist_runtime.bench.fresh_process import FreshProcessError, measure_import_ms, measure_memory_mb
from edge_mnist_runtime.bench.instructions import find_valgrind
from edge_mnist_runtime.bench.noise import Noise, find_noise
from edge_mnist_runtime.bench.operator_profile import NO_TFLITE_PROFILER, OperatorTime, profile_operators
from edge_mnist_runtime.bench.paired_calls import PairedCalls
from edge_mnist_runtime.bench.reference import compare_with_reference, require_reference
from edge_mnist_runtime.bench.report import BenchReport, DigitsRecord, MeasuredModel, Percentiles, Warmup
from edge_mnist_runtime.bench.sample_digits import read_samples
from edge_mnist_runtime.bench.server_load import ServerFigures, measure_load
from edge_mnist_runtime.bench.subjects import Subject, load_subject
from edge_mnist_runtime.bench.yardstick import hash_yardstick, try_runs
from edge_mnist_runtime.classifier import to_pixels
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.machine.environment import describe_environment
from edge_mnist_runtime.machine.int8_sums import describe_saturation
from edge_mnist_runtime.timing.percentiles import PERCENTILES, estimate_percentile, percentile_name
from edge_mnist_runtime.timing.sampling import Call, Sample, SamplingConfig, sample_interleaved

PHOTOGRAPH: Final = "9-photograph.jpg"
"""The sample picture for the stages that start with a picture file."""

STAGES: Final = SamplingConfig(samples=1_000, seconds=1.0, warmup=200, min_samples=200, round_calls=12)
"""Limits for each stage. One round is enough for a median, however long it takes."""

KEPT_LATENCIES: Final = 2_000
"""Maximum number of latencies of each model in a report, for `compare`. More are thinned evenly; the order is kept."""

Progress = Callable[[str, float], None]
"""Called with the current step and its finished fraction, 0..1."""


def run_benchmark(
    models: Sequence[Path | None],
    digits: LabelledDigits,
    config: BenchmarkConfig,
    *,
    on_progress: Progress = lambda _step, _fraction: None,
) -> BenchReport:
    """Measure models in interleaved rounds.

    Args:
        models: Model files, or names of bundled models; None is the default one.
        digits: Input images, used in rotation.
        config: What to measure, and for how long.
        on_progress: Called between measurements.

    Raises:
        As `DigitClassifier`, for any of the models.
        UsageError: `config.profile` is set, but no model is an .onnx file, or one has no edge-mnist contract; or
            `config.instructions` is set, but there is no counter; or `config.reference` is none of the models.
    """
    if config.instructions:
        find_valgrind()  # to be refused before measuring, not after
    environment = describe_environment()  # first, because our own work raises the load average
    singles = list(digits.images[..., 0])
    pairs = [(model, threads) for model in models for threads in config.threads]
    subjects = [load_subject(model, singles[0], threads=threads) for model, threads in pairs]
    if config.profile:
        _require_profiler(subjects)
    if config.reference is not None:
        require_reference(config.reference, [subject.model for subject in subjects], config.runs)
    on_progress("counters", 0.0)
    counted = read_counters(subjects, digits.images, instructions=config.instructions)  # first, because it can fail
    calls = [Call(subject.classifier.predict, singles) for subject in subjects]
    samples = sample_interleaved(calls, config.sampling, on_progress=lambda done: on_progress("measuring", done))
    preprocess, stages = _measure_stages(subjects, digits, config, on_progress)
    throughput, operators = [], []
    for index, subject in enumerate(subjects):
        on_progress("throughput", index / len(subjects))
        throughput.append(_throughput(subject, digits, config))
        operators.append(_profile(subject, digits) if config.profile else None)
    imports, memory, failures = _measure_fresh(subjects, config, on_progress)
    loads = [measure_load(call, sample, config) for call, sample in zip(calls, samples, strict=True)]
    runs, no_runs = try_runs(subjects, digits.images, config.runs, lambda done: on_progress("yardstick", done))
    measured = tuple(
        map(_describe_model, subjects, samples, stages, throughput, operators, memory, counted, runs, loads)
    )
    return BenchReport(
        env=environment,
        digits=DigitsRecord(digits.name, digits.split, len(digits), digits.sha256),
        config=config,
        import_ms=imports,
        preprocess_us=preprocess,
        models=measured,
        advice=tuple(advise(measured)),
        warnings=(*find_noise(environment, measured, config), *_warn_of_saturation(subjects), *failures, *no_runs),
        yardstick_sha256=hash_yardstick(),
        reference=() if config.reference is None else compare_with_reference(measured, config.reference),
    )


def _require_profiler(subjects: Sequence[Subject]) -> None:
    if all(subject.classifier.engine.format == "tflite" for subject in subjects):
        raise UsageError(f"`profile`: {NO_TFLITE_PROFILER}")
    foreign = [subject.model for subject in subjects if subject.classifier.engine.contract.is_foreign]
    if foreign:
        raise UsageError(f"`profile`: {foreign[0]} has no edge-mnist contract; measure it without `profile`")


def advise(models: Sequence[MeasuredModel]) -> list[str]:
    """Advise fp32 for each int8 file that is slower here than the fp32 file of the same network and format.

    Args:
        models: The measured models.

    Returns:
        One sentence for each such int8 file.
    """
    medians = {(model.model, model.threads): model.latency_us["p50"] for model in models}
    advice = []
    for (name, threads), int8_us in medians.items():
        float_us = medians.get((name.replace("_int8.", "_fp32."), threads)) if "_int8." in name else None
        if float_us is not None and int8_us is not None and float_us < int8_us:
            advice.append(f"{Path(name).name} takes {int8_us:.1f} us, its fp32 file {float_us:.1f} us: ship fp32 here")
    return advice


def _warn_of_saturation(subjects: Sequence[Subject]) -> list[str]:
    foreign = {
        Path(subject.path).name: subject.classifier.engine.contract.is_foreign
        for subject in subjects
        if subject.classifier.engine.contract.can_saturate
    }
    return [describe_saturation(name, is_foreign=is_foreign) for name, is_foreign in foreign.items()]


def _describe_model(
    subject: Subject,
    sample: Sample,
    stages_us: dict[str, Percentiles],
    images_per_second: dict[str, float],
    operators: list[OperatorTime] | None,
    memory_mb: dict[str, float] | None,
    counted: CountedFigures,
    runs: tuple[PairedCalls, ...],
    load: ServerFigures,
) -> MeasuredModel:
    engine = subject.classifier.engine
    estimates = {percentile_name(p): estimate_percentile(sample.latencies_us, p) for p in PERCENTILES}
    step = math.ceil(len(sample.latencies_us) / KEPT_LATENCIES)
    return MeasuredModel(
        model=subject.model,
        backend=engine.backend,
        precision=engine.contract.precision,
        size_bytes=engine.size_bytes,
        sha256=engine.sha256,
        threads=subject.threads,
        load_ms=subject.load_ms,
        first_us=subject.first_us,
        samples=len(sample.latencies_us),
        stopped=sample.stopped,
        warmup=Warmup(sample.warmup_calls, sample.steady),
        late=sample.late,
        latency_us={name: _rounded(estimate.value) for name, estimate in estimates.items()},
        bound_us={name: _rounded(estimate.bound) for name, estimate in estimates.items()},
        unknown={
            **{name: estimate.reason for name, estimate in estimates.items() if estimate.reason},
            **counted.unknown,
            **load.unknown,
        },
        service_us=_p50_and_p90(sample.service_us) if sample.service_us else None,
        latencies_us=[round(latency, 2) for latency in sample.latencies_us[::step]],
        stages_us=stages_us,
        images_per_second=images_per_second,
        operators=operators,
        memory_mb=memory_mb,
        instructions=counted.instructions,
        runs=runs,
        streams=load.streams,
        slo_rate=load.slo_rate,
        energy_uj=counted.energy_uj,
    )


def _measure_stages(
    subjects: Sequence[Subject], digits: LabelledDigits, config: BenchmarkConfig, on_progress: Progress
) -> tuple[Percentiles, list[dict[str, Percentiles]]]:
    """Measure preprocessing of a picture file, and for each model the engine alone and the whole `predict`.

    Returns:
        p50 and p90 of the preprocessing; then for each model p50 and p90 of `run` (the engine alone) and of `picture`
        (from the picture file to the prediction). All in microseconds.
    """
    photograph = [read_samples()[PHOTOGRAPH]]
    tensors = [digits.images[index : index + 1] for index in range(len(digits))]
    calls = [Call(to_pixels, photograph)]
    for subject in subjects:
        calls += [
            Call(subject.classifier.engine.run, tensors),
            Call(subject.classifier.predict, photograph),
        ]
    stages = replace(
        STAGES,
        samples=min(STAGES.samples, config.samples),
        seconds=min(STAGES.seconds, config.seconds),
        warmup=min(STAGES.warmup, config.warmup, config.samples),
    )
    samples = sample_interleaved(calls, stages, on_progress=lambda done: on_progress("stages", done))
    preprocess, *rest = (_p50_and_p90(sample.latencies_us) for sample in samples)
    pairs = zip(rest[::2], rest[1::2], strict=True)
    return preprocess, [{"run": run, "picture": picture} for run, picture in pairs]


def _p50_and_p90(latencies_us: Sequence[float]) -> Percentiles:
    return {percentile_name(p): _rounded(estimate_percentile(latencies_us, p).value) for p in (50.0, 90.0)}


def _throughput(subject: Subject, digits: LabelledDigits, config: BenchmarkConfig) -> dict[str, float]:
    """Measure images per second of `predict_batch` by batch size: medians of at least three calls."""
    classifier, result = subject.classifier, {}
    for size in config.batch_sizes:
        batch = digits.images[np.arange(size) % len(digits)]
        classifier.predict_batch(batch)
        times = []
        for _ in range(max(3, min(2048, config.samples) // size)):
            started = time.perf_counter_ns()
            classifier.predict_batch(batch)
            times.append(time.perf_counter_ns() - started)
        result[str(size)] = round(size / (statistics.median(times) / 1e9), 1)
    return result


def _profile(subject: Subject, digits: LabelledDigits) -> list[OperatorTime] | None:
    """Time every operator; None for TFLite, whose engine has no profiler."""
    if subject.classifier.engine.format == "tflite":
        return None
    origin = str(subject.path)
    return [*profile_operators(subject.path.read_bytes(), digits.images, origin=origin, threads=subject.threads)]


def _measure_fresh(
    subjects: Sequence[Subject], config: BenchmarkConfig, on_progress: Progress
) -> tuple[dict[str, float], list[dict[str, float] | None], list[str]]:
    """Measure the import time of each back end and the memory of each model; return warnings for what failed."""
    imports: dict[str, float] = {}
    memory: list[dict[str, float] | None] = []
    failures: list[str] = []
    for index, subject in enumerate(subjects):
        on_progress("fresh processes", index / len(subjects))
        memory_mb = None
        if config.fresh_processes:
            backend = subject.classifier.engine.backend
            try:
                if backend not in imports:
                    imports[backend] = round(measure_import_ms(backend), 1)
                memory_mb = measure_memory_mb(str(subject.path), backend, subject.threads)
            except FreshProcessError as error:
                failures.append(Noise.NO_MEMORY.describe(model=Path(subject.model).name, reason=error))
        memory.append(memory_mb)
    return imports, memory, failures


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
