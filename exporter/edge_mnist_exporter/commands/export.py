"""The command `edge-mnist export`. TensorFlow is imported only when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_mnist_exporter.commands.conversion_options import (
    CALIBRATION,
    FILES,
    MODEL,
    CalibrationMethodOption,
    CalibrationSamplesOption,
    InputRangeOption,
    PerChannelOption,
    SeedOption,
    UnsafeOption,
)
from edge_mnist_exporter.commands.stages import stages_shown
from edge_mnist_exporter.config import BUNDLES_FOLDER, ConversionConfig, ExportConfig, SourceConfig
from edge_mnist_exporter.gate_config import GateConfig
from edge_mnist_exporter.source.options import parse_input_range, parse_names, read_labels
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.options import JsonOption, parse_least_confidence
from edge_mnist_runtime.errors import UsageError

if TYPE_CHECKING:
    from edge_mnist_exporter.exporting import Export

DEFAULTS = ExportConfig()
"""The defaults of the options."""


# The signature is long because it is the list of options. `ExportConfig` explains them.
def export(
    model: Annotated[
        Path | None,
        typer.Argument(
            help="A .keras or .h5 file, a SavedModel, a run folder, or a reference model: edge, nano, robust.",
            show_default="the newest run under runs/, else the reference model",
        ),
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="Short for --precision int8.")] = False,
    precisions: Annotated[
        str | None,
        typer.Option(
            "--precision", metavar="LIST", help="One or more of fp32,fp16,int8,int16x8,dynamic.", show_default="int8"
        ),
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="LIST",
            help="One or more of tflite,onnx,c; each precision in those that support it.",
            show_default="tflite,onnx",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The bundle folder.", show_default="bundles/NAME")
    ] = None,
    max_drop_points: Annotated[
        float | None,
        typer.Option(
            "--max-drop",
            metavar="POINTS",
            help="Maximum loss of top-1 against Keras, in percentage points.",
            show_default=f"{DEFAULTS.gates.max_drop_points:g}",
        ),
    ] = None,
    min_agreement: Annotated[
        float | None,
        typer.Option(
            metavar="FRACTION",
            help="Minimum fraction of the images with the same answer as Keras.",
            show_default=f"{DEFAULTS.gates.min_agreement:g}",
        ),
    ] = None,
    max_probability_diff: Annotated[
        float | None,
        typer.Option(
            metavar="DIFF",
            help="Maximum difference of any probability from Keras's, in 0..1.",
            show_default="not checked",
        ),
    ] = None,
    gate: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            help="Limits from a file: a table \\[gate] with any of max_drop_points, min_agreement, "
            "max_probability_diff, min_top1 (of every file), min_int8_parity (fraction of the images on which the two "
            "int8 files agree). Options override it.",
        ),
    ] = None,
    io: Annotated[
        str | None,
        typer.Option(
            metavar="DTYPE",
            help="Dtype of the input: uint8, int8 or float32.",
            show_default="uint8; float32 for int16x8",
            rich_help_panel=FILES,
        ),
    ] = None,
    per_channel: PerChannelOption = DEFAULTS.conversion.per_channel,
    allow_saturation: Annotated[
        bool,
        typer.Option(
            "--allow-saturation",
            help="Let int8 ONNX weights use all 8 bits; their sums saturate on x86 without VNNI.",
            rich_help_panel=FILES,
        ),
    ] = False,
    opset: Annotated[
        int, typer.Option(help="ONNX opset, 13 to 18.", rich_help_panel=FILES)
    ] = DEFAULTS.conversion.opset,
    max_ram_bytes: Annotated[
        int | None,
        typer.Option(
            "--max-ram",
            metavar="BYTES",
            help="Most memory that a C program may work in.",
            show_default="any",
            rich_help_panel=FILES,
        ),
    ] = DEFAULTS.conversion.max_ram_bytes,
    auto_mixed: Annotated[
        bool,
        typer.Option(
            "--auto-mixed",
            help="If an int8 file fails, keep as few layers as possible in float: NAME_mixed.",
        ),
    ] = False,
    calibration_samples: CalibrationSamplesOption = DEFAULTS.calibration_samples,
    calibration_method: CalibrationMethodOption = DEFAULTS.conversion.calibration_method,
    calibration_data: Annotated[
        Path | None,
        typer.Option(
            help="A folder of pictures to calibrate on, at most --calibration-samples of them.",
            show_default=False,
            rich_help_panel=CALIBRATION,
        ),
    ] = None,
    seed: SeedOption = DEFAULTS.seed,
    input_range: InputRangeOption = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="File with the class names, one per line, or a JSON list.",
            show_default="0, 1, 2, ...",
            rich_help_panel=MODEL,
        ),
    ] = None,
    unsafe: UnsafeOption = False,
    least_confidence: Annotated[
        str | None,
        typer.Option(
            metavar="VALUE",
            help="The runtime rejects predictions with less confidence: lenient, balanced, strict, or 0..1; 0 rejects "
            "none.",
            show_default="that of the training run, else chosen on validation images",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="MNIST's IDX files, your own digits as for edge-mnist train, or images of your model's own shape.",
            show_default="$EDGE_MNIST_DATA, else Keras's cache or download, else scikit-learn's digits, with a note",
        ),
    ] = None,
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
        io=io,
        source=SourceConfig(
            labels=None if labels is None else read_labels(labels),
            input_range=None if input_range is None else parse_input_range(input_range),
            unsafe=unsafe,
        ),
        auto_mixed=auto_mixed,
        conversion=ConversionConfig(
            calibration_method, per_channel, opset, allow_saturation, max_ram_bytes=max_ram_bytes
        ),
        gates=GateConfig.load(
            gate,
            max_drop_points=max_drop_points,
            min_agreement=min_agreement,
            max_probability_diff=max_probability_diff,
        ),
        calibration_samples=calibration_samples,
        calibration_data=calibration_data,
        seed=seed,
        least_confidence=parse_least_confidence(least_confidence),
    )
    for line in config.absent:
        typer.echo(f"edge-mnist: note: {line}", err=True)
    finished, path, target = _export(model, output, config, data, show=debug)
    _print(finished, path, target, as_json=as_json)
    finished.require_passed()


def _export(
    model: Path | None, output: Path | None, config: ExportConfig, data: Path | None, *, show: bool
) -> tuple[Export, Path, Path]:
    """Run the export. Return it with the paths of the model and the bundle."""
    from edge_mnist_runtime.dataset import find_mnist_folder
    from edge_mnist_runtime.extras import require_extra

    require_extra(
        "export",
        "edge-mnist export",
        *("tensorflow", "tf2onnx", "onnx", "onnxruntime", "ai_edge_litert", "sklearn", "scipy", "jinja2"),
    )
    from edge_mnist_exporter.bundle.report_paths import check_report_paths
    from edge_mnist_exporter.source.model_file import read_model_file
    from edge_mnist_exporter.source.source_model import find_source

    # Check everything that needs no TensorFlow before it starts, which takes seconds.
    find_mnist_folder(data)
    name, path = find_source(model)
    target = output or BUNDLES_FOLDER / name
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


def _print(export: Export, path: Path, shown_target: Path, *, as_json: bool) -> None:
    if export.report.dataset.notice:
        typer.echo(f"edge-mnist: note: {export.report.dataset.notice}", err=True)
    if as_json:
        typer.echo(export.report.to_json(), nl=False)
        return
    from edge_mnist_exporter.bundle.report_paths import shorten
    from edge_mnist_exporter.report.report_table import print_report

    print_report(export.report, path)
    if export.target:
        typer.echo(f"\nWritten to {shown_target}:")
        for file in export.files:
            typer.echo(f"  {file}")
        typer.echo(f"\nReport (shows evaluation images, not for distribution):\n  {shorten(export.page)}")
