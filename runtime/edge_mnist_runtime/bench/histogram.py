"""Count latencies in bins, for the plot and for a line of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

BARS: Final = " ▁▂▃▄▅▆▇█"
ASCII_BARS: Final = " .:-=+*#@"
HIGHEST_PERCENTILE: Final = 95.0
"""Latencies above it are left out: a few of them would make all others one bar."""


def count_in_bins(latencies_us: Sequence[float], n_bins: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Counts of latencies from the lowest to p95, and the bins' edges in microseconds, evenly spaced."""
    values = np.asarray(latencies_us, np.float64)
    kept = values[values <= np.percentile(values, HIGHEST_PERCENTILE)]
    counts, edges = np.histogram(kept, bins=n_bins)
    return counts.astype(np.int64), edges


def draw_line(latencies_us: Sequence[float], width: int, bars: str = BARS) -> tuple[str, float, float]:
    """Draw a histogram as one line; return it with the latencies at its ends, in microseconds.

    Args:
        latencies_us: At least one latency.
        width: Number of characters.
        bars: Characters by height; the first one is for 0.
    """
    counts, edges = count_in_bins(latencies_us, width)
    heights = np.ceil(counts / counts.max() * (len(bars) - 1)).astype(int)
    return "".join(bars[height] for height in heights), float(edges[0]), float(edges[-1])
