"""`edge-mnist archive`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.options import (
    FixedBackendOption,
    JsonOption,
    LeastConfidenceOption,
    ModelOption,
    ModeOption,
    parse_least_confidence,
)

if TYPE_CHECKING:
    from edge_mnist_runtime.archive.archiving import Progress
    from edge_mnist_runtime.archive.summary import ArchiveSummary

ProcessesOption = Annotated[
    int | None,
    typer.Option(
        help="Number of processes; with ray the most at once. Spark has its own.", show_default="one per core"
    ),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Ray's address, or Spark's master.", show_default="what Ray or Spark finds"),
]
ColumnOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Parquet column of pictures or tensors.", show_default="found by name and type"),
]
IdColumnOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Parquet column of ids.", show_default="id, else file and row number"),
]


def archive(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Folders, tar, Parquet or IDX files (.gz too) of pictures or 28 x 28 tensors.",
            show_default=False,
        ),
    ],
    out: Annotated[str, typer.Argument(help="Folder for the Parquet data set.", show_default=False)],
    engine: Annotated[str, typer.Option(metavar="NAME", help="Who works: local, ray or spark.")] = "local",
    processes: ProcessesOption = None,
    cluster: ClusterOption = None,
    model: ModelOption = None,
    mode: ModeOption = "auto",
    least_confidence: LeastConfidenceOption = None,
    backend: FixedBackendOption = None,
    column: ColumnOption = None,
    id_column: IdColumnOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Classify millions of pictures into a Parquet data set, one row each.

    Killed at any moment, the same command goes on where it was and ends with
    the same rows. A picture that cannot be read is a row with its error, and
    the exit code is still 0. Needs the extra archive; ray or spark for these.
    """
    from edge_mnist_runtime.extras import require_extra

    require_extra("archive", "edge-mnist archive", "pyarrow")
    from edge_mnist_runtime.archive.archiving import archive_pictures
    from edge_mnist_runtime.archive.config import ArchiveConfig
    from edge_mnist_runtime.engines.options import require_backend
    from edge_mnist_runtime.paths import require_named
    from edge_mnist_runtime.reading.modes import require_mode

    for argument in (*sources, out):
        require_named(argument)
    config = ArchiveConfig(
        None if model is None else str(model),
        require_mode(mode),
        parse_least_confidence(least_confidence),
        require_backend(backend),
        column,
        id_column,
    )
    with chatter_silenced(show=debug) as terminal, _progress(terminal) as report:
        summary = archive_pictures(
            sources,
            out,
            engine=engine,  # type: ignore[arg-type]  # checked there
            config=config,
            processes=processes,
            cluster=cluster,
            report=report,
        )
    print(json.dumps(summary.to_dict(), indent=2) if as_json else _describe(summary))


@contextmanager
def _progress(terminal: TextIO) -> Iterator[Callable[[Progress], None]]:
    """Show rows, rate and time left, if `terminal` is one."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    console = Console(file=terminal)
    columns = (BarColumn(bar_width=20), TextColumn("{task.description}"))
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("finding pictures", total=None)

        def report(found: Progress) -> None:
            bars.update(task, total=found.total, completed=found.rows, description=_status(found))

        yield report


def _status(found: Progress) -> str:
    counted, rate = f"{found.rows:,} of {found.total:,}", found.rows_per_second
    return f"{counted}  {rate:,.0f}/s  {_duration((found.total - found.rows) / rate)} left" if rate else counted


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _describe(summary: ArchiveSummary) -> str:
    rejected = ", ".join(f"{count:,} {reason}" for reason, count in summary.rejected.items())
    rate = f", {summary.rows_per_second:,.0f}/s" if summary.rows_per_second else ""
    before = f" ({summary.rows_before:,} of them by earlier runs)" if summary.rows_before else ""
    lines = (
        f"rows        {summary.rows:,}{before}",
        f"accepted    {summary.accepted:,}",
        f"rejected    {sum(summary.rejected.values()):,}" + (f" ({rejected})" if rejected else ""),
        f"unreadable  {summary.unreadable:,}",
        f"time        {_duration(summary.seconds)}{rate}",
        f"model       {summary.model}, SHA-256 {summary.model_sha256[:12]}...",
        f"data set    {summary.out} ({summary.parts:,} files)",
    )
    return "\n".join(lines)
