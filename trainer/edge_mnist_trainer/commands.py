"""`edge-mnist train`. Keras is imported when the command runs, not before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.errors import INTERRUPTED_EXIT_CODE
from edge_mnist_trainer.config import TrainingConfig

if TYPE_CHECKING:
    from typing import TextIO

    from edge_mnist_trainer.training import TrainingOutcome

DEFAULTS = TrainingConfig()


def train(
    epochs: Annotated[int, typer.Option(help="Passes over the 55,000 training images.")] = DEFAULTS.epochs,
    batch_size: Annotated[int, typer.Option(help="Images in one optimizer step.")] = DEFAULTS.batch_size,
    seed: Annotated[int, typer.Option(help="Decides weights, order and distortions.")] = DEFAULTS.seed,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder of MNIST's IDX files.", show_default="$EDGE_MNIST_DATA, else Keras's cache or download"
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The run folder.", show_default="a new one, runs/edge...")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the run that is in that folder.")] = False,
    debug: DebugOption = False,
) -> None:
    """Train the digit network on MNIST, and keep the weights that read the validation images best.

    Ctrl-C ends it early and keeps the best model so far.
    """
    from edge_mnist_runtime.commands.chatter import chatter_silenced
    from edge_mnist_runtime.dataset import find_mnist_folder
    from edge_mnist_runtime.extras import require_extra
    from edge_mnist_trainer.run_folder import check_run_path, create_run_folder, unused_run_path

    config = TrainingConfig(epochs=epochs, batch_size=batch_size, seed=seed)
    require_extra("train", "edge-mnist train", "keras", "tensorflow", "matplotlib", "sklearn")
    find_mnist_folder(data)  # a folder that does not exist is said at once, not after TensorFlow's start
    path = output or unused_run_path("edge")
    check_run_path(path, force=force)
    with chatter_silenced(show=debug) as terminal:
        from edge_mnist_trainer.report_page import write_report_page
        from edge_mnist_trainer.sources import load_mnist
        from edge_mnist_trainer.training import train as run_training

        digits = load_mnist("train", data)
        folder = create_run_folder(path, force=force)
        try:
            with _Progress(config, terminal) as progress:
                callbacks = (progress.callback(),)
                outcome = run_training(digits, config, folder, callbacks=callbacks, on_start=progress.start)
        finally:  # after an error, too
            restored = folder.restore_previous()
        if outcome.best_epoch is not None:
            write_report_page(folder, digits)
    if outcome.best_epoch is None:
        left = f"the run in {path} is the old one" if restored else f"no model in {path}"
        typer.echo(f"Stopped before the first epoch was finished: {left}.", err=True)
        raise typer.Exit(INTERRUPTED_EXIT_CODE)
    _conclude(outcome, path, epochs)


def _conclude(outcome: TrainingOutcome, path: Path, epochs: int) -> None:
    interrupted = outcome.status == "interrupted"
    if interrupted:
        typer.echo(f"Stopped after {outcome.epochs} of {epochs} epochs; the best model so far is kept.", err=True)
    typer.echo(
        f"Validation top-1 {outcome.best_validation_top1:.2%} (epoch {outcome.best_epoch} of {outcome.epochs}).\n"
        f"{path / 'model.keras'}\n{path / 'run.json'}\n{path / 'report.html'}\n"
        f"Next: edge-mnist export {path} --int8"
    )
    if interrupted:
        raise typer.Exit(INTERRUPTED_EXIT_CODE)


class _Progress:
    """A live bar on the terminal, one line an epoch where there is none."""

    def __init__(self, config: TrainingConfig, terminal: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._config = config
        self._console = Console(file=terminal)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=None, figures="")
        self._steps = 0

    def __enter__(self) -> _Progress:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def start(self, steps_an_epoch: int) -> None:
        """Learn how long an epoch is."""
        self._steps = steps_an_epoch
        self._bar.update(self._task, total=steps_an_epoch * self._config.epochs)

    def callback(self) -> Any:
        """The Keras callback that moves the bar."""
        import keras

        progress = self

        class Mover(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
            epoch = 0

            def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
                self.epoch = epoch

            def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
                progress.step(self.epoch, batch + 1, logs or {})

            def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
                progress.end_epoch(epoch, logs or {})

        return Mover()

    def step(self, epoch: int, batch: int, logs: dict[str, float]) -> None:
        """One optimizer step is done."""
        self._bar.update(
            self._task,
            completed=epoch * self._steps + batch,
            description=f"epoch {epoch + 1}/{self._config.epochs}",
            figures=f"loss {logs['loss']:.4f}  top-1 {logs['accuracy']:.2%}",
        )

    def end_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """One epoch is done and validated."""
        self._console.print(
            f"epoch {epoch + 1:3}/{self._config.epochs}  loss {logs['loss']:.4f}  top-1 {logs['accuracy']:.2%}  "
            f"validation loss {logs['val_loss']:.4f}  top-1 {logs['val_accuracy']:.2%}",
            highlight=False,
        )
