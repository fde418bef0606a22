"""Estimate how much a figure changed between two reports, from repeated runs and from what is known of runs in general.

The runs of a report are its processes. Their variance is combined with a stated prior, which counts like
`PRIOR_DEGREES` further runs: the conjugate prior of a normal distribution's variance (Gelman et al., "Bayesian data
analysis", section 3.3). So one run alone has an interval too, of the prior's width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from edge_mnist_runtime.bench.process_bootstrap import student_quantile

CONFIDENCE: Final = 0.95

RUN_DEVIATION: Final = 0.015
"""Prior of the standard deviation of a ratio to the yardstick from run to run, as a fraction.

Measured: 0.005 to 0.009 on a busy virtual machine."""

RAW_DEVIATION: Final = 0.075
"""The same of a median latency without a yardstick."""

SESSION_DEVIATION: Final = 0.005
"""Standard deviation of the ratio to the yardstick between reports of different hours, which their runs do not show.

Measured: 0.002 over 12 reports in two hours on a busy virtual machine (docs/results/gate-trial.md). Other machines may
vary more."""

PRIOR_DEGREES: Final = 4


def interval_between_runs(
    old: Sequence[float],
    new: Sequence[float],
    *,
    run_deviation: float = RUN_DEVIATION,
    session_deviation: float = SESSION_DEVIATION,
) -> tuple[float, float, float]:
    """Compute new / old and its 95 % interval.

    Args:
        old: The figure of each run before, above 0, at least one.
        new: The same after.
        run_deviation: Prior of the standard deviation from run to run, as a fraction.
        session_deviation: Standard deviation between the two reports; 0 for models of one report.

    Returns:
        The ratio of the geometric means, and the lower and upper bound of its interval.
    """
    before, after = np.log(np.asarray(old, np.float64)), np.log(np.asarray(new, np.float64))
    degrees = PRIOR_DEGREES + len(before) + len(after) - 2
    squares = sum(float(((values - values.mean()) ** 2).sum()) for values in (before, after))
    variance = (PRIOR_DEGREES * run_deviation**2 + squares) / degrees
    of_difference = variance * (1 / len(before) + 1 / len(after)) + 2 * session_deviation**2
    half = student_quantile((1 + CONFIDENCE) / 2, degrees) * math.sqrt(of_difference)
    change = float(after.mean() - before.mean())
    return math.exp(change), math.exp(change - half), math.exp(change + half)
