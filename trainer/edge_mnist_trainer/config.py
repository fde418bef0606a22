"""What a training run is made of; the one place where the defaults of a setting live.

Each architecture brings a config of its own (`architectures.py`).
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
    """Seeds weights, order and augmentation: 0..2**31-1. Two runs on one machine give the same weights."""
    optimizer: Literal["adamw", "adam"] = "adamw"
    """AdamW (Loshchilov and Hutter, 2019), or plain Adam as the published baselines use it."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """A linear warm-up and a cosine down to zero, or one learning rate throughout."""
    peak_learning_rate: float = 3e-3
    """The learning rate at the end of the warm-up, or throughout."""
    warmup_part: float = 0.05
    """Part of all steps over which the learning rate climbs linearly from zero to its peak."""
    weight_decay: float = 0.01
    """AdamW's decoupled weight decay."""
    longest_average_steps: int = 1000
    """Horizon of the weights' exponential moving average; short runs use a twentieth of their steps, 0 is none."""
    augmentation: Augmentation | None = field(default_factory=Augmentation)
    """The distortions that training images undergo; None for none."""
    keep: Literal["best", "last"] = "best"
    """The epoch whose weights model.keras holds: the one that reads the validation images best, or the last one."""
    patience: int | None = None
    """Epochs without a better validation loss after which a run ends; None for never."""

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
        """Momentum of the weights' moving average over `total_steps` optimizer steps, in 0..1; None for none."""
        if not self.longest_average_steps:
            return None
        horizon = max(1, min(self.longest_average_steps, total_steps // 20))
        return 1 - 1 / horizon
