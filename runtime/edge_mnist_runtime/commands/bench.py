"""`edge-mnist bench`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.measuring_options import (
    BatchSizesOption,
    CountOption,
    CsvOption,
    DigitsOption,
    MarkdownOption,
    ModelsArgument,
    PlotOption,
    PoissonOption,
    ProfileOption,
    RateOption,
    ReferenceOption,
    RunsOption,
    SamplesOption,
    SecondsOption,
    SloOption,
    StartupOption,
    StreamsOption,
    ThreadCountsOption,
)
from edge_mnist_runtime.commands.measuring_progress import measuring_progress
from edge_mnist_runtime.commands.options import JsonOption, OnlyBackendOption
from edge_mnist_runtime.errors import UsageError

if TYPE_CHECKING:
    from edge_mnist_runtime.bench.report import BenchReport
    from edge_mnist_runtime.engines.options import Backend


def bench(
    models: ModelsArgument = None,
    samples: SamplesOption = 20_000,
    seconds: SecondsOption = 10.0,
    threads: ThreadCountsOption = "1",
    batch_sizes: BatchSizesOption = "32,256",
    rate: RateOption = None,
    poisson: PoissonOption = None,
    slo_ms: SloOption = None,
    streams: StreamsOption = 1,
    reference: ReferenceOption = None,
    backend: OnlyBackendOption = None,
    data: DigitsOption = None,
    profile: ProfileOption = False,
    runs: RunsOption = 1,
    instructions: CountOption = False,
    startup: StartupOption = True,
    plot: PlotOption = None,
    as_json: JsonOption = False,
    markdown: MarkdownOption = False,
    as_csv: CsvOption = False,
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

    form = _choose_form(json=as_json, markdown=markdown, csv=as_csv)
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
    if plot:
        check_plot(plot)
    found, skipped = _find(models, require_backend(backend))
    digits, notice = load_benchmark_digits(data)
    with chatter_silenced(show=debug) as terminal, measuring_progress(terminal) as on_progress:
        report = replace(run_benchmark(found, digits, config, on_progress=on_progress), skipped=tuple(skipped))
        if plot:
            draw_plot(report, plot)
    _print(report, notice, form)


def _choose_form(**forms: bool) -> str:
    """The output that was asked for; `tables` if none was."""
    chosen = [name for name, given in forms.items() if given]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(f'--{name}' for name in chosen)} exclude each other; choose one")
    return chosen[0] if chosen else "tables"


def _print(report: BenchReport, notice: str | None, form: str) -> None:
    from edge_mnist_runtime.commands.bench_exports import to_csv, to_markdown
    from edge_mnist_runtime.commands.bench_tables import print_report

    if form == "tables":
        print_report(report, notice)
    else:
        print(report.to_json() if form == "json" else to_csv(report) if form == "csv" else to_markdown(report))


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
