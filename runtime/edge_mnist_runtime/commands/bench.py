"""`edge-mnist bench`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from edge_mnist_runtime.commands.debugging import DebugOption


def bench(
    models: Annotated[
        list[Path] | None,
        typer.Argument(help="Bundle folders, .onnx or .tflite files.", show_default="the bundled model"),
    ] = None,
    samples: Annotated[int, typer.Option(help="One-image predictions of each model.")] = 3000,
    threads: Annotated[int, typer.Option(help="Threads that one call may use.")] = 1,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of MNIST's IDX files.", show_default="$EDGE_MNIST_DATA, else sample pictures"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")] = False,
    debug: DebugOption = False,
) -> None:
    """Measure how long a digit takes here, for every model side by side."""
    from rich.console import Console

    from edge_mnist_runtime.benchmark import BenchmarkConfig, run_benchmark

    config = BenchmarkConfig(samples=samples, threads=threads)
    messages = Console(stderr=True)
    found, skipped = _find_models(models) if models else ([None], [])
    for item in skipped:
        print(f"edge-mnist: skipped {item['model']}: {item['reason']}", file=sys.stderr)
    digits, notice = _find_digits(data)
    with messages.status("measuring") as status:
        report = run_benchmark(
            found,
            digits,
            config,
            on_progress=lambda done, total: status.update(f"measuring: {done} of {total} predictions of each model"),
        )
    report["skipped"] = skipped
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        _print_table(report, notice)


def _find_models(arguments: list[Path]) -> tuple[list[Path | None], list[dict[str, str]]]:
    """Model files of all arguments, and those of bundles that cannot run here with the reason."""
    from edge_mnist_runtime.errors import ManifestError, MissingExtraError
    from edge_mnist_runtime.extras import require_extra
    from edge_mnist_runtime.manifest import Manifest, read_proved

    found: list[Path | None] = []
    skipped: list[dict[str, str]] = []
    for argument in arguments:
        if not argument.is_dir():
            found.append(argument)
            continue
        for artifact in Manifest.load(argument).artifacts:
            path = argument / artifact.file
            read_proved(path, artifact.sha256)
            try:
                if artifact.format == "tflite":
                    require_extra("litert", "Running .tflite models", "ai_edge_litert")
                found.append(path)
            except MissingExtraError as error:
                skipped.append({"model": str(path), "reason": str(error)})
    if not found:
        require_extra("litert", "Running .tflite models", *(["ai_edge_litert"] if skipped else []))
        raise ManifestError(f"{', '.join(map(str, arguments))}: no model files in the bundle; export it again")
    return found, skipped


def _find_digits(data: Path | None) -> tuple[Any, str | None]:
    """Digits to measure on, and what must be said about them."""
    from edge_mnist_runtime.dataset import DATA_VARIABLE, load_mnist_half, mnist_folder
    from edge_mnist_runtime.sample_digits import load_samples

    folder = mnist_folder(data)
    if folder:
        return load_mnist_half(folder, "t10k"), None
    return load_samples(), f"Measured on the sample pictures: MNIST was not named (--data or {DATA_VARIABLE})."


def _print_table(report: dict[str, Any], notice: str | None) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, title_justify="left")
    for heading, justify in (
        ("model", "left"), ("backend", "left"), ("kB", "right"), ("load ms", "right"), ("p50 us", "right"),
        ("p90 us", "right"), ("p99 us", "right"), ("digits/s", "right"),
    ):  # fmt: skip
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    largest = str(max(report["config"]["batch_sizes"]))
    for model in report["models"]:
        latency = ["-" if value is None else f"{value:.1f}" for value in model["latency_us"].values()]
        table.add_row(
            Path(model["model"]).name,
            model["backend"],
            f"{model['size_bytes'] / 1000:.1f}",
            f"{model['load_ms']:.1f}",
            *latency,
            f"{model['images_per_second'][largest]:,.0f}",
        )
    console = Console()
    console.print(table)
    env, samples = report["env"], report["config"]["samples"]
    console.print(
        f"\n{samples:,} predictions of one digit each, {report['digits']['name']} in rotation, "
        f"{report['config']['threads']} thread; digits/s in batches of {largest}.\n"
        f"{env['cpu']}, {env['usable_cores']} cores, onnxruntime {env['versions'].get('onnxruntime')}.",
        highlight=False,
    )
    if notice:
        console.print(notice, highlight=False)
