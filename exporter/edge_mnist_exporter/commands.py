"""`edge-mnist export`. TensorFlow is imported when the command runs, not before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_mnist_exporter.config import ExportConfig
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.errors import UsageError

if TYPE_CHECKING:
    from edge_mnist_exporter.export import Export
    from edge_mnist_exporter.report import ExportReport

DEFAULTS = ExportConfig()
BUNDLES_FOLDER: Final = Path("bundles")
"""Where bundles go that are given no place."""


def export(
    model: Annotated[
        Path | None,
        typer.Argument(
            help="A .keras file, a run folder, or a reference model: edge, nano, robust.",
            show_default="the newest run under runs/, else the reference model",
        ),
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="Short for --precision int8.")] = False,
    precision: Annotated[
        str | None, typer.Option(help="fp32, int8, or both as fp32,int8.", show_default="int8")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The bundle folder.", show_default="bundles/NAME")
    ] = None,
    max_drop: Annotated[
        float,
        typer.Option(metavar="POINTS", help="Most top-1 that a file may lose against Keras, in percentage points."),
    ] = DEFAULTS.max_drop_points,
    min_agreement: Annotated[
        float, typer.Option(metavar="PART", help="Least part of the images on which a file must give Keras's answer.")
    ] = DEFAULTS.min_agreement,
    calibration_samples: Annotated[
        int, typer.Option(help="Training images that fix the int8 ranges.")
    ] = DEFAULTS.calibration_samples,
    seed: Annotated[int, typer.Option(help="Decides which images those are.")] = DEFAULTS.seed,
    data: Annotated[
        Path | None,
        typer.Option(
            help="MNIST's IDX files, or your own digits as for edge-mnist train.",
            show_default="$EDGE_MNIST_DATA, else Keras's cache or download, else scikit-learn's digits, which is said",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")] = False,
    debug: DebugOption = False,
) -> None:
    """Convert a Keras model to TFLite and ONNX, and prove on real digits that nothing was lost.

    Both files are run, in LiteRT and in onnxruntime, and compared with Keras.
    If either falls short, nothing is written and the exit code is 5.
    """
    from edge_mnist_runtime.commands.chatter import chatter_silenced
    from edge_mnist_runtime.dataset import find_mnist_folder
    from edge_mnist_runtime.extras import require_extra

    config = ExportConfig(_read_precisions(int8, precision), max_drop, min_agreement, calibration_samples, seed)
    require_extra(
        "export", "edge-mnist export", "tensorflow", "tf2onnx", "onnx", "onnxruntime", "ai_edge_litert", "sklearn"
    )
    find_mnist_folder(data)  # a folder that does not exist is said at once, not after TensorFlow's start
    from edge_mnist_exporter.source_model import find_source

    name, path = find_source(model)
    target = output or BUNDLES_FOLDER / name
    with chatter_silenced(show=debug) as terminal:
        from rich.console import Console

        with Console(file=terminal).status("starting TensorFlow") as status:
            from edge_mnist_exporter.export import export_bundle, require_passed

            finished = export_bundle(name, path, target, config, data=data, on_stage=status.update)
    _print(finished, path, output or target, as_json=as_json)
    require_passed(finished)


def _read_precisions(int8: bool, precision: str | None) -> tuple[str, ...]:
    if precision is None:
        return DEFAULTS.precisions
    if int8:
        raise UsageError(f"--int8 is short for --precision int8; leave it out beside --precision {precision}")
    return tuple(dict.fromkeys(item.strip() for item in precision.split(",")))


def _print(export: Export, path: Path, shown_target: Path, *, as_json: bool) -> None:
    if export.report.dataset.notice:
        typer.echo(f"edge-mnist: note: {export.report.dataset.notice}", err=True)
    if as_json:
        typer.echo(export.report.to_json(), nl=False)
        return
    _print_table(export.report, path)
    if export.target:
        typer.echo(f"\nWritten to {shown_target}:")
        for file in export.files:
            typer.echo(f"  {file}")


def _print_table(report: ExportReport, path: Path) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from edge_mnist_exporter.source_model import REFERENCE_MODELS, find_reference_model

    console = Console()
    dataset = report.dataset
    references = {find_reference_model(name): f"The reference model {name}" for name in REFERENCE_MODELS}
    shown = references.get(path, str(path))
    console.print(Text(f"{shown}: Keras reads {report.reference['top1']:.2%}"), soft_wrap=True)
    if not report.artifacts:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("file", overflow="fold")
    for heading in ("kB", "top-1", "delta", "agreement", "max |dp|", "gates"):
        table.add_column(heading, justify="right")
    for item in report.artifacts:
        passed = all(gate.passed for gate in report.gates if gate.file == item.file)
        table.add_row(
            Text(item.file),
            f"{item.size_bytes / 1000:.1f}",
            f"{item.top1:.2%}",
            f"{item.delta_points:+.2f}",
            f"{item.agreement:.2%}",
            f"{item.max_abs_probability_diff:.3f}",
            "pass" if passed else "FAIL",
        )
    console.print(table, highlight=False)
    console.print(
        f"{dataset.n:,} images of {dataset.name} ({dataset.split}); delta in percentage points against Keras; "
        "agreement: same digit as Keras; max |dp|: largest probability difference.",
        highlight=False,
    )
