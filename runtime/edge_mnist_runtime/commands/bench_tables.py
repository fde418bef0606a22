"""Print the report of `edge-mnist bench` as tables of at most 80 columns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge_mnist_runtime.bench.histogram import ASCII_BARS, BARS, draw_line
from edge_mnist_runtime.commands.option_names import name_options

if TYPE_CHECKING:
    from edge_mnist_runtime.bench.operator_profile import OperatorTime
    from edge_mnist_runtime.bench.report import BenchReport, MeasuredModel

HISTOGRAM_WIDTH = 40


def print_report(report: BenchReport, notice: str | None) -> None:
    """Print the tables, their legend, advice and warnings.

    Args:
        report: The result of `run_benchmark`.
        notice: A remark about the digits, or None.
    """
    models = report.models
    names = shorten([model.model for model in models])
    if len(report.config.threads) > 1:
        names = [f"{name} x{model.threads}" for name, model in zip(names, models, strict=True)]
    console = Console(highlight=False)
    console.print(_latency_table(report, names))
    console.print()
    console.print(_stage_table(models, names))
    console.print()
    console.print(_histogram_table(models, names, console))
    if report.config.streams > 1 or report.config.slo_ms is not None:
        console.print()
        console.print(_server_table(report, names))
    if report.reference:
        console.print()
        console.print(_reference_table(report))
    if any(model.instructions or model.energy_uj for model in models):
        console.print()
        console.print(_counter_table(models, names))
    for name, model in zip(names, models, strict=True):
        if model.operators:
            console.print()
            console.print(_operator_table(name, model.operators))
    console.print(Text("\n" + explain(report)))
    for line in (*report.advice, *([name_options(notice)] if notice else [])):
        console.print(Text(line))
    for warning in report.warnings:
        console.print(Text(f"warning: {name_options(warning)}", style="yellow"))


def shorten(models: list[str]) -> list[str]:
    """Shorten paths to file names if these are unique, otherwise to paths below the common folder."""
    names = {model: Path(model).name for model in models}
    if len(set(names.values())) == len(names):
        return [names[model] for model in models]
    shared = os.path.commonpath([os.path.dirname(model) for model in models])  # noqa: PTH120  # text, not files
    return [model[len(shared) :].lstrip(os.sep) for model in models]


def explain(report: BenchReport) -> str:
    """Write the legend of the tables: units, conditions, machine."""
    env, config, models = report.env, report.config, report.models
    rate = config.poisson or config.rate
    mode = f"{rate:g} a second, from when each was due" if rate else "one after the other"
    reasons = {
        name: why for model in models for name, why in model.unknown.items() if name in (*model.latency_us, "slo_rate")
    }
    engines = ", ".join(
        f"{name} {env['versions'][name]}" for name in ("onnxruntime", "ai-edge-litert") if name in env["versions"]
    )
    before_model = _number(report.preprocess_us["p50"])
    lines = [
        f"Latency of one digit in us: {_counted(models)}, {mode}.",
        f"Input: {report.digits.name}, in rotation. digits/s: in batches of {max(config.batch_sizes)}.",
        *(f"-: {name.replace('slo_rate', 'rate')} {reason}." for name, reason in reasons.items()),
        "engine: the model without preprocessing. MB: peak memory on top of the imports,",
        "init MB: of these, before the first prediction.",
        f"photo: from an 800 x 600 picture to the digit; preprocessing takes {before_model} us.",
        *(f"Import of {backend} and the runtime: {took_ms:.0f} ms." for backend, took_ms in report.import_ms.items()),
        *(f"Instructions: by {counter}, on a processor with {features}." for counter, features in _counters(models)),
        f"{env['cpu']}, {env['usable_cores']} cores, {engines}.",
    ]
    return "\n".join(lines)


def _counters(models: Sequence[MeasuredModel]) -> list[tuple[str, str]]:
    counts = [model.instructions for model in models if model.instructions]
    return [*dict.fromkeys((count.counter, ", ".join(count.features) or "none of AVX2, AVX-512") for count in counts)]


def _counted(models: Sequence[MeasuredModel]) -> str:
    fewest, most = min(model.samples for model in models), max(model.samples for model in models)
    counted = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    stable = all(model.stopped == "stable" for model in models)
    return f"{counted} predictions{', until stable' if stable else ''}"


def _latency_table(report: BenchReport, names: list[str]) -> Table:
    models = report.models
    table = _table("model", *models[0].latency_us, "digits/s")
    largest = str(max(report.config.batch_sizes))
    for name, model in zip(names, models, strict=True):
        table.add_row(
            Text(name),
            *(_number(value) for value in model.latency_us.values()),
            f"{model.images_per_second[largest]:,.0f}",
        )
        table.add_row(
            Text("  99 % upper bound", style="dim"),
            *(Text(_number(value), style="dim") for value in model.bound_us.values()),
        )
    return table


def _stage_table(models: Sequence[MeasuredModel], names: list[str]) -> Table:
    table = _table("stages", "kB", "load ms", "first us", "engine us", "photo us", "init MB", "MB")
    for name, model in zip(names, models, strict=True):
        table.add_row(
            Text(name),
            "-" if model.size_bytes is None else f"{model.size_bytes / 1000:.1f}",
            f"{model.load_ms:.1f}",
            _number(model.first_us),
            _number(model.stages_us["run"]["p50"]),
            _number(model.stages_us["picture"]["p50"]),
            *(_number(model.memory_mb[key] if model.memory_mb else None) for key in ("init", "model")),
        )
    return table


def _histogram_table(models: Sequence[MeasuredModel], names: list[str], console: Console) -> Table:
    can_draw = (console.encoding or "").lower().startswith("utf")
    table = _table("histogram to p95", "us")
    table.add_column("")
    table.add_column("us")
    for name, model in zip(names, models, strict=True):
        bars, low, high = draw_line(model.latencies_us, HISTOGRAM_WIDTH, BARS if can_draw else ASCII_BARS)
        table.add_row(Text(name), _number(low), Text(bars), _number(high))
    return table


def _server_table(report: BenchReport, names: list[str]) -> Table:
    streams, slo_ms = report.config.streams, report.config.slo_ms
    of_streams = [f"digits/s x{streams}", "p50 us", "p99 us"] if streams > 1 else []
    of_goal = [] if slo_ms is None else [f"rate, p99 < {slo_ms:g} ms"]
    table = _table("server", *of_streams, *of_goal)
    for name, model in zip(names, report.models, strict=True):
        cells = []
        if result := model.streams:
            cells += [f"{result.images_per_second:,.0f}", _number(result.p50_us), _number(result.p99_us)]
        if of_goal:
            cells.append("-" if model.slo_rate is None else f"{model.slo_rate:,.0f}/s")
        table.add_row(Text(name), *cells)
    return table


def _reference_table(report: BenchReport) -> Table:
    table = _table(f"ratio to {report.config.reference}", "latency", "95 % interval")
    for ratio in report.reference:
        low, high = ratio.interval
        table.add_row(Text(ratio.model), f"{ratio.ratio:.3f}", f"{low:.3f} to {high:.3f}")
    return table


def _counter_table(models: Sequence[MeasuredModel], names: list[str]) -> Table:
    table = _table("counters, a digit", "instructions", "energy uJ")
    for name, model in zip(names, models, strict=True):
        count = model.instructions
        table.add_row(Text(name), f"{count.per_digit:,}" if count else "-", _number(model.energy_uj))
    return table


def _operator_table(name: str, operators: Sequence[OperatorTime]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(Text(f"{name}, by operator"), overflow="ellipsis", no_wrap=True)
    table.add_column("kind")
    table.add_column("us a digit", justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    for operator in operators:
        table.add_row(Text(operator.name), operator.operator, f"{operator.us_per_image:.2f}", f"{operator.share:.0%}")
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first, overflow="fold")
    for heading in others:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _number(value: float | None) -> str:
    """Round to about four digits, for reading."""
    if value is None:
        return "-"
    return f"{value:.1f}" if value < 1000 else f"{value:,.0f}"
