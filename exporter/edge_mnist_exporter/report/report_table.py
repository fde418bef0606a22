"""Print the report of an export on a terminal, in 80 columns."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge_mnist_exporter.report.audit_rows import can_saturate
from edge_mnist_exporter.report.report import ArtifactReport, ExportRecord
from edge_mnist_runtime.machine.int8_sums import describe_saturation
from edge_mnist_trainer.networks.reference_models import REFERENCE_MODELS, find_reference_model


def print_report(report: ExportRecord, path: Path) -> None:
    """Print the figures of every file."""
    console = Console()
    references = {find_reference_model(name): f"The reference model {name}" for name in REFERENCE_MODELS}
    shown = references.get(path, str(path))
    console.print(Text(f"{shown}: Keras reads {report.reference.top1:.2%}"), soft_wrap=True)
    if not report.artifacts:
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("file", overflow="fold")
    for heading in ("kB", "top-1", "delta, 95 %", "agree", "|dp|", "gates"):
        table.add_column(heading, justify="right", no_wrap=True)
    for item in report.artifacts:
        table.add_row(*_describe(item, report))
    console.print(table, highlight=False)
    for item in report.artifacts:
        if can_saturate(item):
            console.print(Text(describe_saturation(item.file)), style="yellow")
    for item in report.artifacts:
        if item.program is not None:
            console.print(Text(f"{item.file}: {item.program}."), highlight=False)
    for choice in report.mixed:
        console.print(Text(str(choice)), highlight=False)
    dataset = report.dataset
    console.print(
        f"{dataset.n:,} images of {dataset.name} ({dataset.split}). delta: percentage points against Keras, with its "
        "95 % interval; agree: same answer as Keras; |dp|: largest probability difference.",
        highlight=False,
    )


def _describe(item: ArtifactReport, report: ExportRecord) -> list[Text | str]:
    figures = item.figures
    low, high = figures.delta_interval_points
    return [
        Text(item.file),
        f"{item.size_bytes / 1000:.1f}",
        f"{figures.top1:.2%}",
        Text(f"{figures.delta_points:+.2f} [{low:+.2f}, {high:+.2f}]"),
        f"{figures.agreement:.2%}",
        f"{figures.max_abs_probability_diff:.3f}",
        _describe_gates(item, report),
    ]


def _describe_gates(item: ArtifactReport, report: ExportRecord) -> str:
    """A program that nothing here could compile or run is not called passed."""
    if not report.passes(item.file):
        return "FAIL"
    return "not proved" if item.program is not None and not item.program.is_proved else "pass"
