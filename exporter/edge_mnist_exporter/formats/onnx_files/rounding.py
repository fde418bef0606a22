"""Round weights to whole steps so that the errors of a sum cancel (GPTQ).

GPTQ (Frantar, Ashkboos, Hoefler and Alistarh, ICLR 2023) is based on "Optimal Brain Surgeon" (Hassibi and Stork, 1993).
It rounds one weight after the other. After each, it changes the weights not yet rounded to compensate for the error, by
the second moments of the layer's inputs.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

INT8_MAX: Final = 127
"""Largest weight. -128 is not used, so that both signs have equally many steps."""

BLOCK: Final = 512
"""Weights of a sum that compensate for each other's errors. A longer sum is cut into blocks, because time grows with
the cube of the length."""

DAMPING: Final = 0.01
"""Added to the diagonal of the second moments, as a fraction of its mean. It makes the matrix invertible if inputs are
always 0 or always equal (as in GPTQ)."""

Rows = npt.NDArray[np.float64]
"""Weights in steps, shape (K, N): one row an output channel."""

Moments = list[list[npt.NDArray[np.float64]]]
"""Second moments of a layer's inputs: sums of products, shape (B, B), for each channel group and block of weights."""


def add_moments(
    moments: Moments | None, inputs: npt.NDArray[np.float32], counts: npt.NDArray[np.integer] | None = None
) -> Moments:
    """Add the inputs of some sums of a layer to its second moments.

    Args:
        moments: The moments so far, or None.
        inputs: float32, shape (S, G, N): N inputs of S sums in each of G groups of output channels.
        counts: How often each sum counts, shape (S,); None for once.
    """
    cuts = range(0, inputs.shape[2], BLOCK)
    blocks = [[group[:, cut : cut + BLOCK].astype(np.float64) for cut in cuts] for group in np.moveaxis(inputs, 1, 0)]
    times = 1 if counts is None else counts[:, None]
    added = [[block.T @ (block * times) for block in group] for group in blocks]
    if moments is None:
        return added
    return [[old + new for old, new in zip(*pair, strict=True)] for pair in zip(moments, added, strict=True)]


class Rounding:
    """Rounds the weights of one layer.

    Args:
        moments: The result of `add_moments` for its inputs. None rounds each weight to the nearest step.

    Raises:
        ValueError: The inputs were not all finite.

    Example:
        >>> inputs = np.ones((10, 1, 2), np.float32)  # both inputs are always equal, so that errors can cancel
        >>> Rounding(add_moments(None, inputs)).round(np.array([[0.4, 0.4]])).sum()
        np.float64(1.0)
    """

    def __init__(self, moments: Moments | None) -> None:
        self._groups = [[_Block(block) for block in group] for group in moments or []]

    def round(self, rows: Rows) -> Rows:
        """Round weights in steps, shape (K, N), to whole steps, -127..127, shape (K, N)."""
        if not self._groups:
            nearest: Rows = np.rint(rows)
            return nearest
        steps = np.empty_like(rows)
        size = len(rows) // len(self._groups)
        for number, blocks in enumerate(self._groups):
            own = slice(number * size, (number + 1) * size)
            for block, start in zip(blocks, range(0, rows.shape[1], BLOCK), strict=True):
                columns = slice(start, start + BLOCK)
                steps[own, columns] = block.round(rows[own, columns])
        return steps


class _Block:
    """A block of weights that compensate for each other's errors."""

    def __init__(self, moments: npt.NDArray[np.float64]) -> None:
        power = moments.diagonal()
        if not np.isfinite(power).all():
            raise ValueError("its activations on the calibration images are not all finite")
        self._order = np.argsort(-power, kind="stable")  # weights of the strongest inputs are rounded first
        damped = moments[np.ix_(self._order, self._order)]
        damped[np.diag_indices_from(damped)] += DAMPING * (power.mean() or 1.0)
        self._factor = np.linalg.cholesky(np.linalg.inv(damped)).T

    def round(self, rows: Rows) -> Rows:
        left, steps = rows[:, self._order], np.empty_like(rows)
        for place, column in enumerate(self._order):
            steps[:, column] = np.clip(np.rint(left[:, place]), -INT8_MAX, INT8_MAX)
            error = (left[:, place] - steps[:, column]) / self._factor[place, place]
            left[:, place:] -= error[:, None] * self._factor[place, place:]
        return steps
