"""Train digit networks with Keras.

    >>> from edge_mnist_trainer import train
    >>> train("nano", output="runs/first").best_validation_top1  # doctest: +SKIP
    0.9912

Needs the extra `train`. Importing this package is cheap: Keras is imported when a run starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_mnist_runtime.lazy_names import load_when_used

if TYPE_CHECKING:
    from edge_mnist_trainer.augment.settings import Augmentation
    from edge_mnist_trainer.config import TrainingConfig
    from edge_mnist_trainer.training_run import Lessons, TrainingReport, Watcher, resume_training, train

_HOME_OF: Final = {
    "Augmentation": "augment.settings",
    "Lessons": "training_run",
    "TrainingConfig": "config",
    "TrainingReport": "training_run",
    "Watcher": "training_run",
    "resume_training": "training_run",
    "train": "training_run",
}

__all__ = ["Augmentation", "Lessons", "TrainingConfig", "TrainingReport", "Watcher", "resume_training", "train"]


__getattr__ = load_when_used(__name__, _HOME_OF)


def __dir__() -> list[str]:
    return sorted(__all__)
