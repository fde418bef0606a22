"""Percentages on the command line of `compare`, and Cliff's delta."""

from __future__ import annotations

import numpy as np
import pytest

from edge_mnist_runtime.bench.change import parse_percent
from edge_mnist_runtime.bench.regression import cliffs_delta
from edge_mnist_runtime.errors import UsageError


@pytest.mark.parametrize(("text", "fraction"), [("5%", 0.05), ("0%", 0.0), ("2.5%", 0.025), ("150%", 1.5)])
def test_percentages_are_parsed(text: str, fraction: float) -> None:
    assert parse_percent(text, "--max-regression") == pytest.approx(fraction)


@pytest.mark.parametrize("text", ["5", "0.05", "", "%", "-1%", "nan%", "inf%", "five%", "5%%"])
def test_bad_percentage_is_refused_by_option_name(text: str) -> None:
    with pytest.raises(UsageError, match="--max-regression"):
        parse_percent(text, "--max-regression")


@pytest.mark.parametrize(
    ("old", "new", "delta"),
    [
        ([1, 2, 3], [4, 5, 6], 1.0),
        ([4, 5], [1, 2], -1.0),
        ([1, 2], [1, 2], 0.0),
        ([2, 2], [2], 0.0),
        ([1, 3], [2], 0.0),
    ],
)
def test_cliffs_delta(old: list[float], new: list[float], delta: float) -> None:
    assert cliffs_delta(np.array(old, float), np.array(new, float)) == delta
