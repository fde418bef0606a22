"""Killed and resumed runs give the same result as runs without a break."""

from __future__ import annotations

from dataclasses import replace

import keras
import pytest

from edge_mnist_trainer.augment.batches import DistortedBatches
from edge_mnist_trainer.augment.settings import Augmentation
from edge_mnist_trainer.config import TrainingConfig
from edge_mnist_trainer.fit.training import train
from edge_mnist_trainer.networks.architectures import Architecture, find_architecture
from edge_mnist_trainer.run_folder import CHECKPOINT_FILE, RunFolder, create_run_folder

pytestmark = pytest.mark.slow


class KilledError(BaseException):
    """Ends a run like SIGKILL: no error handler catches it."""


class Killer(keras.callbacks.Callback):
    """Ends a run at a step of an epoch, both counted from 0."""

    def __init__(self, epoch: int, step: int, error: type[BaseException]) -> None:
        super().__init__()
        self.at, self.error, self.epoch = (epoch, step), error, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise self.error


def build_small():
    """A network with every kind of state: weights, BatchNorm's statistics, dropout."""
    from keras import layers

    x = image = keras.Input((28, 28, 1), name="image")
    x = layers.Conv2D(4, 4, strides=4, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Flatten()(layers.Dropout(0.5)(x))
    return keras.Model(image, layers.Dense(10, activation="softmax")(x), name="small")


def small(config: TrainingConfig) -> Architecture:
    """The settings for three epochs of twenty steps."""
    return Architecture("small", "for tests", build_small, replace(config, epochs=3, batch_size=10))


DISTORTED = Augmentation(elastic_pixels=0.8, corrupted_part=0.3)
KINDS = {
    "averaged weights": small(TrainingConfig(augmentation=DISTORTED)),
    "plain Adam": small(find_architecture("dropout-augment").config),
}


def train_anew(digits, kind, folder, **others):
    """Train as in a new process, where layers are numbered from one."""
    keras.utils.clear_session()
    return train(digits, KINDS[kind], KINDS[kind].config, folder, **others)


def train_and_kill(digits, kind, folder, at, error=KilledError, **others) -> None:
    try:
        train_anew(digits, kind, folder, callbacks=(Killer(*at, error),), **others)
    except KilledError:
        return
    assert error is KeyboardInterrupt


def content(folder: RunFolder):
    """The result of a run: its record without times, and its model."""
    record = folder.read_record()
    assert record.seconds > 0
    return replace(record, seconds=0), folder.model_path.read_bytes()


@pytest.fixture(scope="module")
def whole_run(few_digits, tmp_path_factory):
    """The result of each kind of run without a break."""
    finished = {}

    def run(kind: str):
        if kind not in finished:
            folder = create_run_folder(tmp_path_factory.mktemp("whole") / "run")
            train_anew(few_digits, kind, folder)
            finished[kind] = content(folder)
        return finished[kind]

    return run


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return create_run_folder(tmp_path / "run")


@pytest.mark.parametrize("kind", KINDS)
def test_killed_and_resumed_run_gives_the_same_result(few_digits, whole_run, folder, kind):
    train_and_kill(few_digits, kind, folder, (1, 9))
    killed = folder.read_record()
    assert (killed.status, len(killed.epochs)) == ("running", 1)
    started = []
    outcome = train_anew(
        few_digits, kind, folder, resume=True, on_start=lambda steps, done: started.append((steps, done))
    )
    assert started == [(20, 1)]
    assert (outcome.status, outcome.epochs) == ("completed", 3)
    assert content(folder) == whole_run(kind)
    assert {path.name for path in folder.path.iterdir()} == {"model.keras", "run.json"}


@pytest.mark.nightly
@pytest.mark.parametrize("at", [(epoch, step) for epoch in range(3) for step in (0, 5, 12, 19)])
def test_result_does_not_depend_on_when_the_run_was_killed(few_digits, whole_run, folder, at):
    train_and_kill(few_digits, "averaged weights", folder, at)
    train_anew(few_digits, "averaged weights", folder, resume=True)
    assert content(folder) == whole_run("averaged weights")


def test_run_may_be_killed_and_interrupted_several_times(few_digits, whole_run, folder):
    kind = "averaged weights"
    train_and_kill(few_digits, kind, folder, (0, 5), KeyboardInterrupt)
    assert folder.read_record().status == "interrupted"
    train_and_kill(few_digits, kind, folder, (1, 0), resume=True)
    assert folder.read_record().status == "running"
    train_and_kill(few_digits, kind, folder, (2, 7), KeyboardInterrupt, resume=True)
    train_anew(few_digits, kind, folder, resume=True)
    assert content(folder) == whole_run(kind)


def test_run_killed_before_its_first_checkpoint_restarts(few_digits, whole_run, folder):
    train_and_kill(few_digits, "plain Adam", folder, (1, 3))
    (folder.path / CHECKPOINT_FILE).unlink()
    train_anew(few_digits, "plain Adam", folder, resume=True)
    assert content(folder) == whole_run("plain Adam")


def test_one_epoch_on_other_batches_changes_the_result(few_digits, whole_run, folder):
    """A counter-test: the comparison notices one epoch on other batches."""
    train_and_kill(few_digits, "averaged weights", folder, (1, 9))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DistortedBatches, "skip_epochs", lambda self, n_epochs: None)
        train_anew(few_digits, "averaged weights", folder, resume=True)
    record, model = content(folder)
    whole_record, whole_model = whole_run("averaged weights")
    assert record.epochs[0] == whole_record.epochs[0]
    assert record.epochs[1] != whole_record.epochs[1]
    assert model != whole_model
