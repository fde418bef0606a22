"""Print the result of `edge-mnist compare` as a table of at most 80 columns."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge_mnist_runtime.bench.change import Change, Comparison
from edge_mnist_runtime.bench.instruction_gate import InstructionChange
from edge_mnist_runtime.bench.regression import LatencyChange
from edge_mnist_runtime.bench.side_by_side import PairedChange

COLOURS = {"regression": "bold red", "slower": "yellow", "faster": "green", "not decided": "yellow"}

HEADINGS = {
    "reports": ("p50 us", "now", "p50", "p90", "p99", "change"),
    "side by side": ("old us", "new us", "change", "processes"),
    "instructions": ("old", "new", "change"),
}
"""Columns between model and verdict, by the method of the comparison."""


def print_comparison(comparison: Comparison) -> None:
    """Print the table and its legend."""
    table = Table(box=None, pad_edge=False)
    table.add_column("model", overflow="fold")
    for heading in HEADINGS[comparison.method]:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for change in comparison.changes:
        verdict = Text(change.verdict, style=COLOURS.get(change.verdict, ""))
        table.add_row(Text(_label(change)), *_cells(change), verdict)
        if change.interval and comparison.method != "instructions":
            low, high = (f"{bound - 1:+.1%}" for bound in change.interval)
            table.add_row(Text(f"  {low} to {high}", style="dim"))
    console = Console(highlight=False)
    console.print(table)
    console.print(Text("\n" + _legend(comparison)))


def _label(change: Change) -> str:
    if isinstance(change, PairedChange | InstructionChange) and change.old_model != change.model:
        return f"{change.old_model} -> {change.model}"
    return change.model


def _cells(change: Change) -> list[str]:
    if isinstance(change, PairedChange):
        return [
            *(f"{value:,.1f}" for value in (change.old_us, change.new_us)),
            f"{change.ratio - 1:+.1%}",
            str(len(change.processes)),
        ]
    if isinstance(change, InstructionChange):
        return [f"{change.old_instructions:,}", f"{change.new_instructions:,}", f"{change.ratio - 1:+.1%}"]
    if not isinstance(change, LatencyChange):
        raise TypeError(f"no row for {type(change).__name__}")
    return [
        *("-" if value is None else f"{value:,.1f}" for value in (change.old_us["p50"], change.new_us["p50"])),
        *("-" if ratio is None else f"{ratio - 1:+.1%}" for ratio in change.ratio.values()),
        "-" if change.relative is None else f"{change.relative - 1:+.1%}",
    ]


def _legend(comparison: Comparison) -> str:
    limit = f"Limit: {comparison.max_regression:+.1%}."
    if comparison.method == "side by side":
        return (
            f"change: of the latency, from calls in turns; its interval is in the next line.\n{limit} "
            "us: medians, which vary more from run to run than the change."
        )
    if comparison.method == "instructions":
        counted = [change for change in comparison.changes if isinstance(change, InstructionChange)]
        seen = ", ".join(counted[0].features) or "neither AVX2 nor AVX-512"
        return f"Instructions of a digit, by {counted[0].counter}, on a processor with {seen}.\n{limit}"
    return (
        "change: of the latency in relation to the yardstick's, a fixed small model.\n"
        f"Its 95 % interval is in the next line. {limit}\n"
        "p50, p90, p99: of the plain latency, which also varies with the machine."
    )
