"""Training runs that end before the last epoch: no progress, NaN loss, full disk."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from edge_mnist_runtime.errors import DivergedError
from edge_mnist_trainer.fit.training import train
from edge_mnist_trainer.networks.architectures import find_architecture
from edge_mnist_trainer.run_folder import create_run_folder
from edge_mnist_trainer.run_record import BestEpoch

pytestmark = pytest.mark.slow

CASES = ((1, False, "model.keras"), (0, True, "checkpoint.npz"), (2, False, "model.keras"))
"""Epoch, counted from 0, in which the disk becomes full; whether at its end; the file that cannot be written."""


class SetWeights(keras.callbacks.Callback):
    """Sets all weights to one value at the beginning of an epoch, counted from 0."""

    def __init__(self, *, epoch: int, value: float) -> None:
        super().__init__()
        self.epoch, self.value = epoch, value

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            self.model.set_weights([np.full_like(weight, self.value) for weight in self.model.get_weights()])


class WatchWeights(keras.callbacks.Callback):
    """Records the weights at the end of every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.after_epochs = []

    def on_epoch_end(self, epoch, logs=None):
        self.after_epochs.append(self.model.get_weights())


@pytest.fixture
def folder(tmp_path):
    return create_run_folder(tmp_path / "run")


@pytest.fixture
def train_tiny(few_digits, tiny, folder):
    """Train the tiny network into `folder`, by default for three epochs."""

    def run(*callbacks, **settings):
        return train(few_digits, tiny, replace(tiny.config, **settings), folder, callbacks=callbacks)

    return run


def kept_weights(folder):
    return keras.models.load_model(folder.model_path, compile=False).get_weights()


def same(one, other) -> bool:
    return all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def names(folder) -> set[str]:
    return {path.name for path in folder.path.iterdir()}


@pytest.mark.parametrize("patience", [1, 3])
def test_run_without_progress_stops_after_patience_epochs(train_tiny, folder, patience):
    # A learning rate too small to move any weight: the first epoch stays the best one.
    outcome = train_tiny(epochs=20, patience=patience, peak_learning_rate=1e-30, schedule="constant", weight_decay=0.0)
    assert (outcome.status, outcome.epochs, outcome.best_epoch) == ("stopped early", 1 + patience, 1)
    record = folder.read_record()
    assert (record.status, len(record.epochs)) == ("stopped early", 1 + patience)
    assert len({epoch.val_loss for epoch in record.epochs}) == 1
    assert names(folder) == {"model.keras", "run.json"}


def test_run_with_progress_is_not_stopped_early(train_tiny):
    assert train_tiny(epochs=4, patience=1).status == "completed"


def test_patience_that_ends_with_the_last_epoch_completes_the_run(train_tiny):
    outcome = train_tiny(epochs=3, patience=2, peak_learning_rate=1e-30, schedule="constant", weight_decay=0.0)
    assert (outcome.status, outcome.epochs) == ("completed", 3)


@pytest.mark.parametrize(("keep", "kept_epoch"), [("best", 2), ("last", 3)])
def test_kept_epoch_is_the_best_or_the_last(train_tiny, folder, keep, kept_epoch):
    watcher = WatchWeights()
    # The third epoch begins with zero weights, so its accuracy is lower than that of the second.
    outcome = train_tiny(SetWeights(epoch=2, value=0.0), watcher, keep=keep, peak_learning_rate=0.01)
    record = folder.read_record()
    accuracies = [epoch.val_accuracy for epoch in record.epochs]
    assert accuracies[1] == max(accuracies) > accuracies[2]
    assert (outcome.best_epoch, outcome.best_validation_top1) == (kept_epoch, accuracies[kept_epoch - 1])
    assert record.best == BestEpoch(kept_epoch, accuracies[kept_epoch - 1])
    assert same(kept_weights(folder), watcher.after_epochs[kept_epoch - 1])


