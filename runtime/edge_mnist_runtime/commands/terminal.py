"""Print errors and warnings as one line on standard error."""

from __future__ import annotations

import sys

from edge_mnist_runtime.commands.option_names import name_options


def one_line(text: str) -> str:
    """Make `text` one printable line, even if file names in it hold line breaks or undecodable bytes."""
    line = " ".join(text.split())
    return line if line.isprintable() else line.encode("unicode_escape").decode()


def print_warning(message: str) -> None:
    """Print a warning of a command."""
    print(f"edge-mnist: warning: {one_line(name_options(message))}", file=sys.stderr)


def print_error(message: str) -> None:
    """Print an error of a command."""
    print(f"edge-mnist: error: {one_line(name_options(message))}", file=sys.stderr)
