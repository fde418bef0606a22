"""What an export is asked for; the one place where its defaults live."""

from __future__ import annotations

from dataclasses import dataclass

from edge_mnist_runtime.contract import PRECISIONS
from edge_mnist_runtime.errors import UsageError


@dataclass(frozen=True)
class ExportConfig:
    """Settings of one export.

    Raises:
        UsageError: A value is out of its range; the message names the option.
    """

    precisions: tuple[str, ...] = ("int8",)
    """Which precisions to write, each as TFLite and as ONNX."""
    max_drop_points: float = 0.5
    """Most top-1 accuracy that a file may lose against Keras, in percentage points."""
    min_agreement: float = 0.99
    """Least part of the evaluation images on which a file gives Keras's answer, in 0..1."""
    calibration_samples: int = 500
    """Training images that fix the quantizers' ranges, at least 1."""
    seed: int = 0
    """Decides which training images those are."""

    def __post_init__(self) -> None:
        unknown = [precision for precision in self.precisions if precision not in PRECISIONS]
        if unknown or not self.precisions:
            found = repr(unknown[0]) if unknown else "none"
            raise UsageError(
                f"--precision: {found} is unknown; expected {' or '.join(PRECISIONS)}, or both as fp32,int8"
            )
        if not 0 <= self.max_drop_points <= 100:
            raise UsageError(f"--max-drop must be 0..100 percentage points, not {self.max_drop_points:g}")
        if not 0 <= self.min_agreement <= 1:
            raise UsageError(f"--min-agreement must be 0..1, not {self.min_agreement:g}")
        if self.calibration_samples < 1:
            raise UsageError(f"--calibration-samples must be at least 1, not {self.calibration_samples}")
        if self.seed < 0:
            raise UsageError(f"--seed must be at least 0, not {self.seed}")
