"""How far a program's answers are from those on record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Probabilities = npt.NDArray[np.float32]
"""Of N images and K labels, float32, shape (N, K)."""

FLOAT_ROUNDING: Final = 1e-6
"""Probabilities this close are the same: the last step of an ONNX file is a softmax in float32."""


@dataclass(frozen=True)
class Difference:
    """A program's answers against those on record, over the same images."""

    n: int
    """Images compared."""
    other_answers: int
    """Images with another likeliest digit."""
    other_probabilities: int
    """Images with a probability that differs by more than `FLOAT_ROUNDING`."""
    max_difference: float
    """The largest difference of one probability, 0..1."""
    max_lead: float | None
    """Of the images with another answer: the largest lead on record of the first digit over the second, 0..1."""

    @property
    def same(self) -> bool:
        """Whether the answers are the same but for the rounding of the float softmax."""
        return self.other_answers == 0 and self.other_probabilities == 0


def compare_answers(recorded: Probabilities, found: Probabilities) -> Difference:
    """Compare two programs' probabilities for the same images.

    Args:
        recorded: Those on record, shape (N, K).
        found: The program's, shape (N, K); values that are not finite count as other answers.

    Raises:
        ValueError: The shapes differ.
    """
    if recorded.shape != found.shape:
        raise ValueError(f"{found.shape} probabilities instead of {recorded.shape}")
    finite = np.isfinite(found).all(1)
    distances = np.where(finite, np.abs(recorded - np.nan_to_num(found)).max(1), np.inf)
    others = ~finite | (recorded.argmax(1) != found.argmax(1))
    ranked = np.sort(recorded[others], axis=1)
    leads = ranked[:, -1] - ranked[:, -2]
    return Difference(
        n=len(recorded),
        other_answers=int(others.sum()),
        other_probabilities=int((distances > FLOAT_ROUNDING).sum()),
        max_difference=float(distances.max()),
        max_lead=float(leads.max()) if len(leads) else None,
    )
