"""The export: convert, prove, compare, judge, and only then write."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from edge_mnist_exporter.bundle_writer import BundleWriter
from edge_mnist_exporter.calibration import CalibrationSet, draw_calibration
from edge_mnist_exporter.config import ExportConfig
from edge_mnist_exporter.evaluation import Comparison, Probabilities, compare, measure_top1
from edge_mnist_exporter.formats import FORMATS
from edge_mnist_exporter.gates import judge, judge_reference
from edge_mnist_exporter.golden import make_golden_vectors
from edge_mnist_exporter.model_card import write_model_card
from edge_mnist_exporter.report import ArtifactReport, DatasetRecord, ExportReport
from edge_mnist_exporter.source_model import SourceModel, load_source
from edge_mnist_runtime.contract import DIGIT_LABELS, ModelContract
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.engines import Engine, open_engine, run_in_batches
from edge_mnist_runtime.errors import GateError, UnsupportedModelError
from edge_mnist_runtime.manifest import GOLDEN_FILE, MANIFEST_FILE, Artifact, Manifest
from edge_mnist_runtime.preprocess import PREPROCESS
from edge_mnist_runtime.versions import installed_versions
from edge_mnist_trainer.sources import DigitSource, load_export_digits

REPORT_FILE = "report.json"
CARD_FILE = "MODEL_CARD.md"
INPUT_SCALE = float(np.float32(1 / 255))
"""Of every int8 file's input; the audits refuse any other."""


@dataclass(frozen=True)
class ExportedFile:
    """One converted file, proved and loaded, not yet written."""

    artifact: Artifact
    data: bytes
    engine: Engine


@dataclass(frozen=True)
class Export:
    """One finished export."""

    report: ExportReport
    target: Path | None
    """Where the bundle is; None where a gate failed and nothing was written."""
    files: tuple[str, ...]
    """Names of the bundle's files."""


def export_bundle(
    name: str,
    model: Path,
    target: Path,
    config: ExportConfig,
    *,
    data: Path | None = None,
    on_stage: Callable[[str], None] = lambda _stage: None,
) -> Export:
    """Export a Keras model to a bundle, if it passes every gate.

    Args:
        name: Names the files.
        model: A .keras file.
        target: Where the bundle shall be; an older bundle there is replaced in one step.
        config: Precisions, limits, calibration.
        data: Folder of MNIST's IDX files; see `sources.load_export_digits` for what happens without.
        on_stage: Called with a few words whenever another stage begins.

    Returns:
        The export. Where a gate failed, `report.passed` is false and nothing was written: `require_passed` raises.

    Raises:
        EdgeMnistError: Each of the subclasses with an exit code of 2, 4 or 6.
    """
    with BundleWriter(target) as writer:
        on_stage("loading digits")
        digits = load_export_digits(data)
        calibration = draw_calibration(digits.calibration, config.calibration_samples, seed=config.seed)
        on_stage("loading the Keras model")
        source = load_source(name, model)
        on_stage(f"evaluating Keras on {len(digits.evaluation):,} images")
        reference = _evaluate_reference(source, digits.evaluation)
        files = []
        # A model that reads no digits is fed wrongly; converting it would only hide that behind other errors.
        if judge_reference(measure_top1(reference, digits.evaluation.labels)).passed:
            for precision in config.precisions:
                for format_name in FORMATS:
                    on_stage(f"converting to {precision} {format_name}")
                    files.append(_convert(source, calibration, format_name, precision))
        report = _measure(source, reference, files, digits, calibration=calibration, config=config, on_stage=on_stage)
        if not report.passed:
            return Export(report, None, ())
        on_stage("writing the bundle")
        contents = _contents(source, files, report)
        writer.write(contents)
        return Export(report, writer.target, tuple(contents))


