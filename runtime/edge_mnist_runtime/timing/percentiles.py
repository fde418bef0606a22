"""Estimate percentiles of latencies, with an upper bound at 99 % confidence.

The bound is MLPerf LoadGen's early-stopping estimate: `early_stopping.cc` and `PerformanceSummary::EarlyStopping` in
`results.cc` of mlcommons/inference. From n latencies it discards the t - 1 highest; the next one is the estimate. Here
t >= 1 is the largest number with P(Binomial(n, 1 - p) <= t) <= 0.01, where p is the percentile. If there is none, the
sample is too small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

Latencies = npt.NDArray[np.float64]

PERCENTILES: Final = (50.0, 90.0, 95.0, 99.0, 99.9)

BOUND_CONFIDENCE: Final = 0.99
"""The confidence that LoadGen uses."""

INTERVAL_CONFIDENCE: Final = 0.95

MOST_NEEDED: Final = 1 << 24
"""Upper end of the search for the smallest sample, far above what any percentile here needs."""


def percentile_name(percentile: float) -> str:
    """A percentile's name in reports and tables, such as `p50` or `p99.9`."""
    return f"p{percentile:g}"


@dataclass(frozen=True)
class PercentileEstimate:
    """One percentile of a sample."""

    value: float | None
    """Linear interpolation between the two nearest values; None if the sample is too small."""
    bound: float | None
    """Upper bound of the true percentile at 99 % confidence; None if the sample is too small."""
    reason: str | None
    """Why value and bound are None."""


def estimate_percentile(values: Sequence[float] | Latencies, percentile: float) -> PercentileEstimate:
    """Estimate one percentile and its upper bound.

    Args:
        values: The sample, in any order.
        percentile: Above 0, below 100.
    """
    ordered = np.sort(np.asarray(values, np.float64))
    discarded = count_discarded(len(ordered), percentile)
    if discarded is None:
        needed = min_samples_for(percentile)
        return PercentileEstimate(None, None, f"needs {needed:,} samples, there are {len(ordered):,}")
    return PercentileEstimate(float(np.percentile(ordered, percentile)), float(ordered[-1 - discarded]), None)


def count_discarded(n: int, percentile: float, *, confidence: float = BOUND_CONFIDENCE) -> int | None:
    """Number of highest values that LoadGen discards from n; the next one is the bound. None if n is too small."""
    above = _cumulative(n, 1 - percentile / 100)
    tolerated = int(np.searchsorted(above, 1 - confidence, side="right")) - 1
    return None if tolerated < 1 else tolerated - 1


@lru_cache
def min_samples_for(percentile: float) -> int:
    """Smallest sample size for which a percentile is reported: 64 for p90, 662 for p99."""
    low, high = 1, MOST_NEEDED
    q = 1 - percentile / 100
    while low < high:
        n = (low + high) // 2
        # P(Binomial(n, q) <= 1), which falls as n grows.
        if (1 - q) ** n + n * q * (1 - q) ** (n - 1) <= 1 - BOUND_CONFIDENCE:
            high = n
        else:
            low = n + 1
    return low


def relative_half_width(ordered: Latencies, percentile: float) -> float:
    """Half the width of the 95 % interval of a percentile, as a part of the percentile.

    The interval lies between two order statistics, from the binomial distribution of how many values are below the
    percentile; it assumes nothing of the latencies' distribution, but that they are independent.

    Args:
        ordered: The sample, ascending.
        percentile: Above 0, below 100.

    Returns:
        Infinity where the sample is too small for an interval.
    """
    ranks = _interval_ranks(len(ordered), percentile)
    if ranks is None:
        return float("inf")
    low, high = ordered[ranks[0]], ordered[ranks[1]]
    value = float(np.percentile(ordered, percentile))
    return float(high - low) / 2 / value if value > 0 else 0.0


@lru_cache(maxsize=256)
def _interval_ranks(n: int, percentile: float) -> tuple[int, int] | None:
    """Indices into n ascending values between which a percentile lies with 95 % confidence."""
    below = _cumulative(n, percentile / 100)
    tail = (1 - INTERVAL_CONFIDENCE) / 2
    low = int(np.searchsorted(below, tail, side="right")) - 1
    high = int(np.searchsorted(below, 1 - tail, side="left")) + 1
    return (low, high) if low >= 0 and high < n else None


def _cumulative(n: int, q: float) -> Latencies:
    """P(Binomial(n, q) <= k) for k = 0..n, by the ratio of neighbouring terms, in logarithms."""
    k = np.arange(n, dtype=np.float64)
    steps = np.log(n - k) - np.log(k + 1) + (np.log(q) - np.log1p(-q))
    terms = np.concatenate(([0.0], np.cumsum(steps))) + n * np.log1p(-q)
    return np.cumsum(np.exp(terms))
