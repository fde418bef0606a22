"""What a training run is made of; the one place where its defaults live."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from edge_mnist_runtime.errors import UsageError
from edge_mnist_trainer.augmentation import AffineRange


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of one training run.

    Raises:
        UsageError: A value is out of its range; the message names the option.
    """

    epochs: int = 40
    """Passes over the training images, at least 1."""
    batch_size: int = 128
    """Images in one optimizer step, at least 1."""
    seed: int = 0
    """Seeds weights, order and augmentation: 0..2**31-1. Two runs on one machine give the same weights."""
    peak_learning_rate: float = 3e-3
    """AdamW's learning rate at the end of the warm-up; a cosine takes it from there to zero."""
    warmup_part: float = 0.05
    """Part of all steps over which the learning rate climbs linearly from zero to its peak."""
    weight_decay: float = 0.01
    """AdamW's decoupled weight decay (Loshchilov and Hutter, 2019)."""
    longest_average_steps: int = 1000
    """Horizon of the exponential moving average of the weights; short runs use a twentieth of their steps."""
    affine: AffineRange = field(default_factory=AffineRange)
    """The distortions that training images undergo."""

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise UsageError(f"--epochs must be at least 1, not {self.epochs}")
        if self.batch_size < 1:
            raise UsageError(f"--batch-size must be at least 1, not {self.batch_size}")
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"--seed must be 0..{2**31 - 1}, not {self.seed}")

    def average_momentum(self, total_steps: int) -> float:
        """Momentum of the weights' moving average for a run of `total_steps` optimizer steps, in 0..1."""
        horizon = max(1, min(self.longest_average_steps, total_steps // 20))
        return 1 - 1 / horizon

    def to_dict(self) -> dict[str, Any]:
        """As run.json stores it."""
        return asdict(self)
