"""Show the progress of a training run on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import TextIO


class TrainingProgress:
    """Shows a bar with the remaining time, and prints a line for each epoch. Without a terminal, only the lines."""

    def __init__(self, epochs: int, terminal: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._epochs = epochs
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

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def start(self, steps_an_epoch: int, epochs_done: int) -> None:
        """Set the number of steps in an epoch and the number of finished epochs."""
        self._steps = steps_an_epoch
        # The bar counts only this session's epochs, because it estimates the remaining time from its own start.
        self._bar.update(self._task, total=steps_an_epoch * (self._epochs - epochs_done))
        self._epochs_done = epochs_done
        if epochs_done:
            self._console.print(f"resuming after epoch {epochs_done} of {self._epochs}", highlight=False)

    def note(self, line: str) -> None:
        """Print a line above the bar."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def callback(self) -> Any:
        """Make the Keras callback that moves the bar."""
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
        """Show a finished optimizer step."""
        self._bar.update(
            self._task,
            completed=(epoch - self._epochs_done) * self._steps + batch,
            description=f"epoch {epoch + 1}/{self._epochs}",
            figures=f"loss {logs['loss']:.4f}  top-1 {logs['accuracy']:.2%}",
        )

    def end_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        """Print the figures of a finished, validated epoch."""
        self._console.print(
            f"epoch {epoch + 1:3}/{self._epochs}  loss {logs['loss']:.4f}  top-1 {logs['accuracy']:.2%}  "
            f"validation loss {logs['val_loss']:.4f}  top-1 {logs['val_accuracy']:.2%}",
            highlight=False,
        )
