"""Percentiles and their bounds, against SciPy's binomial distribution and against LoadGen's own logs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from edge_mnist_runtime.timing.percentiles import (
    PERCENTILES,
    count_discarded,
    estimate_percentile,
    min_samples_for,
    percentile_name,
    relative_half_width,
)


@pytest.mark.parametrize(("percentile", "needed"), [(50.0, 11), (90.0, 64), (95.0, 130), (99.0, 662), (99.9, 6636)])
def test_min_samples_are_loadgens(percentile: float, needed: int) -> None:
    assert min_samples_for(percentile) == needed
    assert count_discarded(needed, percentile) == 0
    assert count_discarded(needed - 1, percentile) is None


@pytest.mark.parametrize(("n", "discarded"), [(100, 2), (201, 9), (708, 51), (79_944, 7_796)])
def test_discards_as_many_as_loadgen_logged_for_p90(n: int, discarded: int) -> None:
    assert count_discarded(n, 90.0) == discarded


@settings(max_examples=60)
@given(st.integers(1, 30_000), st.sampled_from(PERCENTILES))
def test_discarded_is_the_largest_that_scipys_binomial_allows(n: int, percentile: float) -> None:
    discarded = count_discarded(n, percentile)
    odds = stats.binom(n, 1 - percentile / 100).cdf
    if discarded is None:
        assert odds(1) > 0.01
    else:
        assert odds(discarded + 1) <= 0.01 * (1 + 1e-9)
        assert odds(discarded + 2) > 0.01 * (1 - 1e-9)


@settings(max_examples=40)
@given(st.lists(st.floats(0.1, 1e6), min_size=1, max_size=2_000), st.sampled_from(PERCENTILES))
def test_bound_is_a_value_of_the_sample_and_not_below_the_estimate(values: list[float], percentile: float) -> None:
    estimate = estimate_percentile(values, percentile)
    if len(values) < min_samples_for(percentile):
        assert (estimate.value, estimate.bound) == (None, None)
        assert f"{min_samples_for(percentile):,}" in str(estimate.reason)
    else:
        assert estimate.reason is None
        assert estimate.bound in values
        assert estimate.value is not None
        assert min(values) <= estimate.value <= max(values)
        assert estimate.bound >= estimate.value or np.isclose(estimate.bound, estimate.value)


def test_bound_covers_the_true_percentile_99_times_in_100() -> None:
    rng = np.random.default_rng(0)
    true = stats.lognorm(0.5).ppf(0.9)
    bounds = [estimate_percentile(rng.lognormal(0, 0.5, 300), 90.0).bound for _ in range(1_000)]
    assert np.mean([bound is not None and bound >= true for bound in bounds]) >= 0.985


def test_half_width_covers_the_true_percentile_95_times_in_100_and_shrinks() -> None:
    rng = np.random.default_rng(0)
    widths = [relative_half_width(np.sort(rng.normal(100, 5, n)), 50.0) for n in (100, 1_000, 10_000)]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] == pytest.approx(1.96 * 1.2533 * 5 / 100 / 100, rel=0.25)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_half_width_of_too_small_a_sample_is_infinite(n: int) -> None:
    assert relative_half_width(np.arange(1.0, n + 1), 50.0) == float("inf")


def test_half_width_of_equal_values_is_zero() -> None:
    assert relative_half_width(np.full(100, 7.0), 90.0) == 0.0
    assert relative_half_width(np.zeros(100), 90.0) == 0.0


def test_names_are_short() -> None:
    assert [percentile_name(percentile) for percentile in PERCENTILES] == ["p50", "p90", "p95", "p99", "p99.9"]
