"""The checks of `edge-mnist doctor`: versions, processor, golden digits, int8 sums, speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from edge_mnist_runtime.bench.subjects import find_models
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.bundles.libraries import describe_bundled_libraries, find_bundled_library
from edge_mnist_runtime.bundles.manifest import Manifest
from edge_mnist_runtime.bundles.model_files import open_model
from edge_mnist_runtime.bundles.verification import ReplayResult, replay_bundled, verify_bundle
from edge_mnist_runtime.doctor.requirements import find_unmet, read_requirements
from edge_mnist_runtime.doctor.saturation import check_saturation
from edge_mnist_runtime.engines import suffix_of
from edge_mnist_runtime.engines.options import Backend
from edge_mnist_runtime.errors import IntegrityError, MissingExtraError, UnfitDeviceError, UsageError
from edge_mnist_runtime.machine.environment import describe_environment
from edge_mnist_runtime.machine.int8_sums import DOT_PRODUCTS, describe_saturation
from edge_mnist_runtime.timing.percentiles import estimate_percentile
from edge_mnist_runtime.timing.sampling import Call, SamplingConfig, sample_interleaved

DOCTOR_SCHEMA_VERSION: Final = 1

QUICK: Final = SamplingConfig(samples=500, seconds=0.5, warmup=200)
"""How long each model is measured to find the fastest."""

EXTRAS: Final = {".tflite": "litert", ".onnx": "onnx"}
"""The extra that brings the back end of a file, by its suffix."""

OK: Final = "ok"
WARNING: Final = "warning"
FAILED: Final = "failed"


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    check: str
    """What was checked, in a word or two."""
    status: str
    """`ok`, `warning` (works, with a limitation), or `failed`."""
    detail: str
    """The reason, and what to do."""


@dataclass(frozen=True)
class AnswerCheck:
    """The result of replaying the golden digits."""

    findings: tuple[Finding, ...]
    """One for each file."""
    missing_extra: str | None = None
    """The extra to install if no file runs here without it."""
    saturating: tuple[str, ...] | None = None
    """The files whose int8 sums can saturate; None if the files could not be read."""


@dataclass(frozen=True)
class FitnessReport:
    """The results of all checks."""

    findings: tuple[Finding, ...]
    env: dict[str, Any]
    """The machine, from `describe_environment`."""
    missing_extra: str | None = None
    """The extra to install if nothing of the bundle runs here without it."""

    @property
    def fit(self) -> bool:
        """Whether no check failed."""
        return all(finding.status != FAILED for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The record for JSON."""
        return {
            "schema_version": DOCTOR_SCHEMA_VERSION,
            "fit": self.fit,
            "checks": [asdict(finding) for finding in self.findings],
            "env": self.env,
        }


def examine_device(bundle: Path | None = None) -> FitnessReport:
    """Check whether models give the right answers on this device, and how fast.

    Args:
        bundle: The bundle to replay and to measure; None for the models inside this package.

    Raises:
        UsageError: The bundle holds nothing but C source.
        ManifestError: `bundle` is no bundle.
        ContractError: The bundle was made for another preprocessing.
    """
    if bundle:
        Manifest.load(bundle)
    env = describe_environment()
    findings = [check_versions(env), check_instruction_sets(env)]
    answers = check_answers(bundle)
    findings += answers.findings
    if not bundle:
        findings.append(check_libraries())
    if answers.saturating is not None:
        findings.append(check_sums(answers.saturating))
    if not answers.missing_extra and not any(finding.status == FAILED for finding in answers.findings):
        findings.append(check_speed(bundle))
    return FitnessReport(tuple(findings), env, answers.missing_extra)


def require_fit(report: FitnessReport) -> None:
    """Raise `MissingExtraError` or `UnfitDeviceError`, which names the failed check, unless the device is fit."""
    if report.missing_extra:
        raise MissingExtraError(report.missing_extra, "This bundle")
    failed = [finding for finding in report.findings if finding.status == FAILED]
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise UnfitDeviceError(f"not fit: {failed[0].check}: {failed[0].detail}{more}")


def check_versions(env: dict[str, Any]) -> Finding:
    """Compare the versions of Python and packages with what edge-mnist needs."""
    extras = ("litert",) if "ai-edge-litert" in env["versions"] else ()
    requirements = read_requirements(extras)
    if not requirements:
        return Finding("versions", WARNING, "edge-mnist is not installed as a package: its requirements are unknown")
    unmet = find_unmet(requirements)
    if unmet:
        return Finding("versions", WARNING, f"{'; '.join(unmet)}; install edge-mnist again")
    names = ("python", "numpy", "onnxruntime", "ai-edge-litert", "pillow")
    found = ", ".join(f"{name} {env['versions'][name]}" for name in names if name in env["versions"])
    return Finding("versions", OK, found)


