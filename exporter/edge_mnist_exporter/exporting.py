"""Export a model: convert, prove, compare, check the gates, and only then write the bundle."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edge_mnist_exporter.bundle.bundle_writer import BundleWriter
from edge_mnist_exporter.bundle.golden import make_golden_vectors
from edge_mnist_exporter.bundle.report_paths import PAGE_FILE, REPORT_FILE, ReportPaths, shorten
from edge_mnist_exporter.bundle.signing import Signer
from edge_mnist_exporter.config import BUNDLES_FOLDER, ExportConfig, ProjectConfig
from edge_mnist_exporter.conversion import ExportedFile, convert, share_requests
from edge_mnist_exporter.evaluate.evaluation import measure_top1
from edge_mnist_exporter.evaluate.gates import REFERENCE_GATE, Gate, judge_reference
from edge_mnist_exporter.evaluate.rejection import ConfidenceRule, settle_rule
from edge_mnist_exporter.formats.request import ConversionRequest
from edge_mnist_exporter.gate_config import INT8_PRECISION
from edge_mnist_exporter.images.calibration import CalibrationSet, choose_calibration, choose_search_images
from edge_mnist_exporter.images.own_images import load_export_images
from edge_mnist_exporter.measurement import evaluate_reference, measure
from edge_mnist_exporter.mixed.auto_mixed import Mixing, UnmadeFile, mix_failing, try_convert
from edge_mnist_exporter.program.program_files import check_programs
from edge_mnist_exporter.program.projects.project import write_project
from edge_mnist_exporter.report.bill_of_materials import BOM_FILE, write_bom
from edge_mnist_exporter.report.model_card import write_model_card
from edge_mnist_exporter.report.page import make_export_page
from edge_mnist_exporter.report.report import ExportRecord
from edge_mnist_exporter.source.source_model import SourceModel, find_source, load_source
from edge_mnist_runtime.bundles.manifest import GOLDEN_FILE, MANIFEST_FILE, Manifest
from edge_mnist_runtime.bundles.program_formats import C_FORMAT
from edge_mnist_runtime.bundles.signature import SIGNATURE_FILE
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.errors import GateError, PrecisionProofError
from edge_mnist_runtime.preprocess import PREPROCESS
from edge_mnist_trainer.data.sources import DigitSource

CARD_FILE = "MODEL_CARD.md"


@dataclass(frozen=True)
class ExportReport:
    """How an export ended."""

    record: ExportRecord
    """All measurements, as in report.json."""
    path: Path | None
    """The bundle folder; None if a gate failed and no bundle was written."""
    files: tuple[str, ...]
    """Names of the bundle's files."""
    page: Path
    """The report page: beside the bundle, or in the folder of the failed export."""
    mixing: Mixing
    """The files with the result of `config.auto_mixed`."""

    @property
    def passed(self) -> bool:
        """Whether every gate passed, so that a bundle was written."""
        return self.record.passed

    def require_passed(self) -> ExportReport:
        """Return this report if every gate passed.

        Raises:
            GateError: A gate failed. The message names each failed gate, by how much it failed, and the report.
        """
        failed = self.record.failed_gates
        if failed:
            measured = "; ".join(map(_describe_failure, failed))
            hint = (
                " (this is the Keras model itself; if it was not trained on values in 0..1, name them: "
                "`input_range` 0..255)"
            )
            fed_wrongly = any(gate.name == REFERENCE_GATE for gate in failed)
            raise GateError(
                f"no bundle was written: {measured}{hint if fed_wrongly else ''}{_describe_mixing(self)}; "
                f"the report of the failure is in {shorten(self.page.parent)}/"
            )
        return self


