"""What the trainer's tests share: scripts in processes of their own, no network, and digits to train on."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edge_mnist_runtime.dataset import DATA_VARIABLE, LabelledDigits
from edge_mnist_trainer.config import TrainingConfig
from edge_mnist_trainer.run_folder import RunFolder, create_run_folder
from edge_mnist_trainer.strokes import draw_digits

if TYPE_CHECKING:
    from edge_mnist_trainer.training import TrainingOutcome


@pytest.fixture(scope="session")
def without_network() -> tuple[str, ...]:
    """What to put before a command so that it runs without any network."""
    prefix = ("unshare", "--map-root-user", "--net")
    if (
        shutil.which("unshare") is None
        or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("needs `unshare --map-root-user --net`, which is not permitted here")
    return prefix


@pytest.fixture
def without_mnist(tmp_path: Path) -> dict[str, str]:
    """An environment in which MNIST is neither named nor cached."""
    return {DATA_VARIABLE: "", "KERAS_HOME": str(tmp_path / "keras")}


@pytest.fixture(scope="session")
def drawn_digits() -> LabelledDigits:
    """12,000 images, 11,000 of them for training: the same hundred drawn digits over and over."""
    images, labels = draw_digits(10, seed=1)
    return LabelledDigits("drawn", "train", np.tile(images, (120, 1, 1, 1)), np.tile(labels, 120))


@dataclass(frozen=True)
class FinishedTraining:
    """A training run that has ended, with what was watched meanwhile."""

    folder: RunFolder
    outcome: TrainingOutcome
    weights_after_epochs: list[list[np.ndarray]]
    weights_after_first_step: list[np.ndarray]


Train = Callable[..., FinishedTraining]


@pytest.fixture(scope="session")
def train_on_drawn(drawn_digits: LabelledDigits, tmp_path_factory: pytest.TempPathFactory) -> Train:
    """Train two epochs for real; `interrupt_at` is the (epoch, step), from 0, at which Ctrl-C comes."""
    import keras

    from edge_mnist_trainer.training import train

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
        config = TrainingConfig(epochs=2, batch_size=512, seed=seed)
        outcome = train(drawn_digits, config, folder, callbacks=(watcher,))
        return FinishedTraining(folder, outcome, watcher.after_epochs, watcher.after_first_step)

    return run


@pytest.fixture(scope="session")
def finished_run(train_on_drawn: Train) -> FinishedTraining:
    """Two whole epochs on drawn digits, with seed 0."""
    return train_on_drawn(seed=0)
