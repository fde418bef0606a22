"""The command `edge-mnist debug`. TensorFlow is imported only when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from edge_mnist_exporter.commands.stages import stages_shown
from edge_mnist_exporter.config import ConversionConfig, ExportConfig
from edge_mnist_exporter.gate_config import GateConfig
from edge_mnist_exporter.source.options import parse_names
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.options import JsonOption
from edge_mnist_runtime.errors import UsageError

if TYPE_CHECKING:
    from edge_mnist_exporter.audit.layer_errors import LayerError
    from edge_mnist_exporter.mixed.diagnosis import Diagnosis


ModelOption = Annotated[
    Path | None,
    typer.Argument(
        help="A .keras or .h5 file, a run folder, or a reference model: edge, nano, micro, robust.",
        show_default="the newest run under runs/, else the reference model",
    ),
]
FormatsOption = Annotated[str, typer.Option("--format", metavar="LIST", help="One or both of tflite,onnx.")]
ImagesOption = Annotated[int, typer.Option(help="Number of training images to measure with.")]
AutoMixedOption = Annotated[
    bool, typer.Option("--auto-mixed", help="If int8 fails, find the fewest layers that must stay in float.")
]
GateOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.toml", help="Limits that decide if int8 fails, as for edge-mnist export.", show_default=False
    ),
]
DataOption = Annotated[
    Path | None, typer.Option(help="Digits or images, as for edge-mnist export.", show_default="$EDGE_MNIST_DATA, ...")
]


def debug(
    model: ModelOption = None,
    formats: FormatsOption = "tflite,onnx",
    images: ImagesOption = 100,
    auto_mixed: AutoMixedOption = False,
    gate: GateOption = None,
    input_range: InputRangeOption = None,
    unsafe: UnsafeOption = False,
    per_channel: PerChannelOption = DEFAULTS.conversion.per_channel,
    calibration_method: CalibrationMethodOption = DEFAULTS.conversion.calibration_method,
    calibration_samples: CalibrationSamplesOption = DEFAULTS.calibration_samples,
    seed: SeedOption = DEFAULTS.seed,
    data: DataOption = None,
    as_json: JsonOption = False,
    show: DebugOption = False,
) -> None:
    """Show the error of int8 in every layer: signal-to-noise ratio against the layer in float, worst first.

    `own` is the ratio for rounding to the layer's own range alone, without the
    errors of the layers before it: int8 goes wrong where it is low.
    """
    from edge_mnist_runtime.dataset import find_mnist_folder
    from edge_mnist_runtime.extras import require_extra

    if images < 1:
        raise UsageError(f"--images must be at least 1, not {images}")
    config = ExportConfig(
        formats=parse_names(formats),
        source=describe_source(input_range, unsafe=unsafe),
        conversion=ConversionConfig(calibration_method, per_channel),
        gates=GateConfig.load(gate),
        calibration_samples=calibration_samples,
        seed=seed,
        auto_mixed=auto_mixed,
    )
    require_extra("export", "edge-mnist debug", "tensorflow", "tf2onnx", "onnx", "onnxruntime", "ai_edge_litert")
    find_mnist_folder(data)
    from edge_mnist_exporter.source.source_model import find_source

    name, path = find_source(model)
    with stages_shown(show=show) as on_stage:
        from edge_mnist_exporter.mixed.diagnosis import diagnose

        found = diagnose(name, path, config, n_images=images, data=data, on_stage=on_stage)
    if found.notice:
        typer.echo(f"edge-mnist: note: {found.notice}", err=True)
    if as_json:
        typer.echo(found.to_json())
    else:
        _print(found, auto_mixed=auto_mixed)


def _print(found: Diagnosis, *, auto_mixed: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    for format_name, errors in found.layers.items():
        table = Table(box=None, pad_edge=False)
        table.add_column(f"{found.name}, int8 {format_name}")
        table.add_column("operator")
        table.add_column("SNR dB", justify="right")
        table.add_column("own dB", justify="right")
        for error in errors:
            own = "float" if error.in_float else f"{error.own_snr_db:.1f}"
            table.add_row(Text(error.layer), error.operator, f"{error.snr_db:.1f}", own)
        console.print(table)
        console.print(Text(_name_culprit(errors)))
        console.print()
    console.print(
        f"On {found.n_images} training images. SNR: of the layer's output, with the errors of the layers before it. "
        "own: of its exact output rounded to its range, median channel; float: the layer does not exist in int8."
    )
    if auto_mixed:
        for choice in found.mixed:
            console.print(Text(str(choice)))
        for file in found.hopeless:
            console.print(Text(f"{file} fails, and so does every file with layers in float."))
        if not found.mixed and not found.hopeless:
            console.print("No layer needs to stay in float: int8 passes.")


def _name_culprit(errors: tuple[LayerError, ...]) -> str:
    worst = min(errors, key=lambda error: error.own_snr_db)
    return f"Largest error: {worst.layer}, whose median channel rounded to its range keeps {worst.own_snr_db:.1f} dB."
