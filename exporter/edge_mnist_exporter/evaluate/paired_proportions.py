"""Confidence interval and test for the difference of two classifiers' accuracies on the same images.

Of N images, `lost` are read correctly only by the first classifier and `gained` only by the second. The other images
say nothing about the difference. The methods are compared in Fagerland, Lydersen and Laake, "Recommended tests and
confidence intervals for paired binomial proportions" (Statistics in Medicine 33, 2014).
"""

from __future__ import annotations

import math
from typing import Final

from scipy.stats import binomtest

NORMAL_QUANTILE: Final = 1.959963984540054
"""97.5 % quantile of the normal distribution, for a two-sided interval of 95 %."""


def difference_interval(lost: int, gained: int, n: int) -> tuple[float, float]:
    """95 % confidence interval of the second classifier's accuracy minus the first's, in -1..1.

    The adjusted Wald interval of Bonett and Price, "Adjusted Wald Confidence Interval for a Difference of Binomial
    Proportions Based on Paired Data" (Journal of Educational and Behavioral Statistics 37, 2012). One image is added to
    `lost` and to `gained`, so that the interval has a width even if both are 0. It is cut off at -1 and 1.

    Args:
        lost: Number of images that only the first reads correctly.
        gained: Number of images that only the second reads correctly.
        n: Number of all images, at least 1.
    """
    fraction_lost, fraction_gained = (lost + 1) / (n + 2), (gained + 1) / (n + 2)
    centre = fraction_gained - fraction_lost
    half = NORMAL_QUANTILE * math.sqrt((fraction_gained + fraction_lost - centre**2) / (n + 2))
    return max(-1.0, centre - half), min(1.0, centre + half)


def mcnemar_exact_p(lost: int, gained: int) -> float:
    """Two-sided p-value of McNemar's exact test that both classifiers are equally good; 1.0 if they never differ.

    Under that hypothesis each difference is a fair coin toss (McNemar, "Note on the sampling error of the difference
    between correlated proportions or percentages", Psychometrika 12, 1947).
    """
    if lost + gained == 0:
        return 1.0
    return float(binomtest(lost, lost + gained, 0.5).pvalue)
