"""Show the current stage of an export or a diagnosis on one line of the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.errors import ConversionError, UnsupportedModelError


@contextmanager
def stages_shown(*, show: bool) -> Iterator[Callable[[str], None]]:
    """Yield a function that shows a stage. Hide the output of TensorFlow and the converters meanwhile.

    Args:
        show: Do not hide the output. If it is hidden, it is printed when a converter fails.
    """
    with chatter_silenced(show=show, kept_for=(ConversionError,), dropped_for=(UnsupportedModelError,)) as terminal:
        from rich.console import Console
        from rich.live import Live
        from rich.spinner import Spinner

        spinner = Spinner("dots", "starting TensorFlow", style="status.spinner")
        # Redirection would print on the terminal what Python code writes to the hidden streams.
        with Live(
            spinner,
            console=Console(file=terminal),
            transient=True,
            refresh_per_second=12.5,
            redirect_stdout=show,
            redirect_stderr=show,
        ):
            yield lambda stage: spinner.update(text=stage)