def export(
    model: str | os.PathLike[str] | None = None,
    *,
    output: str | os.PathLike[str] | None = None,
    config: ExportConfig | None = None,
    data: str | os.PathLike[str] | None = None,
    on_stage: Callable[[str], None] = lambda _stage: None,
) -> ExportReport:
    """Export a Keras model to a bundle of TFLite and ONNX files, if it passes every gate.

    Args:
        model: A .keras or .h5 file, a SavedModel or run folder, or a reference model (edge, nano, micro, robust).
            None: the newest run in runs/, else the default reference model.
        output: The folder of the bundle. An older bundle is replaced atomically. None: bundles/NAME.
        config: Precisions, limits, calibration. None: int8 in both formats, with the default limits.
        data: MNIST's folder, your own digits, or images of the model's own shape. None: EDGE_MNIST_DATA, Keras's cache
            or download, else scikit-learn's digits; the report names them.
        on_stage: Called with a few words at the start of each stage.

    Returns:
        How it ended. If a gate failed, `passed` is false and no bundle was written; `require_passed()` raises then.

    Raises:
        UsageError: There is no such model, or another file or folder is at the path of the bundle.
        ConversionError: A converter failed, or a file does not have the precision that its name says.
        IntegrityError: The model or the images are damaged.

    Example:
        >>> from edge_mnist_exporter import ExportConfig, export
        >>> done = export("nano", output="bundle", config=ExportConfig(precisions=("int8",), formats=("onnx",)))
        >>> done.passed, done.files[0]
        (True, 'nano_int8.onnx')
    """
    name, path = find_source(None if model is None else Path(model))
    target = BUNDLES_FOLDER / name if output is None else Path(output)
    config = config or ExportConfig()
    check_programs(name, config.kinds)
    if config.project:
        config.project.check_folder(target)
    signer = Signer(config.signing) if config.signing else None
    with BundleWriter(target) as writer:
        paths = ReportPaths(writer.target)
        on_stage("loading the Keras model")
        source = load_source(name, path, config.source)
        on_stage("loading images")
        digits = load_export_images(source, None if data is None else Path(data))
        calibration = choose_calibration(source, digits, config)
        mixing, record = _make_and_measure(source, digits, calibration, config, on_stage)
        page = make_export_page(record, digits.evaluation.images)
        if not record.passed:
            paths.write_failure(record.to_json(), page)
            return ExportReport(record, None, (), paths.failure / PAGE_FILE, mixing)
        on_stage("writing the bundle")
        contents = _contents(source, mixing.files, record, signer)
        with paths.page_after(page):
            writer.write(contents)
        if config.project:
            _write_project(config.project, mixing.files, record)
        return ExportReport(record, writer.target, tuple(contents), paths.page, mixing)


def _make_and_measure(
    source: SourceModel,
    digits: DigitSource,
    calibration: CalibrationSet,
    config: ExportConfig,
    on_stage: Callable[[str], None],
) -> tuple[Mixing, ExportRecord]:
    """Make all requested files, unless Keras itself fails, and measure them."""
    on_stage(f"evaluating Keras on {len(digits.evaluation):,} images")
    reference = evaluate_reference(source, digits.evaluation)
    rule = _settle_rule(source, digits.validation, config)
    if rule:
        source = replace(source, least_confidence=rule.least_confidence, thresholds=rule.thresholds)
    # If Keras itself fails, its input is probably wrong; a conversion would only add other errors.
    reads = judge_reference(measure_top1(reference, digits.evaluation.labels)).passed
    mixing = _make_files(source, digits, calibration, config, on_stage) if reads else Mixing(())
    record = measure(
        source,
        reference,
        mixing.files,
        digits,
        calibration=calibration,
        config=config,
        rule=rule,
        on_stage=on_stage,
    )
    return _fill_figures(mixing, replace(record, mixed=mixing.choices))


def _fill_figures(mixing: Mixing, record: ExportRecord) -> tuple[Mixing, ExportRecord]:
    """Write the measured figures into the files that show them. Their size and hash are known only then."""
    files, items, dataset = [], [], record.dataset
    for file, item in zip(mixing.files, record.artifacts, strict=True):
        if file.fill:
            data = file.fill(item.figures.top1, dataset.n, f"{dataset.name} ({dataset.split})")
            file = replace(file, data=data)  # noqa: PLW2901
            item = replace(item, size_bytes=file.size_bytes, sha256=file.sha256)  # noqa: PLW2901
        files.append(file)
        items.append(item)
    return replace(mixing, files=tuple(files)), replace(record, artifacts=tuple(items))


def _settle_rule(source: SourceModel, validation: LabelledDigits, config: ExportConfig) -> ConfidenceRule | None:
    """Determine the confidence thresholds; None for a model that does not read digits."""
    if not source.reads_digits:
        return None
    return settle_rule(source, config.least_confidence, source.probabilities(validation.images), validation)


