"""Trains digit networks with Keras.

    >>> from edge_mnist_trainer import train
    >>> train("nano", output="runs/first").best_validation_top1  # doctest: +SKIP
    0.9912

Needs the extra `train`. Importing this package does no work: Keras starts when a run does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

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


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
