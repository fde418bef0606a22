"""Evaluate every file of an export, and compare it with Keras and with the other files on the same images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from edge_mnist_exporter.config import ExportConfig
from edge_mnist_exporter.conversion import ExportedFile
from edge_mnist_exporter.evaluate.evaluation import Comparison, Probabilities, compare, measure_model
from edge_mnist_exporter.evaluate.gates import judge
from edge_mnist_exporter.evaluate.parity import (
    KERAS_NAME,
    SOFTMAX_STEP,
    Int8Parity,
    measure_agreement,
    measure_int8_parity,
)
from edge_mnist_exporter.evaluate.rejection import ConfidenceRule, measure_rejection
from edge_mnist_exporter.gate_config import INT8_PRECISION
from edge_mnist_exporter.images.calibration import CalibrationSet
from edge_mnist_exporter.program.c_program import ProgramReport
from edge_mnist_exporter.report.report import ArtifactReport, DatasetRecord, ExportRecord
from edge_mnist_exporter.source.source_model import SourceModel
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.engines import Engine, run_in_batches
from edge_mnist_runtime.errors import ConversionError, CorruptModelError, UnsupportedModelError
from edge_mnist_runtime.machine.versions import DISTRIBUTION, installed_versions
from edge_mnist_trainer.data.sources import DigitSource

RECORDED_VERSIONS: Final = (
    *(DISTRIBUTION, "tensorflow", "keras", "tf2onnx", "onnx", "onnxruntime", "ai-edge-litert"),
    *("numpy", "scipy", "pillow"),
)
"""Packages whose versions report.json records."""


def evaluate_reference(source: SourceModel, evaluation: LabelledDigits) -> Probabilities:
    """Compute Keras's probabilities on the evaluation images.

    Raises:
        UnsupportedModelError: A probability is NaN or infinite.
    """
    reference = source.probabilities(evaluation.images)
    if not np.isfinite(reference).all():
        raise UnsupportedModelError(f"{source.origin}: gives NaN or infinity on {evaluation.name} images")
    return reference


def measure(
    source: SourceModel,
    reference: Probabilities,
    files: Sequence[ExportedFile],
    digits: DigitSource,
    *,
    calibration: CalibrationSet,
    config: ExportConfig,
    rule: ConfidenceRule | None,
    on_stage: Callable[[str], None],
) -> ExportRecord:
    """Run every file on the evaluation images, compare the results, and check the gates.

    Args:
        source: The Keras model.
        reference: Its probabilities on the evaluation images, float32, shape (N, K).
        files: The converted files.
        digits: The images.
        calibration: The calibration images.
        config: The limits, and the settings of the conversion.
        rule: The confidence thresholds; None for a model that does not read digits.
        on_stage: Called with a few words before each file.
    """
    evaluation = digits.evaluation
    found, own_predictions = _evaluate_all(files, evaluation, on_stage)
    predictions = {KERAS_NAME: reference, **found}
    comparisons = {file: compare(predictions[file], reference, evaluation.labels) for file in own_predictions}
    differing = {file: int((own != predictions[file]).any(1).sum()) for file, own in own_predictions.items()}
    own_comparisons = {
        file: compare(own_predictions[file], reference, evaluation.labels) for file, n in differing.items() if n
    }
    programs = _prove_programs(files, predictions, evaluation, on_stage)
    figures = measure_model(reference, evaluation.labels)
    int8_parity = _compare_int8_pair(files, predictions)
    return ExportRecord(
        name=source.name,
        labels=source.labels,
        source=_describe_source(source),
        dataset=DatasetRecord.describe(evaluation, len(source.labels), digits.notice),
        calibration={**calibration.origin, "method": config.conversion.calibration_method},
        reference=figures,
        artifacts=tuple(
            _describe(file, differing[file.file], comparisons[file.file], programs.get(file.file)) for file in files
        ),
        agreement=measure_agreement(predictions),
        int8_parity=int8_parity,
        rejection=measure_rejection(rule, predictions, evaluation),
        gates=judge(
            figures.top1,
            comparisons.items(),
            config.gates,
            int8_parity,
            runtime=own_comparisons.items(),
            programs=((file, proof.differing) for file, proof in programs.items() if proof.is_proved),
        ),
        versions=installed_versions(*RECORDED_VERSIONS),
    )


def _describe_source(source: SourceModel) -> dict[str, Any]:
    return {
        "file": Path(source.origin).name,
        "sha256": source.sha256,
        "parameters": source.keras_model.count_params(),
        "preprocess": source.preprocess,
        "notes": list(source.notes),
    }


def _describe(
    file: ExportedFile, n_differing: int, figures: Comparison, program: ProgramReport | None
) -> ArtifactReport:
    return ArtifactReport(
        file=file.file,
        format=file.kind.format,
        precision=file.kind.precision,
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        audit=file.audit.to_dict(),
        runtime_differences=n_differing,
        program=program,
        figures=figures,
    )


def _evaluate_all(
    files: Sequence[ExportedFile], evaluation: LabelledDigits, on_stage: Callable[[str], None]
) -> tuple[dict[str, Probabilities], dict[str, Probabilities]]:
    """Predictions by file name: with the library's default options, and with those of the runtime package."""
    default, own = {}, {}
    found: dict[Engine, Probabilities] = {}  # all files of the integer program have the same reference kernels
    for file in files:
        if file.default_engine not in found:
            on_stage(f"evaluating {file.file} in {file.engine.backend}")
            found[file.default_engine] = _evaluate(file.default_engine, file, evaluation)
        default[file.file] = own[file.file] = found[file.default_engine]
        if file.engine is not file.default_engine:
            own[file.file] = _evaluate(file.engine, file, evaluation)
    return default, own


def _evaluate(engine: Engine, file: ExportedFile, evaluation: LabelledDigits) -> Probabilities:
    try:
        found = np.concatenate(list(run_in_batches(engine, evaluation.images)))
    except CorruptModelError as error:
        raise ConversionError(f"{file.file}: {error}, so it cannot be used") from error
    if not np.isfinite(found).all():
        raise ConversionError(f"{file.file}: gives NaN or infinity on {evaluation.name} images in {engine.backend}")
    return found


def _prove_programs(
    files: Sequence[ExportedFile],
    predictions: Mapping[str, Probabilities],
    evaluation: LabelledDigits,
    on_stage: Callable[[str], None],
) -> dict[str, ProgramReport]:
    """Run every file of the integer program, and compare its scores with the reference kernels', by file name."""
    proofs = {}
    for file in files:
        if file.prove_program is not None:
            on_stage(f"compiling and proving {file.file}")
            step = file.audit.outputs[0].scale or SOFTMAX_STEP
            expected = np.rint(predictions[file.file] / step).astype(np.uint8)
            proofs[file.file] = file.prove_program(evaluation.images, expected)
    return proofs


def _compare_int8_pair(files: Sequence[ExportedFile], predictions: Mapping[str, Probabilities]) -> Int8Parity | None:
    pair = {file.kind.format: file for file in files if file.kind.precision == INT8_PRECISION}
    if not {"tflite", "onnx"} <= pair.keys():
        return None
    tflite, onnx = pair["tflite"].file, pair["onnx"].file
    step = pair["tflite"].audit.outputs[0].scale
    return measure_int8_parity((tflite, predictions[tflite]), (onnx, predictions[onnx]), step)
