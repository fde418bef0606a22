"""Rounding weights to whole steps so that the errors of a sum cancel.

The method is GPTQ (Frantar, Ashkboos, Hoefler and Alistarh, ICLR 2023), which goes back to "Optimal Brain Surgeon"
(Hassibi and Stork, 1993). Weights are rounded one after the other. The weights that are not yet rounded make up for
each error as well as they can, by the second moments of the layer's inputs.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

INT8_MAX: Final = 127
"""Largest weight; -128 is left out, so that both signs have as many steps."""

BLOCK: Final = 512
"""Weights of a sum that make up for each other's errors. A longer sum is cut into blocks, because time grows with the
cube of their length."""

DAMPING: Final = 0.01
"""Added to the diagonal of the second moments, as a fraction of its mean, for inputs that are always 0 or always
alike (as in GPTQ)."""

Rows = npt.NDArray[np.float64]
"""Weights in steps, shape (K, N): one row an output channel."""


class Rounding:
    """Rounds the weights of one layer.

    Args:
        inputs: What some of its sums multiply by the weights, shape (S, G, N): S sums of each of G groups of output
            channels. None: each weight is rounded to the nearest step.

    Example:
        >>> weights = np.array([[0.4, 0.4]])  # both inputs are always alike, so the errors can cancel
        >>> Rounding(np.ones((10, 1, 2), np.float32)).round(weights).sum()
        1.0
    """

    def __init__(self, inputs: npt.NDArray[np.float32] | None) -> None:
        self._groups: list[list[_Block]] = []
        if inputs is not None:
            cuts = range(0, inputs.shape[2], BLOCK)
            groups = np.moveaxis(inputs, 1, 0)
            self._groups = [[_Block(group[:, cut : cut + BLOCK], cut) for cut in cuts] for group in groups]

    def round(self, rows: Rows) -> Rows:
        """Whole steps, -127..127, shape (K, N), of weights in steps, shape (K, N)."""
        if not self._groups:
            nearest: Rows = np.rint(rows)
            return nearest
        steps = np.empty_like(rows)
        size = len(rows) // len(self._groups)
        for number, blocks in enumerate(self._groups):
            own = slice(number * size, (number + 1) * size)
            for block in blocks:
                steps[own, block.columns] = block.round(rows[own, block.columns])
        return steps


class _Block:
    """Weights that make up for each other's errors."""

    def __init__(self, inputs: npt.NDArray[np.float32], start: int) -> None:
        self.columns = slice(start, start + inputs.shape[1])
        moments = inputs.T.astype(np.float64) @ inputs / len(inputs)
        power = moments.diagonal().copy()
        self._order = np.argsort(-power, kind="stable")  # what weighs most is rounded first
        moments[np.diag_indices_from(moments)] += DAMPING * (power.mean() or 1.0)
        inverse = np.linalg.inv(moments[np.ix_(self._order, self._order)])
        self._factor = np.linalg.cholesky(inverse).T

    def round(self, rows: Rows) -> Rows:
        left, steps = rows[:, self._order], np.empty_like(rows)
        for place, column in enumerate(self._order):
            steps[:, column] = np.clip(np.rint(left[:, place]), -INT8_MAX, INT8_MAX)
            error = (left[:, place] - steps[:, column]) / self._factor[place, place]
            left[:, place:] -= error[:, None] * self._factor[place, place:]
        return steps
