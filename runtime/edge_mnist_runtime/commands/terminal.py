"""One line on standard error: how every command speaks of what went wrong."""

from __future__ import annotations

import sys

from edge_mnist_runtime.commands.option_names import name_options


def one_line(text: str) -> str:
    """`text` as one printable line, whatever line breaks or undecodable bytes the file names in it hold."""
    line = " ".join(text.split())
    return line if line.isprintable() else line.encode("unicode_escape").decode()


def print_warning(message: str) -> None:
    """Print a warning as every command does."""
    print(f"edge-mnist: warning: {one_line(name_options(message))}", file=sys.stderr)


def print_error(message: str) -> None:
    """Print an error as every command does."""
    print(f"edge-mnist: error: {one_line(name_options(message))}", file=sys.stderr)
