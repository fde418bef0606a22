"""`edge-mnist bench`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.commands.debugging import DebugOption


def bench(
    models: Annotated[
        list[Path] | None,
        typer.Argument(help="Bundles, .onnx or .tflite files, or robust, edge, nano.", show_default="robust"),
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
    from edge_mnist_runtime.benchmark import BenchmarkConfig, find_models, run_benchmark
    from edge_mnist_runtime.sample_digits import load_benchmark_digits

    config = BenchmarkConfig(samples=samples, threads=threads)
    found, skipped = find_models(models) if models else ([None], [])
    for item in skipped:
        print(f"edge-mnist: skipped {item['model']}: {item['reason']}", file=sys.stderr)
    digits, notice = load_benchmark_digits(data)
    with chatter_silenced(show=debug) as terminal, _progress(terminal) as on_progress:
        report = run_benchmark(found, digits, config, on_progress=on_progress)
    report["skipped"] = skipped
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        _print_table(report, notice)


@contextmanager
def _progress(terminal: TextIO) -> Iterator[Callable[[int, int], None]]:
    """A bar that is drawn between measurements only: a thread that redraws it would be measured too."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=terminal)
    with Progress(console=console, transient=True, auto_refresh=False, disable=not console.is_terminal) as bar:
        task = bar.add_task("measuring")
        yield lambda done, total: bar.update(task, completed=done, total=total, refresh=True)


def _print_table(report: dict[str, Any], notice: str | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("model", overflow="fold")
    table.add_column("backend")
    for heading in ("kB", "load ms", "p50 us", "p90 us", "p99 us", "digits/s"):
        table.add_column(heading, justify="right")
    largest = str(max(report["config"]["batch_sizes"]))
    models = report["models"]
    for name, model in zip(_shorten([model["model"] for model in models]), models, strict=True):
        latency = ["-" if value is None else f"{value:.1f}" for value in model["latency_us"].values()]
        table.add_row(
            Text(name),
            model["backend"],
            f"{model['size_bytes'] / 1000:.1f}",
            f"{model['load_ms']:.1f}",
            *latency,
            f"{model['images_per_second'][largest]:,.0f}",
        )
    console = Console()
    console.print(table)
    console.print(Text("\n" + _explain(report, largest)))
    if notice:
        console.print(Text(notice))


def _explain(report: dict[str, Any], largest: str) -> str:
    """What the figures are, under the table."""
    env, config = report["env"], report["config"]
    threads = f"{config['threads']} thread{'s' if config['threads'] > 1 else ''}"
    missing = any(value is None for model in report["models"] for value in model["latency_us"].values())
    return (
        f"{config['samples']:,} predictions of one digit each, {report['digits']['name']} in rotation, {threads}; "
        f"digits/s in batches of {largest}.\n"
        + ("-: p90 needs 64 samples and p99 662 to be known with 99 % confidence.\n" if missing else "")
        + f"{env['cpu']}, {env['usable_cores']} cores, onnxruntime {env['versions'].get('onnxruntime')}."
    )


def _shorten(models: list[str]) -> list[str]:
    """File names alone where they differ, else the paths without the folders that all of them share."""
    names = [Path(model).name for model in models]
    if len(set(names)) == len(names):
        return names
    shared = os.path.commonpath([os.path.dirname(model) for model in models])  # noqa: PTH120  # text, not files
    return [model[len(shared) :].lstrip(os.sep) for model in models]
