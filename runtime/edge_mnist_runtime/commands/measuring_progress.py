"""Show the progress of a measurement."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO


@contextmanager
def measuring_progress(terminal: TextIO) -> Iterator[Callable[[str, float], None]]:
    """Show a progress bar. It is redrawn only between measurements, because a redrawing thread would disturb them."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    console = Console(file=terminal)
    columns = (TextColumn("{task.description:15}"), BarColumn(), TaskProgressColumn())
    with Progress(
        *columns, console=console, transient=True, auto_refresh=False, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("warming up", total=1.0)
        yield lambda step, fraction: bar.update(task, description=step, completed=fraction, refresh=True)
