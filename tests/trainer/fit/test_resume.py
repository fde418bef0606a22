"""Runs that were killed and go on as if they had not been."""

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
    """Ends a run as SIGKILL does: nothing that handles errors handles this one."""


class Killer(keras.callbacks.Callback):
    """Ends a run in the middle of an epoch, both counted from 0."""

    def __init__(self, epoch: int, step: int, error: type[BaseException]) -> None:
        super().__init__()
        self.at, self.error, self.epoch = (epoch, step), error, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            raise self.error


def build_small():
    """A network with everything that has a state: weights, BatchNorm's statistics, dropout."""
    from keras import layers

    x = image = keras.Input((28, 28, 1), name="image")
    x = layers.Conv2D(4, 4, strides=4, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Flatten()(layers.Dropout(0.5)(x))
    return keras.Model(image, layers.Dense(10, activation="softmax")(x), name="small")


def small(config: TrainingConfig) -> Architecture:
    """Three epochs of twenty steps."""
    return Architecture("small", "for tests", build_small, replace(config, epochs=3, batch_size=10))


BENT = Augmentation(elastic_pixels=0.8, corrupted_part=0.3)
KINDS = {
    "averaged weights": small(TrainingConfig(augmentation=BENT)),
    "plain Adam": small(find_architecture("dropout-augment").config),
}


def train_anew(digits, kind, folder, **others):
    """Train as in a process of its own, where layers are numbered from one."""
    keras.utils.clear_session()
    return train(digits, KINDS[kind], KINDS[kind].config, folder, **others)


def train_and_kill(digits, kind, folder, at, error=KilledError, **others) -> None:
    try:
        train_anew(digits, kind, folder, callbacks=(Killer(*at, error),), **others)
    except KilledError:
        return
    assert error is KeyboardInterrupt


def content(folder: RunFolder):
    """What a run has come to: its record without the time that it took, and its model."""
    record = folder.read_record()
    assert record.seconds > 0
    return replace(record, seconds=0), folder.model_path.read_bytes()


@pytest.fixture(scope="module")
def whole_run(few_digits, tmp_path_factory):
    """What each kind comes to when it is trained without a break."""
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
def test_killed_run_ends_as_if_it_had_not_been_killed(few_digits, whole_run, folder, kind):
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
def test_it_does_not_matter_when_the_run_was_killed(few_digits, whole_run, folder, at):
    train_and_kill(few_digits, "averaged weights", folder, at)
    train_anew(few_digits, "averaged weights", folder, resume=True)
    assert content(folder) == whole_run("averaged weights")


def test_run_may_be_killed_and_interrupted_again_and_again(few_digits, whole_run, folder):
    kind = "averaged weights"
    train_and_kill(few_digits, kind, folder, (0, 5), KeyboardInterrupt)
    assert folder.read_record().status == "interrupted"
    train_and_kill(few_digits, kind, folder, (1, 0), resume=True)
    assert folder.read_record().status == "running"
    train_and_kill(few_digits, kind, folder, (2, 7), KeyboardInterrupt, resume=True)
    train_anew(few_digits, kind, folder, resume=True)
    assert content(folder) == whole_run(kind)


def test_run_killed_between_its_first_epoch_and_its_first_checkpoint_begins_anew(few_digits, whole_run, folder):
    train_and_kill(few_digits, "plain Adam", folder, (1, 3))
    (folder.path / CHECKPOINT_FILE).unlink()
    train_anew(few_digits, "plain Adam", folder, resume=True)
    assert content(folder) == whole_run("plain Adam")


def test_what_is_compared_here_depends_on_every_step(few_digits, whole_run, folder):
    """A counter-test: one epoch on other distortions would be seen."""
    train_and_kill(few_digits, "averaged weights", folder, (1, 9))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DistortedBatches, "skip_epochs", lambda self, n_epochs: None)
        train_anew(few_digits, "averaged weights", folder, resume=True)
    record, model = content(folder)
    whole_record, whole_model = whole_run("averaged weights")
    assert record.epochs[0] == whole_record.epochs[0]
    assert record.epochs[1] != whole_record.epochs[1]
    assert model != whole_model
