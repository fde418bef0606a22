"""`edge-mnist compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.options import JsonOption
from edge_mnist_runtime.commands.terminal import print_warning

if TYPE_CHECKING:
    from edge_mnist_runtime.bench.regression import RegressionReport


def compare(
    old: Annotated[Path, typer.Argument(help="Report of `bench --json` before the change.", show_default=False)],
    new: Annotated[Path, typer.Argument(help="Report of `bench --json` after the change.", show_default=False)],
    max_regression: Annotated[str, typer.Option(metavar="PERCENT", help="Allowed growth of a median latency.")] = "5%",
    force: Annotated[bool, typer.Option("--force", help="Compare although machines or settings differ.")] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Compare two benchmark reports of one machine; fail if a model became slower.

    Exit code 7: the median of a model grew by more than the limit, and the
    95 % interval of its growth lies above the limit. A busy machine can cause
    this too: if a report warns of one, measure again.
    """
    from edge_mnist_runtime.bench.regression import compare_reports, parse_percent, require_no_regression

    limit = parse_percent(max_regression, "--max-regression")
    report = compare_reports(old, new, max_regression=limit, force=force)
    if as_json:
        print(json.dumps(report.to_dict(), indent=2))
    else:
        _print_table(report)
    for line in (*report.unpaired, *(f"differs: {item}" for item in report.unlike), *report.warnings):
        print_warning(line)
    require_no_regression(report)


def _print_table(report: RegressionReport) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("model", overflow="fold")
    for heading in ("p50 us", "now", "change", "p90", "p99", "effect"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict")
    colours = {"regression": "bold red", "slower": "yellow", "faster": "green"}
    for change in report.changes:
        table.add_row(
            Text(change.model),
            *("-" if value is None else f"{value:,.1f}" for value in (change.old_us["p50"], change.new_us["p50"])),
            *("-" if ratio is None else f"{ratio - 1:+.1%}" for ratio in change.ratio.values()),
            f"{change.cliffs_delta:+.2f}",
            Text(change.verdict, style=colours.get(change.verdict, "")),
        )
        if change.p50_interval:
            low, high = (f"{bound - 1:+.1%}" for bound in change.p50_interval)
            table.add_row(Text(f"  95 %: {low} to {high}", style="dim"))
    console = Console(highlight=False)
    console.print(table)
    console.print(Text("\nchange: of p50; its 95 % interval is below it. effect: Cliff's delta, -1 to 1."))