def require_passed(export: Export) -> None:
    """Raise `GateError`, naming every gate that failed, unless the export passed."""
    failed = [gate for gate in export.report.gates if not gate.passed]
    if failed:
        measured = "; ".join(f"{gate.name} = {gate.value:.4f}, must be {gate.limit}" for gate in failed)
        hint = " (the Keras model reads too few digits; edge-mnist feeds it pixels in 0..1: does it expect 0..255?)"
        raise GateError(f"nothing was written: {measured}{'' if failed[0].file else hint}")


def _convert(source: SourceModel, calibration: CalibrationSet, format_name: str, precision: str) -> ExportedFile:
    file_format = FORMATS[format_name]
    contract = ModelContract(
        name=source.name,
        precision=precision,
        labels=DIGIT_LABELS,
        preprocess_version=PREPROCESS.version,
        preprocess_sha256=PREPROCESS.sha256,
        source_sha256=source.sha256,
        input_scale=INPUT_SCALE if precision == "int8" else None,
        input_zero_point=0 if precision == "int8" else None,
    )
    data = file_format.converters[precision](source, calibration.images, contract)
    file_name = f"{source.name}_{precision}{file_format.suffix}"
    inputs, outputs = file_format.audit(data, precision, file_name)
    engine = open_engine(data, file_name=file_name)
    artifact = Artifact(file_name, format_name, precision, engine.sha256, engine.size_bytes, inputs, outputs)
    return ExportedFile(artifact, data, engine)


def _evaluate_reference(source: SourceModel, evaluation: LabelledDigits) -> Probabilities:
    reference = source.probabilities(evaluation.images)
    if not np.isfinite(reference).all():
        raise UnsupportedModelError(f"{source.origin}: gives NaN or infinity on {evaluation.name} images")
    return reference


def _measure(
    source: SourceModel,
    reference: Probabilities,
    files: Sequence[ExportedFile],
    digits: DigitSource,
    *,
    calibration: CalibrationSet,
    config: ExportConfig,
    on_stage: Callable[[str], None],
) -> ExportReport:
    evaluation = digits.evaluation
    comparisons: list[tuple[str, Comparison]] = []
    for file in files:
        on_stage(f"evaluating {file.artifact.file} in {file.engine.backend}")
        found = np.concatenate(list(run_in_batches(file.engine, evaluation.images)))
        comparisons.append((file.artifact.file, compare(found, reference, evaluation.labels)))
    reference_top1 = measure_top1(reference, evaluation.labels)
    return ExportReport(
        name=source.name,
        source={
            "file": Path(source.origin).name,
            "sha256": source.sha256,
            "parameters": source.keras_model.count_params(),
            "preprocess": source.preprocess,
        },
        dataset=DatasetRecord(evaluation.name, evaluation.split, len(evaluation), evaluation.sha256, digits.notice),
        calibration=calibration.origin,
        reference={"top1": reference_top1},
        artifacts=tuple(
            ArtifactReport(a.file, a.format, a.precision, a.size_bytes, a.sha256, **asdict(figures))
            for a, (_, figures) in zip((file.artifact for file in files), comparisons, strict=True)
        ),
        gates=judge(reference_top1, comparisons, config),
        versions=installed_versions(
            "edge-mnist", "tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "ai-edge-litert", "numpy", "pillow"
        ),
    )


def _contents(source: SourceModel, files: Sequence[ExportedFile], report: ExportReport) -> dict[str, bytes]:
    """Every file of the bundle by name, the manifest last because it carries the hashes of all others."""
    extra = {
        REPORT_FILE: report.to_json().encode(),
        CARD_FILE: write_model_card(report).encode(),
        GOLDEN_FILE: make_golden_vectors({file.artifact.file: file.engine for file in files}),
    }
    manifest = Manifest(
        name=source.name,
        labels=DIGIT_LABELS,
        preprocess=PREPROCESS.to_dict(),
        source={"file": Path(source.origin).name, "sha256": source.sha256},
        versions=report.versions,
        artifacts=tuple(file.artifact for file in files),
        files={file: hashlib.sha256(data).hexdigest() for file, data in extra.items()},
    )
    models = {file.artifact.file: file.data for file in files}
    return {**models, **extra, MANIFEST_FILE: manifest.to_json().encode()}
