"""Two classifiers on the same images: how sure a difference of their accuracies is.

Of N images, `lost` are read right by the first classifier alone and `gained` by the second alone; all others, on which
both are right or both are wrong, say nothing about the difference. Fagerland, Lydersen and Laake, "Recommended tests
and confidence intervals for paired binomial proportions" (Statistics in Medicine 33, 2014), compare what is known.
"""

from __future__ import annotations

import math
from typing import Final

from scipy.stats import binomtest

NORMAL_QUANTILE: Final = 1.959963984540054
"""Of 97.5 %: a two-sided interval of 95 %."""


def difference_interval(lost: int, gained: int, n: int) -> tuple[float, float]:
    """95 % confidence interval of the second classifier's accuracy less the first's, in -1..1.

    The adjusted Wald interval of Bonett and Price, "Adjusted Wald Confidence Interval for a Difference of Binomial
    Proportions Based on Paired Data" (Journal of Educational and Behavioral Statistics 37, 2012): one image is added to
    each kind of disagreement, so that the interval keeps a width where there are none. Cut off at -1 and 1.

    Args:
        lost: Images that the first alone reads right.
        gained: Images that the second alone reads right.
        n: All images, at least 1.
    """
    part_lost, part_gained = (lost + 1) / (n + 2), (gained + 1) / (n + 2)
    centre = part_gained - part_lost
    half = NORMAL_QUANTILE * math.sqrt((part_gained + part_lost - centre**2) / (n + 2))
    return max(-1.0, centre - half), min(1.0, centre + half)


def mcnemar_exact_p(lost: int, gained: int) -> float:
    """Two-sided p of McNemar's exact test that both classifiers are equally good; 1.0 where they never disagree.

    Under that hypothesis each disagreement falls to either side as a coin does (McNemar, "Note on the sampling error of
    the difference between correlated proportions or percentages", Psychometrika 12, 1947).
    """
    if lost + gained == 0:
        return 1.0
    return float(binomtest(lost, lost + gained, 0.5).pvalue)