def _write_project(project: ProjectConfig, files: Sequence[ExportedFile], report: ExportRecord) -> None:
    """Write the project of the C program, with its figures in the report."""
    file, item = next(pair for pair in zip(files, report.artifacts, strict=True) if pair[0].kind.format == C_FORMAT)
    if file.c_program is None or item.program is None:
        raise AssertionError(f"{file.file} has no program")
    figures, dataset = item.figures, report.dataset
    accuracy = (
        f"Top-1 {figures.top1:.2%} on {dataset.n:,} images of {dataset.name} ({dataset.split}), Keras "
        f"{report.reference.top1:.2%}; the same answer as Keras on {figures.agreement:.2%}."
    )
    write_project(project, file.c_program, item.program, accuracy)


def _make_files(
    source: SourceModel,
    digits: DigitSource,
    calibration: CalibrationSet,
    config: ExportConfig,
    on_stage: Callable[[str], None],
) -> Mixing:
    """Convert and prove all requested files. With `auto_mixed`, replace int8 files that fail by mixed files."""
    request = share_requests(source, calibration.images, config.conversion)
    files: list[ExportedFile | UnmadeFile] = []
    for kind in config.kinds:
        on_stage(f"converting to {kind.precision} {kind.format}")
        files.append(try_convert(request(kind)) if config.auto_mixed else _convert(request(kind)))
    if not config.auto_mixed:
        return Mixing(tuple(file for file in files if isinstance(file, ExportedFile)))
    search = choose_search_images(digits.calibration, calibration)
    return mix_failing(files, request, search, config.gates, on_stage=on_stage)


def _convert(request: ConversionRequest) -> ExportedFile:
    """Like `convert`, but mention `auto_mixed` if the int8 of the format does not support a layer."""
    try:
        return convert(request)
    except PrecisionProofError as error:
        if request.kind.precision != INT8_PRECISION:
            raise
        raise PrecisionProofError(f"{error}; `auto_mixed=True` tries to keep such layers in float") from error


def _describe_mixing(report: ExportReport) -> str:
    """Explain why files fail although `auto_mixed` is on."""
    failed = {file for gate in report.record.failed_gates for file in gate.files}
    sound, hopeless = (", ".join(failed.intersection(files)) for files in (report.mixing.sound, report.mixing.hopeless))
    return (
        f" ({sound} passed on the training images that `auto_mixed` uses, so all of its layers stayed in int8)"
        if sound
        else ""
    ) + (f" (for {hopeless}, no choice of layers in float passes)" if hopeless else "")


def _describe_failure(gate: Gate) -> str:
    return f"{gate.name} = {gate.value:.4f}, must be {gate.limit}, failed by {-gate.margin:.4f}"


def _contents(
    source: SourceModel, files: Sequence[ExportedFile], record: ExportRecord, signer: Signer | None
) -> dict[str, bytes]:
    """Make all files of the bundle, by name: the manifest, which has the hashes of the others, then its signature."""
    companions = {name: content for file in files for name, content in file.companions.items()}
    extra = {
        **companions,
        BOM_FILE: write_bom(record, _hash_all(companions)).encode(),
        REPORT_FILE: record.to_json().encode(),
        CARD_FILE: write_model_card(record).encode(),
        GOLDEN_FILE: make_golden_vectors({file.file: file.engine for file in files}, files[0].engine.contract),
    }
    manifest = Manifest(
        name=source.name,
        labels=source.labels,
        preprocess=PREPROCESS.to_dict() if source.reads_digits else None,
        source={"file": Path(source.origin).name, "sha256": source.sha256},
        evaluation={key: asdict(record.dataset)[key] for key in ("name", "split", "n", "sha256")},
        versions=record.versions,
        artifacts=tuple(file.artifact(item.figures.top1) for file, item in zip(files, record.artifacts, strict=True)),
        files=_hash_all(extra),
        least_confidence=files[0].engine.contract.least_confidence,
        thresholds=files[0].engine.contract.thresholds,
    )
    models = {file.file: file.data for file in files}
    contents = {**models, **extra, MANIFEST_FILE: manifest.to_json().encode()}
    if signer:
        contents[SIGNATURE_FILE] = signer.sign(contents[MANIFEST_FILE]).encode()
    return contents


def _hash_all(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
