"""The command `edge-mnist export`. TensorFlow is imported only when it runs.

`export` is long because it names every option twice: in its signature, and where it goes in `ExportConfig`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from edge_mnist_exporter.commands.conversion_options import (
    DEFAULTS,
    CalibrationMethodOption,
    CalibrationSamplesOption,
    InputRangeOption,
    PerChannelOption,
    SeedOption,
    UnsafeOption,
    describe_source,
)
from edge_mnist_exporter.commands.export_options import (
    AllowSaturationOption,
    AutoMixedOption,
    BundleVersionOption,
    CalibrationDataOption,
    DataOption,
    FormatsOption,
    GateOption,
    Int8Option,
    IoOption,
    LabelsOption,
    LeastConfidenceOption,
    MaxDropOption,
    MaxProbabilityDiffOption,
    MaxRamOption,
    MinAgreementOption,
    ModelOption,
    OpsetOption,
    OutputOption,
    PrecisionsOption,
    ProjectOption,
    SignOption,
    TargetsOption,
    ValidDaysOption,
    describe_signing,
)
from edge_mnist_exporter.commands.stages import stages_shown
from edge_mnist_exporter.config import BUNDLES_FOLDER, ConversionConfig, ExportConfig, ProjectConfig
from edge_mnist_exporter.gate_config import GateConfig
from edge_mnist_exporter.source.options import parse_names
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.options import JsonOption, parse_least_confidence
from edge_mnist_runtime.errors import UsageError

if TYPE_CHECKING:
    from edge_mnist_exporter.exporting import ExportReport


def export(
    model: ModelOption = None,
    int8: Int8Option = False,
    precisions: PrecisionsOption = None,
    formats: FormatsOption = None,
    targets: TargetsOption = None,
    output: OutputOption = None,
    max_drop_points: MaxDropOption = None,
    min_agreement: MinAgreementOption = None,
    max_probability_diff: MaxProbabilityDiffOption = None,
    gate: GateOption = None,
    io: IoOption = None,
    per_channel: PerChannelOption = DEFAULTS.conversion.per_channel,
    allow_saturation: AllowSaturationOption = False,
    opset: OpsetOption = DEFAULTS.conversion.opset,
    project: ProjectOption = None,
    max_ram_bytes: MaxRamOption = DEFAULTS.conversion.max_ram_bytes,
    auto_mixed: AutoMixedOption = False,
    calibration_samples: CalibrationSamplesOption = DEFAULTS.calibration_samples,
    calibration_method: CalibrationMethodOption = DEFAULTS.conversion.calibration_method,
    calibration_data: CalibrationDataOption = None,
    seed: SeedOption = DEFAULTS.seed,
    input_range: InputRangeOption = None,
    labels: LabelsOption = None,
    unsafe: UnsafeOption = False,
    least_confidence: LeastConfidenceOption = None,
    sign: SignOption = None,
    bundle_version: BundleVersionOption = None,
    valid_days: ValidDaysOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Convert a Keras model to TFLite and ONNX, and prove on real digits that nothing was lost.

    Every file runs on the evaluation images and is compared with Keras: TFLite
    in LiteRT, ONNX in onnxruntime, C as a compiled program. If one fails, no
    bundle is written, the report is kept in OUTPUT.failed, and the exit code is 5.
    """
    config = ExportConfig(
        precisions=_read_precisions(int8, precisions),
        formats=None if formats is None else parse_names(formats),
        targets=None if targets is None else parse_names(targets),
        io=io,
        source=describe_source(input_range, labels, unsafe=unsafe),
        auto_mixed=auto_mixed,
        conversion=ConversionConfig(
            calibration_method, per_channel, opset, allow_saturation, max_ram_bytes=max_ram_bytes
        ),
        gates=_read_gates(gate, max_drop_points, min_agreement, max_probability_diff),
        calibration_samples=calibration_samples,
        calibration_data=calibration_data,
        seed=seed,
        project=None if project is None else ProjectConfig(*project),
        least_confidence=parse_least_confidence(least_confidence),
        signing=describe_signing(sign, bundle_version, valid_days),
    )
    finished, path, target = _export(model, output, config, data, show=debug)
    _print(finished, path, target, config.project, as_json=as_json)
    finished.require_passed()


def _read_gates(
    file: Path | None, max_drop_points: float | None, min_agreement: float | None, max_probability_diff: float | None
) -> GateConfig:
    return GateConfig.load(
        file,
        max_drop_points=max_drop_points,
        min_agreement=min_agreement,
        max_probability_diff=max_probability_diff,
    )


def _export(
    model: Path | None, output: Path | None, config: ExportConfig, data: Path | None, *, show: bool
) -> tuple[ExportReport, Path, Path]:
    """Run the export. Return it with the paths of the model and the bundle."""
    for line in config.absent:
        typer.echo(f"edge-mnist: note: {line}", err=True)
    from edge_mnist_runtime.dataset import find_mnist_folder
    from edge_mnist_runtime.extras import require_extra

    require_extra(
        "export",
        "edge-mnist export",
        *("tensorflow", "tf2onnx", "onnx", "onnxruntime", "ai_edge_litert", "sklearn", "scipy", "jinja2", "cyclonedx"),
    )
    from edge_mnist_exporter.bundle.report_paths import check_report_paths
    from edge_mnist_exporter.bundle.signing import load_private_key
    from edge_mnist_exporter.program.program_files import check_programs
    from edge_mnist_exporter.source.model_file import read_model_file
    from edge_mnist_exporter.source.source_model import find_source

    # Check everything that needs no TensorFlow before it starts, which takes seconds.
    name, path = find_source(model)
    target = output or BUNDLES_FOLDER / name
    if config.project:
        config.project.check_folder(target)
    if config.signing and not config.signing.key.is_fifo():  # a pipe can be read only once, by the export
        load_private_key(config.signing.key)
    find_mnist_folder(data)
    check_programs(name, config.kinds)
    check_report_paths(target)
    if path.is_file():
        read_model_file(path)
    with stages_shown(show=show) as on_stage:
        from edge_mnist_exporter.exporting import export as run_export

        return run_export(model, output=target, config=config, data=data, on_stage=on_stage), path, target


def _read_precisions(int8: bool, precision: str | None) -> tuple[str, ...]:
    if precision is None:
        return DEFAULTS.precisions
    if int8:
        raise UsageError(f"--int8 is short for --precision int8; leave it out beside --precision {precision}")
    return parse_names(precision)


def _print(
    report: ExportReport, path: Path, shown_target: Path, project: ProjectConfig | None, *, as_json: bool
) -> None:
    if report.record.dataset.notice:
        typer.echo(f"edge-mnist: note: {report.record.dataset.notice}", err=True)
    if as_json:
        typer.echo(report.record.to_json(), nl=False)
        return
    from edge_mnist_exporter.bundle.report_paths import shorten
    from edge_mnist_exporter.report.report_table import print_report

    print_report(report.record, path)
    if report.path:
        typer.echo(f"\nWritten to {shown_target}:")
        for file in report.files:
            typer.echo(f"  {file}")
        typer.echo(f"\nReport (shows evaluation images, not for distribution):\n  {shorten(report.page)}")
    if report.path and project:
        typer.echo(f"Project for {project.kind}:\n  {project.folder}")
