"""Estimate a ratio and its confidence interval from several processes, which are resampled as a whole.

Calls of one process share its memory layout and its moment, so they are no independent samples; processes are. Kalibera
and Jones ("Rigorous benchmarking in reasonable time", ISMM 2013) therefore take the highest level, executions, as the
unit. Resampling the highest level alone keeps the variation of all lower levels (Ren et al., "Nonparametric
bootstrapping for hierarchical data", Journal of Applied Statistics 37, 2010).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

import numpy as np

MIN_PROCESSES: Final = 8
"""Fewest processes for an interval. With fewer, the bootstrap's intervals are too narrow."""

RESAMPLES: Final = 20_000
SEED: Final = 2026
"""The seed is fixed, so that the same measurements give the same interval."""


def estimate_ratio(ratios: Sequence[float]) -> float:
    """Geometric mean of the ratios of several processes."""
    return math.exp(float(np.mean(np.log(ratios))))


def bootstrap_ratio(ratios: Sequence[float], confidence: float) -> tuple[float, float] | None:
    """Compute the confidence interval of the geometric mean of ratios.

    It is the percentile bootstrap. For small samples the percentiles are moved outwards, as Student's t is wider than
    the normal distribution (Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69,
    2015).

    Args:
        ratios: One ratio of each process, above 0.
        confidence: Of the interval, such as 0.95.

    Returns:
        Lower and upper bound; None with fewer than `MIN_PROCESSES` ratios.
    """
    n = len(ratios)
    if n < MIN_PROCESSES:
        return None
    logarithms = np.log(np.asarray(ratios, np.float64))
    tail = NormalDist().cdf(-math.sqrt(n / (n - 1)) * student_quantile(1 - (1 - confidence) / 2, n - 1))
    chosen = np.random.default_rng(SEED).integers(0, n, (RESAMPLES, n))
    low, high = np.quantile(logarithms[chosen].mean(axis=1), (tail, 1 - tail))
    return math.exp(float(low)), math.exp(float(high))


def student_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t by its expansion in 1 / degrees (Abramowitz and Stegun, 26.7.5).

    Args:
        probability: Above 0, below 1.
        degrees: Degrees of freedom. With 4 and 0.995 the error is 1 %, with 7 it is 0.1 %.
    """
    x = NormalDist().inv_cdf(probability)
    terms = (
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return x + math.fsum(term / degrees**power for power, term in enumerate(terms, start=1))
