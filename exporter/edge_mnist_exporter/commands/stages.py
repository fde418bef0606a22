"""What an export or a diagnosis is doing, on one line of the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.errors import ConversionError, UnsupportedModelError


@contextmanager
def stages_shown(*, show: bool) -> Iterator[Callable[[str], None]]:
    """Show each stage that the yielded function is called with, and keep TensorFlow's own output off the terminal.

    Args:
        show: Let the output of the tools underneath through. Without it, it is printed if a converter fails.
    """
    with chatter_silenced(show=show, kept_for=(ConversionError,), dropped_for=(UnsupportedModelError,)) as terminal:
        from rich.console import Console

        with Console(file=terminal).status("starting TensorFlow") as status:
            yield status.update