def check_instruction_sets(env: dict[str, Any]) -> Finding:
    """Check whether the processor has int8 dot products."""
    sets = env["instruction_sets"]
    if sets is None:
        return Finding("processor", WARNING, f"{env['cpu']} does not say which instruction sets it has")
    found = [name for name in sets if name in DOT_PRODUCTS]
    if found:
        return Finding("processor", OK, f"{env['cpu']}: int8 dot products ({', '.join(found)})")
    return Finding(
        "processor",
        WARNING,
        f"{env['cpu']} ({', '.join(sets) or 'no vectors'}): no int8 dot products; int8 may be no faster than fp32: "
        "compare with `edge-mnist bench`",
    )


def check_answers(bundle: Path | None) -> AnswerCheck:
    """Replay the golden digits, and compare bit by bit."""
    try:
        results = verify_bundle(bundle) if bundle else replay_bundled()
    except IntegrityError as error:
        return AnswerCheck((Finding("bundle" if bundle else "golden digits", FAILED, str(error)),))
    nothing_ran = all(result.skipped for result in results)
    extras = [EXTRAS[suffix_of(result.file)] for result in results if suffix_of(result.file) in EXTRAS]
    if results and nothing_ran and not extras:
        raise UsageError(f"{bundle}: no model that runs here: {results[0].skipped}")
    return AnswerCheck(
        tuple(map(judge_replay, results)),
        extras[0] if nothing_ran and extras else None,
        tuple(result.file for result in results if result.can_saturate),
    )


def judge_replay(result: ReplayResult) -> Finding:
    """Turn the replay of one file into a finding."""
    if result.runs_elsewhere:
        return Finding(result.file, OK, f"whole. {result.skipped}")
    if result.skipped:
        return Finding(result.file, WARNING, f"not replayed. {result.skipped}")
    if not result.passed:
        return Finding(
            result.file,
            FAILED,
            f"{result.same_digits} of {result.n} golden digits as recorded, probabilities off by up to "
            f"{result.max_abs_probability_diff:.3f}; do not use it here",
        )
    if result.identical == result.n:
        return Finding(result.file, OK, f"{result.n} golden digits as recorded, bit by bit")
    return Finding(
        result.file,
        WARNING,
        f"all {result.n} golden digits as recorded, but only {result.identical} bit by bit; probabilities off by up to "
        f"{result.max_abs_probability_diff:.3f}",
    )


def check_libraries() -> Finding:
    """Say for which machines this package has compiled libraries of its models."""
    return Finding("libraries", OK, describe_bundled_libraries())


def check_sums(saturating: Sequence[str]) -> Finding:
    """Check whether int8 sums saturate here.

    Args:
        saturating: Files whose weights are large enough to saturate a sum of 16 bits.
    """
    if not saturating:
        return Finding("int8 sums", OK, "none of these files can saturate, on any processor")
    if find_spec("onnxruntime") is None:
        return Finding("int8 sums", OK, "onnxruntime, whose sums could saturate, is not installed")
    try:
        result = check_saturation()
    except (IntegrityError, OSError) as error:
        return Finding("int8 sums", FAILED, f"{error}; install edge-mnist again")
    if result.wrong:
        return Finding("int8 sums", FAILED, f"{_name_layers(result.wrong)}; export {', '.join(saturating)} again")
    if result.wrong_elsewhere:
        return Finding(
            "int8 sums",
            WARNING,
            f"exact here; other programs that run {', '.join(saturating)} in onnxruntime on this processor need "
            f"session.x64quantprecision = 1, or saturate: {_name_layers(result.wrong_elsewhere)}; export again",
        )
    return Finding("int8 sums", WARNING, f"exact here; {describe_saturation(', '.join(saturating))}")


def check_speed(bundle: Path | None) -> Finding:
    """Find the fastest file, and so the fastest back end, by a short measurement. `bench` is more precise."""
    models, engines = [], []
    for model in find_models([bundle])[0] if bundle else map(Path, BUNDLED_MODELS):
        backends = [None] if bundle else list_bundled_backends(str(model))
        models += [model] * len(backends)
        engines += [open_model(model, backend=backend) for backend in backends]
    calls = [Call(engine.run, [np.zeros((1, *engine.contract.image_shape), np.uint8)]) for engine in engines]
    names = [f"{Path(str(model)).name} in {engine.backend}" for model, engine in zip(models, engines, strict=True)]
    detail = rank_latencies(names, [sample.latencies_us for sample in sample_interleaved(calls, QUICK)])
    if not bundle:
        detail += "; name a bundle to compare its back ends"
    return Finding("fastest", OK, detail)


def list_bundled_backends(model: str) -> list[Backend | None]:
    """The back ends that run a model inside this package here."""
    backends: list[Backend | None] = ["onnxruntime"] if find_spec("onnxruntime") else []
    return [*backends, "native"] if find_bundled_library(model) else backends


def rank_latencies(names: Sequence[str], latencies_us: Sequence[Sequence[float]]) -> str:
    """List names with their median times, fastest first."""
    medians = [estimate_percentile(values, 50.0).value for values in latencies_us]
    known = sorted((median, name) for median, name in zip(medians, names, strict=True) if median is not None)
    return ", ".join(f"{name} {median:.1f} us" for median, name in known) or "too slow for a short measurement"


def _name_layers(wrong: dict[str, float]) -> str:
    return ", ".join(f"a {layer} gives {fraction:.0%} of its sum" for layer, fraction in wrong.items())
