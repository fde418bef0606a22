"""Compare a program's predictions with the recorded ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float32]
"""Probabilities for N images and K labels, float32, shape (N, K)."""

FLOAT_ROUNDING: Final = 1e-6
"""Closer probabilities count as equal, because an ONNX file ends with a softmax in float32."""


@dataclass(frozen=True)
class Difference:
    """Differences between a program's predictions and the recorded ones, on the same images."""

    n: int
    """Number of images."""
    other_predictions: int
    """Number of images with another top-1 digit."""
    other_probabilities: int
    """Number of images with a probability that differs by more than `FLOAT_ROUNDING`."""
    max_difference: float
    """Largest difference of a probability, 0..1."""
    max_margin: float | None
    """Largest recorded margin (top-1 minus top-2 probability, 0..1) of the images with another digit."""

    @property
    def same(self) -> bool:
        """Whether the predictions are equal, except for rounding in the float softmax."""
        return self.other_predictions == 0 and self.other_probabilities == 0


def compare_predictions(recorded: Probabilities, found: Probabilities) -> Difference:
    """Compare a program's probabilities with the recorded ones for the same images.

    Args:
        recorded: The recorded probabilities, shape (N, K).
        found: The program's, shape (N, K). Rows with NaN or infinity count as other predictions.

    Raises:
        ValueError: The shapes differ.
    """
    if recorded.shape != found.shape:
        raise ValueError(f"{found.shape} probabilities instead of {recorded.shape}")
    finite = np.isfinite(found).all(1)
    distances = np.where(finite, np.abs(recorded - np.nan_to_num(found)).max(1), np.inf)
    others = ~finite | (recorded.argmax(1) != found.argmax(1))
    ranked = np.sort(recorded[others], axis=1)
    margins = ranked[:, -1] - ranked[:, -2]
    return Difference(
        n=len(recorded),
        other_predictions=int(others.sum()),
        other_probabilities=int((distances > FLOAT_ROUNDING).sum()),
        max_difference=float(distances.max()),
        max_margin=float(margins.max()) if len(margins) else None,
    )
