"""`edge-mnist bench`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.measuring_progress import measuring_progress
from edge_mnist_runtime.commands.options import MODELS_HELP, JsonOption, OnlyBackendOption
from edge_mnist_runtime.errors import UsageError

if TYPE_CHECKING:
    from edge_mnist_runtime.engines.options import Backend


def bench(
    models: Annotated[list[Path] | None, typer.Argument(help=MODELS_HELP, show_default="robust")] = None,
    samples: Annotated[int, typer.Option(help="Maximum number of predictions of each model.")] = 20_000,
    seconds: Annotated[float, typer.Option(help="Maximum measuring time of each model, in seconds.")] = 10.0,
    threads: Annotated[str, typer.Option(help="Thread counts to measure, such as 1,2,4.")] = "1",
    batch_sizes: Annotated[str, typer.Option("--batch", help="Batch sizes for throughput.")] = "32,256",
    rate: Annotated[
        float | None,
        typer.Option(help="Predictions a second, started at fixed times.", show_default="one after the other"),
    ] = None,
    poisson: Annotated[
        float | None, typer.Option(help="The same, at the random times of many clients.", show_default=False)
    ] = None,
    slo_ms: Annotated[
        float | None, typer.Option(help="Find the highest rate with p99 under this many ms.", show_default=False)
    ] = None,
    streams: Annotated[int, typer.Option(help="Also measure so many threads that call a model at once.")] = 1,
    reference: Annotated[
        str | None, typer.Option(metavar="NAME", help="Give all models as ratios to this one.", show_default=False)
    ] = None,
    backend: OnlyBackendOption = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of MNIST's IDX files.", show_default="$EDGE_MNIST_DATA, else sample pictures"),
    ] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Also time every operator (.onnx only).")] = False,
    runs: Annotated[
        int, typer.Option(help="New processes that measure each model against the yardstick, for compare.")
    ] = 1,
    instructions: Annotated[
        bool, typer.Option("--instructions", help="Also count the instructions of a digit (seconds a model).")
    ] = False,
    startup: Annotated[bool, typer.Option(help="Measure import time and peak memory, in new processes.")] = True,
    plot: Annotated[
        Path | None, typer.Option(help="Plot the latencies into this file (.png, .svg, .pdf).", show_default=False)
    ] = None,
    as_json: JsonOption = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print only a Markdown table.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print only comma-separated values.")] = False,
    debug: DebugOption = False,
) -> None:
    """Measure latency, throughput and memory of models on this device.

    Measuring ends when the percentiles are stable, or at --samples or
    --seconds.
    """
    from edge_mnist_runtime.bench.benchmark import run_benchmark
    from edge_mnist_runtime.bench.config import BenchmarkConfig, parse_counts
    from edge_mnist_runtime.bench.plot import check_plot, draw_plot
    from edge_mnist_runtime.bench.sample_digits import load_benchmark_digits
    from edge_mnist_runtime.engines.options import require_backend

    config = BenchmarkConfig(
        samples=samples,
        seconds=seconds,
        threads=parse_counts(threads, "--threads"),
        batch_sizes=parse_counts(batch_sizes, "--batch"),
        rate=rate,
        poisson=poisson,
        slo_ms=slo_ms,
        streams=streams,
        reference=reference,
        fresh_processes=startup,
        profile=profile,
        runs=runs,
        instructions=instructions,
    )
    if as_json + markdown + as_csv > 1:
        raise UsageError("--json, --markdown and --csv exclude each other; choose one")
    if plot:
        check_plot(plot)
    found, skipped = _find(models, require_backend(backend))
    digits, notice = load_benchmark_digits(data)
    with chatter_silenced(show=debug) as terminal, measuring_progress(terminal) as on_progress:
        report = replace(run_benchmark(found, digits, config, on_progress=on_progress), skipped=tuple(skipped))
        if plot:
            draw_plot(report, plot)
    if as_json or markdown or as_csv:
        from edge_mnist_runtime.commands.bench_exports import to_csv, to_markdown

        print(report.to_json() if as_json else to_markdown(report) if markdown else to_csv(report))
        return
    from edge_mnist_runtime.commands.bench_tables import print_report

    print_report(report, notice)


def _find(models: list[Path] | None, backend: Backend | None) -> tuple[Sequence[Path | None], list[dict[str, str]]]:
    """Find the models to measure (None is the default model); print and return the files that cannot run here."""
    from edge_mnist_runtime.bench.subjects import find_models
    from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS, DEFAULT_MODEL
    from edge_mnist_runtime.bundles.model_files import require_runnable

    if not models:
        require_runnable(Path(BUNDLED_MODELS[DEFAULT_MODEL]).name, backend)
        return [None], []
    found, skipped = find_models(models, backend=backend)
    for item in skipped:
        print(f"edge-mnist: skipped {item['model']}: {item['reason']}", file=sys.stderr)
    return found, skipped
