"""Settings of a training run, with their defaults.

Each architecture has a config of its own (`architectures.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from edge_mnist_runtime.errors import UsageError
from edge_mnist_trainer.augment.settings import Augmentation


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of one training run.

    Raises:
        UsageError: A value is out of its range; the message names the field.
    """

    epochs: int = 40
    """Passes over the training images, at least 1."""
    batch_size: int = 128
    """Images in one optimizer step, at least 1."""
    seed: int = 0
    """Seed of initial weights, order and augmentation, 0..2**31-1. Two runs on one machine give the same weights."""
    optimizer: Literal["adamw", "adam"] = "adamw"
    """AdamW (Loshchilov and Hutter, 2019), or plain Adam, which the published baselines use."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """Linear warm-up and cosine decay to zero, or a constant learning rate."""
    peak_learning_rate: float = 3e-3
    """The learning rate at the end of the warm-up, or the constant one."""
    warmup_part: float = 0.05
    """Length of the linear warm-up, as a fraction of all steps, in 0..1."""
    weight_decay: float = 0.01
    """AdamW's decoupled weight decay."""
    longest_average_steps: int = 1000
    """Maximum horizon of the weights' exponential moving average, in steps; 0 turns averaging off.

    A short run uses a twentieth of its steps.
    """
    augmentation: Augmentation | None = field(default_factory=Augmentation)
    """Distortions of the training images; None for none."""
    keep: Literal["best", "last"] = "best"
    """The epoch whose weights are saved: the one with the best validation accuracy, or the last one."""
    patience: int | None = None
    """End the run after so many epochs without a better validation loss; None for never."""

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise UsageError(f"`epochs` must be at least 1, not {self.epochs}")
        if self.batch_size < 1:
            raise UsageError(f"`batch_size` must be at least 1, not {self.batch_size}")
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"`seed` must be 0..{2**31 - 1}, not {self.seed}")
        if not 0 < self.peak_learning_rate < math.inf:
            raise UsageError(f"`peak_learning_rate` must be above 0 and finite, not {self.peak_learning_rate}")
        if self.patience is not None and self.patience < 1:
            raise UsageError(f"`patience` must be at least 1, not {self.patience}")

    def average_momentum(self, total_steps: int) -> float | None:
        """Momentum of the weights' moving average in a run of `total_steps` steps, in 0..1; None if it is off."""
        if not self.longest_average_steps:
            return None
        horizon = max(1, min(self.longest_average_steps, total_steps // 20))
        return 1 - 1 / horizon
