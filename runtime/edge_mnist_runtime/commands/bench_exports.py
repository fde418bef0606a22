"""Write the report of `edge-mnist bench` as a Markdown table or as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edge_mnist_runtime.bench.report import BenchReport, MeasuredModel


def to_markdown(report: BenchReport) -> str:
    """One row a model: percentiles in microseconds, throughput, size, memory, and what was asked for beside."""
    percentiles = [*report.models[0].latency_us]
    reference = {ratio.model: ratio for ratio in report.reference}
    headings = ["model", *(f"{name} us" for name in percentiles), "digits/s", "kB", "MB"]
    asked = _asked_for(report)
    headings += [*asked, *(["ratio", "95 %"] if reference else [])]
    largest = str(max(report.config.batch_sizes))
    rows = []
    for index, model in enumerate(report.models):
        cells = [
            f"`{model.label}`",
            *(_rounded(value, 1) for value in model.latency_us.values()),
            f"{model.images_per_second[largest]:,.0f}",
            _rounded(None if model.size_bytes is None else model.size_bytes / 1000, 1),
            _rounded(model.memory_mb["model"] if model.memory_mb else None, 1),
            *(column[index] for column in asked.values()),
        ]
        if reference:
            ratio = reference.get(model.label)
            cells += [f"{ratio.ratio:.3f}", "{:.3f} to {:.3f}".format(*ratio.interval)] if ratio else ["-", "-"]
        rows.append(cells)
    rule = ["---", *("---:" for _ in headings[1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in (headings, rule, *rows))


def _asked_for(report: BenchReport) -> dict[str, list[str]]:
    """The columns of optional figures, by heading."""
    config, models = report.config, report.models
    columns = {}
    if config.streams > 1:
        per_second = [model.streams.images_per_second if model.streams else None for model in models]
        columns[f"digits/s x{config.streams}"] = [_rounded(value, 0) for value in per_second]
    if config.slo_ms is not None:
        columns[f"rate, p99 < {config.slo_ms:g} ms"] = [_rounded(model.slo_rate, 0) for model in models]
    if config.instructions:
        counts = [model.instructions.per_digit if model.instructions else None for model in models]
        columns["instructions"] = [_rounded(count, 0) for count in counts]
    return columns


def to_csv(report: BenchReport) -> str:
    """One row a model, with units in the headings. An unknown figure is an empty field."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    rows = [_figures(report, model) for model in report.models]
    writer.writerow(rows[0])
    writer.writerows(["" if value is None else value for value in row.values()] for row in rows)
    return text.getvalue().rstrip("\n")


def _figures(report: BenchReport, model: MeasuredModel) -> dict[str, object]:
    ratio = next((item for item in report.reference if item.model == model.label), None)
    return {
        "model": model.model,
        "threads": model.threads,
        "backend": model.backend,
        "precision": model.precision,
        "samples": model.samples,
        **{f"{name}_us": value for name, value in model.latency_us.items()},
        **{f"{name}_bound_us": value for name, value in model.bound_us.items()},
        "load_ms": model.load_ms,
        "first_us": model.first_us,
        **{f"batch_{size}_per_second": value for size, value in model.images_per_second.items()},
        "size_bytes": model.size_bytes,
        "init_mb": model.memory_mb and model.memory_mb["init"],
        "memory_mb": model.memory_mb and model.memory_mb["model"],
        "instructions": model.instructions and model.instructions.per_digit,
        "energy_uj": model.energy_uj,
        "streams_per_second": model.streams and model.streams.images_per_second,
        "slo_rate_per_second": model.slo_rate,
        "ratio_to_reference": ratio and ratio.ratio,
        "ratio_low": ratio and ratio.interval[0],
        "ratio_high": ratio and ratio.interval[1],
    }


def _rounded(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