def test_earlier_of_two_equal_epochs_is_kept(train_tiny):
    outcome = train_tiny(peak_learning_rate=1e-30, schedule="constant", weight_decay=0.0)
    assert outcome.best_epoch == 1


def test_nan_loss_ends_the_run_and_keeps_the_last_good_model(train_tiny, folder):
    watcher = WatchWeights()
    with pytest.raises(DivergedError) as caught:
        train_tiny(SetWeights(epoch=1, value=float("nan")), watcher)
    message = str(caught.value)
    assert "\n" not in message
    assert all(part in message for part in ("nan in epoch 2, step 1", "model.keras is that of epoch 1", "it was 0.003"))
    assert "`peak_learning_rate`" in message
    assert len(folder.read_record().epochs) == 1
    assert same(kept_weights(folder), watcher.after_epochs[0])


class SpoilLastStep(keras.callbacks.Callback):
    """Sets all weights to NaN after the last of an epoch's four steps, which no training loss includes."""

    def __init__(self, *, epoch: int) -> None:
        super().__init__()
        self.spoiled, self.epoch = epoch, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (self.spoiled, 3):
            self.model.set_weights([np.full_like(weight, np.nan) for weight in self.model.get_weights()])


@pytest.mark.parametrize(("keep", "epoch"), [("best", 0), ("last", 1), ("last", 2)])
def test_model_with_nan_validation_loss_is_never_kept(train_tiny, folder, keep, epoch):
    watcher = WatchWeights()
    with pytest.raises(DivergedError, match=f"nan in epoch {epoch + 1}[,;].*`peak_learning_rate`"):
        train_tiny(SpoilLastStep(epoch=epoch), watcher, keep=keep)
    assert len(folder.read_record().epochs) == epoch
    assert "NaN" not in (folder.path / "run.json").read_text()
    if epoch == 0:
        assert not folder.model_path.exists()
    else:
        assert np.isfinite(np.concatenate([weight.ravel() for weight in kept_weights(folder)])).all()


def test_nan_loss_in_the_first_epoch_leaves_no_model(train_tiny, folder):
    with pytest.raises(DivergedError, match="in epoch 1, step 1; train with a lower"):
        train_tiny(SetWeights(epoch=0, value=float("nan")))
    assert not folder.model_path.exists()


@pytest.mark.parametrize("name", ["edge", "custom", "conv64-32"])
def test_message_of_a_diverged_run_names_the_learning_rate(few_digits, folder, name):
    architecture = find_architecture(name)
    config = replace(architecture.config, epochs=2, batch_size=50, peak_learning_rate=1e30)
    with pytest.raises(DivergedError, match=r"it was 1e\+30"):
        train(few_digits, architecture, config, folder)


@pytest.fixture(scope="module")
def full_disks(few_digits, tmp_path_factory):
    """The folder and the result of the run for each of `CASES`."""
    path = tmp_path_factory.mktemp("full")
    splits = {"train": few_digits.training, "validation": few_digits.validation}
    np.savez(
        path / "digits.npz",
        **{f"{name}_images": split.images for name, split in splits.items()},
        **{f"{name}_labels": split.labels for name, split in splits.items()},
    )
    script = Path(__file__).with_name("full_disk.py")
    cases = json.dumps([case[:2] for case in CASES])
    finished = subprocess.run(
        [sys.executable, script, path / "digits.npz", path, cases],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return [(path / str(number), result) for number, result in enumerate(json.loads(finished.stdout.splitlines()[-1]))]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_full_disk_during_a_run_is_reported_and_keeps_the_last_good_model(full_disks, number):
    (epoch, at_end, file), (folder, result) = CASES[number], full_disks[number]
    assert result["error"].startswith(f"{folder / file}: cannot be written (")
    assert "\n" not in result["error"]
    assert result["epochs"] == epoch + at_end
    assert result["keeps_last_epoch"]
    assert {*result["files"]} - {"checkpoint.npz"} == {"model.keras", "run.json"}
