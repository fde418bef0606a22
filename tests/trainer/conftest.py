"""Fixtures of the trainer's tests: separate processes, no network, and digits to train on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edge_mnist_runtime.dataset import DATA_VARIABLE, LabelledDigits
from edge_mnist_trainer.augment.strokes import draw_digits
from edge_mnist_trainer.config import TrainingConfig
from edge_mnist_trainer.data.sources import DigitSet
from edge_mnist_trainer.networks.architectures import Architecture, custom_architecture, find_architecture
from edge_mnist_trainer.run_folder import RunFolder, create_run_folder

if TYPE_CHECKING:
    from edge_mnist_trainer.fit.training import TrainingOutcome


@pytest.fixture(scope="session")
def without_network() -> tuple[str, ...]:
    """A command prefix that turns the network off."""
    prefix = ("unshare", "--map-root-user", "--net")
    if (
        shutil.which("unshare") is None
        or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("needs `unshare --map-root-user --net`, which is not permitted here")
    return prefix


@pytest.fixture
def without_mnist(tmp_path: Path) -> dict[str, str]:
    """Environment variables without a path or cache of MNIST."""
    return {DATA_VARIABLE: "", "KERAS_HOME": str(tmp_path / "keras")}


SHORTENED_COMMAND = """
from importlib import import_module
for name, value in %r.items():
    module, _, constant = name.rpartition(".")
    setattr(import_module(module), constant, value)
from edge_mnist_runtime.commands.app import main
main()
"""


@pytest.fixture(scope="module", autouse=True)
def always_fewer_pictures(fewer_pictures: None) -> None:
    """Draw fewer pictures in all tests of the trainer."""


@pytest.fixture(scope="session")
def command(smaller_numbers: dict[str, int]) -> tuple[str, ...]:
    """The command line of `edge-mnist` in its own process, also with `fewer_pictures`."""
    return (sys.executable, "-c", SHORTENED_COMMAND % smaller_numbers)


@pytest.fixture(scope="session")
def drawn_digits() -> DigitSet:
    """5,000 training and 1,000 validation images: a hundred drawn digits, repeated."""
    images, labels = draw_digits(10, seed=1)
    training, validation = (
        LabelledDigits("drawn", split, np.tile(images, (times, 1, 1, 1)), np.tile(labels, times))
        for split, times in (("train", 50), ("validation", 10))
    )
    return DigitSet(training, validation, test=None)


@pytest.fixture(scope="session")
def few_digits(drawn_digits: DigitSet) -> DigitSet:
    """200 training and 100 validation images, for runs where learning matters little."""
    training, validation = drawn_digits.training, drawn_digits.validation
    return DigitSet(training.take(np.arange(200), "train"), validation.take(np.arange(100), "validation"), test=None)


@pytest.fixture(scope="session")
def few_digits_file(few_digits: DigitSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training images of `few_digits` as a file for --data."""
    path = tmp_path_factory.mktemp("data") / "drawn.npz"
    np.savez(path, images=few_digits.training.images, labels=few_digits.training.labels)
    return path


@pytest.fixture(scope="session")
def tiny() -> Architecture:
    """A very small network: four filters and ten classes, undistorted images, no moving average."""
    architecture = custom_architecture(filters=(4,), pool=4, dense=())
    config = replace(architecture.config, epochs=3, batch_size=50, augmentation=None, longest_average_steps=0)
    return replace(architecture, config=config)


Refuse = Callable[..., None]


@pytest.fixture(scope="session")
def assert_refused() -> Refuse:
    """Check exit code, empty standard output, and one line on standard error that contains all words."""

    def check(ended: Any, code: int, *words: object) -> None:
        assert (ended.code, ended.out) == (code, ""), ended
        assert len(ended.err.splitlines()) == 1, ended.err
        assert ended.err.startswith("edge-mnist: error: ")
        assert all(str(word) in ended.err for word in words), ended.err

    return check


@dataclass(frozen=True)
class FinishedTraining:
    """A finished training run, with what its callbacks recorded."""

    folder: RunFolder
    outcome: TrainingOutcome
    weights_after_epochs: list[list[np.ndarray]]
    weights_after_first_step: list[np.ndarray]


Train = Callable[..., FinishedTraining]


@pytest.fixture(scope="session")
def train_on_drawn(drawn_digits: DigitSet, tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Train for two epochs. `interrupt_at` is the (epoch, step), from 0, of a Ctrl-C."""
    import keras

    from edge_mnist_trainer.fit.training import train

    class Watcher(keras.callbacks.Callback):
        def __init__(self, interrupt_at):
            super().__init__()
            self.interrupt_at, self.epoch = interrupt_at, 0
            self.after_epochs, self.after_first_step = [], []

        def on_train_batch_end(self, batch, logs=None):
            self.after_first_step = self.after_first_step or self.model.get_weights()
            if (self.epoch, batch) == self.interrupt_at:
                raise KeyboardInterrupt

        def on_epoch_end(self, epoch, logs=None):
            self.epoch = epoch + 1
            self.after_epochs.append(self.model.get_weights())

    def run(*, seed: int, interrupt_at: tuple[int, int] | None = None) -> FinishedTraining:
        folder = create_run_folder(tmp_path_factory.mktemp("training") / "run")
        watcher = Watcher(interrupt_at)
        config = TrainingConfig(epochs=2, batch_size=128, seed=seed)
        outcome = train(drawn_digits, find_architecture("edge"), config, folder, callbacks=(watcher,))
        return FinishedTraining(folder, outcome, watcher.after_epochs, watcher.after_first_step)

    return run


@pytest.fixture(scope="session")
def finished_run(train_on_drawn: Train) -> FinishedTraining:
    """A run of two epochs on drawn digits, with seed 0."""
    return train_on_drawn(seed=0)
