"""Keras callbacks that save the model, the record and the checkpoint of a run."""

from __future__ import annotations

import math
import time
from typing import Any

import keras

from edge_mnist_runtime.errors import DivergedError
from edge_mnist_trainer.fit.checkpoint import write_checkpoint
from edge_mnist_trainer.fit.journal import Journal
from edge_mnist_trainer.networks.keras_file import save_keras
from edge_mnist_trainer.run_folder import MODEL_FILE
from edge_mnist_trainer.run_record import BestEpoch, Epoch


class FreshStatistics(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Measures BatchNorm's means and variances for the averaged weights before each validation.

    The moving statistics are those of the latest weights, and wrong for averaged weights while these change fast.
    Averaged weights need new statistics (Izmailov et al., "Averaging Weights Leads to Wider Optima", 2018).
    """

    def __init__(self, batches: Any, n_batches: int = 40) -> None:
        super().__init__()
        self._batches, self._n_batches = batches, min(n_batches, len(batches))

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        """Measure the statistics before a validation."""
        norms = [layer for layer in self.model.layers if isinstance(layer, keras.layers.BatchNormalization)]
        if not norms:
            return
        momenta = [norm.momentum for norm in norms]
        for index in range(self._n_batches):
            for norm in norms:
                norm.momentum = index / (index + 1)  # the plain mean of all batches
            self.model(self._batches[index][0], training=True)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


class Recorder(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Saves the model and the figures of every epoch, and ends a run that no longer improves."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal, self._config = journal, journal.record.config
        self._started = time.perf_counter() - journal.record.seconds

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Raise `DivergedError` if the loss is no longer a number."""
        self._check_finite("loss", (logs or {}).get("loss", 0.0), f", step {batch + 1}")

    def _check_finite(self, name: str, loss: float, where: str = "") -> None:
        if not math.isfinite(loss):
            self._journal.write(status="diverged")
            record = self._journal.record
            raise DivergedError(
                f"{self._journal.folder.path}: the {name} became {loss} in epoch {len(record.epochs) + 1}{where}; "
                + (f"model.keras is that of epoch {record.best.epoch}; " if record.best else "")
                + f"train with a lower `peak_learning_rate` (it was {self._config.peak_learning_rate:g})"
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Save the epoch's model and figures, and stop if there was no progress for `patience` epochs."""
        logs = logs or {}
        figures = {name: float(logs[name]) for name in ("accuracy", "loss", "val_accuracy", "val_loss")}
        self._check_finite("validation loss", figures["val_loss"])  # no training loss includes the last step's update
        folder, record = self._journal.folder, self._journal.record
        finished, best = Epoch(epoch + 1, **figures), record.best
        if best is None or self._config.keep == "last" or finished.val_accuracy > best.validation_top1:
            folder.replace(MODEL_FILE, lambda path: save_keras(self.model, path))
            folder.drop_previous()
            best = BestEpoch(finished.epoch, finished.val_accuracy)
        epochs = (*record.epochs, finished)
        self._journal.write(best=best, epochs=epochs, seconds=round(time.perf_counter() - self._started, 1))
        losses = [past.val_loss for past in epochs]
        if self._config.patience and len(losses) - 1 - losses.index(min(losses)) >= self._config.patience:
            self.model.stop_training = True


class Checkpointer(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Saves a checkpoint before each epoch, when the weights in training are swapped back in."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self._journal = journal

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Save the state that a resumed run needs to begin with this epoch."""
        if len(self._journal.record.epochs) == epoch > 0:
            write_checkpoint(self._journal.folder, self.model, self._journal.record)
