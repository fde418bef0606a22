"""The command `edge-mnist report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_mnist_runtime.commands.debugging import DebugOption


def report(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="The data that it was trained on.", show_default="$EDGE_MNIST_DATA, else Keras's cache or download"
        ),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Write the report.html of a run again, from its model and its record."""
    from edge_mnist_runtime.commands.chatter import chatter_silenced
    from edge_mnist_runtime.extras import require_extra
    from edge_mnist_trainer.commands.train import TRAIN_MODULES
    from edge_mnist_trainer.run_folder import REPORT_FILE, open_run_folder

    folder = open_run_folder(run)
    folder.require_model()
    require_extra("train", "edge-mnist report", *TRAIN_MODULES)
    with chatter_silenced(show=debug):
        from edge_mnist_trainer.data.sources import load_digit_set
        from edge_mnist_trainer.report.page import write_report_page

        write_report_page(folder, load_digit_set(data))
    typer.echo(run / REPORT_FILE)
