"""How long a digit takes on this machine: every model measured in turns, in one process, on real digits in rotation."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from edge_mnist_runtime.bench.candidates import Candidate, load_candidate
from edge_mnist_runtime.bench.config import BenchmarkConfig
from edge_mnist_runtime.bench.fresh_process import FreshProcessError, measure_import_ms, measure_memory_mb
from edge_mnist_runtime.bench.noise import find_noise
from edge_mnist_runtime.bench.operator_profile import NO_TFLITE_PROFILER, OperatorTime, profile_operators
from edge_mnist_runtime.bench.report import BenchReport, DigitsRecord, MeasuredModel, Percentiles, Warmup
from edge_mnist_runtime.bench.sample_digits import read_samples
from edge_mnist_runtime.classifier import to_pixels
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.machine.environment import describe_environment
from edge_mnist_runtime.machine.int8_sums import describe_saturation
from edge_mnist_runtime.timing.percentiles import PERCENTILES, estimate_percentile, percentile_name
from edge_mnist_runtime.timing.sampling import Call, Sample, SamplingConfig, sample_in_turns

PHOTOGRAPH: Final = "9-photograph.jpg"
"""The sample picture behind the stages that begin with a picture file."""

STAGES: Final = SamplingConfig(samples=1_000, seconds=1.0, warmup=200, least=200, turn=12)
"""How much of each stage is measured, at most; one turn, however long it takes, is enough for a median."""

KEPT_LATENCIES: Final = 2_000
"""Latencies of each model that a report keeps, evenly thinned and in their order, for `compare`."""

Progress = Callable[[str, float], None]
"""Called with what is being done and the part of it that is done, 0..1."""


def run_benchmark(
    models: Sequence[Path | None],
    digits: LabelledDigits,
    config: BenchmarkConfig,
    *,
    on_progress: Progress = lambda _what, _part: None,
) -> BenchReport:
    """Measure models side by side.

    Args:
        models: Model files, or names of bundled models; None is the default one.
        digits: Images that take turns as input.
        config: What is measured.
        on_progress: Called between measurements.

    Raises:
        As `DigitClassifier` does, for any of the models.
        UsageError: Operators shall be timed, and no model is one whose engine can tell.
    """
    environment = describe_environment()  # before our own work shows in the load average
    singles = list(digits.images[..., 0])
    pairs = [(model, threads) for model in models for threads in config.threads]
    candidates = [load_candidate(model, singles[0], threads=threads) for model, threads in pairs]
    if config.profile and all(candidate.classifier.engine.format == "tflite" for candidate in candidates):
        raise UsageError(f"`profile`: {NO_TFLITE_PROFILER}")
    foreign = [candidate.model for candidate in candidates if candidate.classifier.engine.contract.is_foreign]
    if config.profile and foreign:
        raise UsageError(f"`profile`: {foreign[0]} has no edge-mnist contract; measure it without `profile`")
    calls = [Call(candidate.classifier.predict, singles) for candidate in candidates]
    samples = sample_in_turns(calls, config.sampling, on_progress=lambda part: on_progress("measuring", part))
    preprocess, stages = _measure_stages(candidates, digits, config, on_progress)
    throughput, operators = [], []
    for index, candidate in enumerate(candidates):
        on_progress("throughput", index / len(candidates))
        throughput.append(_throughput(candidate, digits, config.batch_sizes))
        operators.append(_profile(candidate, digits) if config.profile else None)
    imports, memory, failures = _measure_fresh(candidates, config, on_progress)
    measured = tuple(map(_describe_model, candidates, samples, stages, throughput, operators, memory))
    return BenchReport(
        env=environment,
        digits=DigitsRecord(digits.name, digits.split, len(digits), digits.sha256),
        config=config,
        import_ms=imports,
        preprocess_us=preprocess,
        models=measured,
        advice=tuple(advise(measured)),
        warnings=(*find_noise(environment, measured), *_name_saturating(candidates), *failures),
    )


def advise(models: Sequence[MeasuredModel]) -> list[str]:
    """What to ship here instead, where a float file of the same network and format is faster than its int8 one.

    Args:
        models: What was measured.

    Returns:
        One sentence for each such file.
    """
    medians = {(model.model, model.threads): model.latency_us["p50"] for model in models}
    advice = []
    for (name, threads), int8_us in medians.items():
        float_us = medians.get((name.replace("_int8.", "_fp32."), threads)) if "_int8." in name else None
        if float_us is not None and int8_us is not None and float_us < int8_us:
            advice.append(
                f"{Path(name).name} takes {int8_us:.1f} us here, its fp32 twin {float_us:.1f}: ship fp32 here"
            )
    return advice


def _name_saturating(candidates: Sequence[Candidate]) -> list[str]:
    foreign = {
        Path(candidate.path).name: candidate.classifier.engine.contract.is_foreign
        for candidate in candidates
        if candidate.classifier.engine.contract.can_saturate
    }
    return [describe_saturation(name, is_foreign=is_foreign) for name, is_foreign in foreign.items()]


def _describe_model(
    candidate: Candidate,
    sample: Sample,
    stages_us: dict[str, Percentiles],
    images_per_second: dict[str, float],
    operators: list[OperatorTime] | None,
    memory_mb: dict[str, float] | None,
) -> MeasuredModel:
    engine = candidate.classifier.engine
    estimates = {percentile_name(p): estimate_percentile(sample.latencies_us, p) for p in PERCENTILES}
    step = math.ceil(len(sample.latencies_us) / KEPT_LATENCIES)
    return MeasuredModel(
        model=candidate.model,
        backend=engine.backend,
        precision=engine.contract.precision,
        size_bytes=engine.size_bytes,
        sha256=engine.sha256,
        threads=candidate.threads,
        load_ms=candidate.load_ms,
        first_us=candidate.first_us,
        samples=len(sample.latencies_us),
        stopped=sample.stopped,
        warmup=Warmup(sample.warmup_calls, sample.steady),
        late=sample.late,
        latency_us={name: _rounded(estimate.value) for name, estimate in estimates.items()},
        bound_us={name: _rounded(estimate.bound) for name, estimate in estimates.items()},
        unknown={name: estimate.reason for name, estimate in estimates.items() if estimate.reason},
        service_us=_middle(sample.service_us) if sample.service_us else None,
        latencies_us=[round(latency, 2) for latency in sample.latencies_us[::step]],
        stages_us=stages_us,
        images_per_second=images_per_second,
        operators=operators,
        memory_mb=memory_mb,
    )


def _measure_stages(
    candidates: Sequence[Candidate], digits: LabelledDigits, config: BenchmarkConfig, on_progress: Progress
) -> tuple[Percentiles, list[dict[str, Percentiles]]]:
    """From a picture file to the tensor; and of each model, the engine alone and the whole way from that file."""
    photograph = [read_samples()[PHOTOGRAPH]]
    tensors = [digits.images[index : index + 1] for index in range(len(digits))]
    calls = [Call(to_pixels, photograph)]
    for candidate in candidates:
        calls += [
            Call(candidate.classifier.engine.run, tensors),
            Call(candidate.classifier.predict, photograph),
        ]
    stages = replace(
        STAGES,
        samples=min(STAGES.samples, config.samples),
        seconds=min(STAGES.seconds, config.seconds),
        warmup=min(STAGES.warmup, config.warmup),
    )
    samples = sample_in_turns(calls, stages, on_progress=lambda part: on_progress("stages", part))
    preprocess, *rest = (_middle(sample.latencies_us) for sample in samples)
    pairs = zip(rest[::2], rest[1::2], strict=True)
    return preprocess, [{"run": run, "picture": picture} for run, picture in pairs]


def _middle(latencies_us: Sequence[float]) -> Percentiles:
    return {percentile_name(p): _rounded(estimate_percentile(latencies_us, p).value) for p in (50.0, 90.0)}


def _throughput(candidate: Candidate, digits: LabelledDigits, sizes: Sequence[int]) -> dict[str, float]:
    """Images per second of `predict_batch`, the median of several calls, by batch size."""
    classifier, result = candidate.classifier, {}
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


def _profile(candidate: Candidate, digits: LabelledDigits) -> list[OperatorTime] | None:
    """Time of every operator; None where the engine does not tell."""
    if candidate.classifier.engine.format == "tflite":
        return None
    origin = str(candidate.path)
    return [*profile_operators(candidate.path.read_bytes(), digits.images, origin=origin, threads=candidate.threads)]


def _measure_fresh(
    candidates: Sequence[Candidate], config: BenchmarkConfig, on_progress: Progress
) -> tuple[dict[str, float], list[dict[str, float] | None], list[str]]:
    """Import time of each back end, peak memory of each model, and what failed."""
    imports: dict[str, float] = {}
    memory: list[dict[str, float] | None] = []
    failures: list[str] = []
    for index, candidate in enumerate(candidates):
        on_progress("fresh processes", index / len(candidates))
        memory_mb = None
        if config.fresh_processes:
            backend = candidate.classifier.engine.backend
            try:
                if backend not in imports:
                    imports[backend] = round(measure_import_ms(backend), 1)
                memory_mb = measure_memory_mb(str(candidate.path), backend, candidate.threads)
            except FreshProcessError as error:
                failures.append(f"{Path(candidate.model).name}: import and memory were not measured ({error})")
        memory.append(memory_mb)
    return imports, memory, failures


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
