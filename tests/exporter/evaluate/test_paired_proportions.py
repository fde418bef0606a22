"""Interval and test for the difference of two accuracies, against published and hand-computed figures."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_mnist_exporter.evaluate.paired_proportions import difference_interval, mcnemar_exact_p


def test_interval_of_1_lost_and_7_gained_of_21_matches_hand_computed_values():
    # (7 + 1) / 23 - (1 + 1) / 23 = 6/23; variance (10/23 - 36/529) / 23 = 194 / 12167, whose root is 0.126273
    low, high = difference_interval(1, 7, 21)
    assert low == pytest.approx(6 / 23 - 1.959964 * math.sqrt(194 / 12167), abs=1e-6)
    assert high == pytest.approx(6 / 23 + 1.959964 * math.sqrt(194 / 12167), abs=1e-6)
    assert (round(low, 3), round(high, 3)) == (0.013, 0.508)


def test_interval_of_6_lost_and_16_gained_of_161_matches_hand_computed_values():
    # 17/163 - 7/163 = 10/163; (24/163 - 100/26569) / 163 = 3812 / 4330747
    low, high = difference_interval(6, 16, 161)
    assert low == pytest.approx(10 / 163 - 1.959964 * math.sqrt(3812 / 4330747), abs=1e-6)
    assert high == pytest.approx(10 / 163 + 1.959964 * math.sqrt(3812 / 4330747), abs=1e-6)


def test_interval_has_a_width_without_disagreement():
    low, high = difference_interval(0, 0, 10_000)
    assert low == -high
    assert high == pytest.approx(1.959964 * math.sqrt(2 / 10_002 / 10_002), abs=1e-9)


def test_interval_is_within_minus_one_and_one():
    assert difference_interval(0, 1, 1)[1] == 1.0
    assert difference_interval(2, 0, 2)[0] == -1.0


counts = st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(1, 10_000)).map(
    lambda drawn: (drawn[0], drawn[1], drawn[0] + drawn[1] + drawn[2])
)


@given(counts)
def test_interval_contains_the_measured_difference(drawn):
    lost, gained, n = drawn
    low, high = difference_interval(lost, gained, n)
    assert -1 <= low < (gained - lost) / n < high <= 1


@given(counts)
def test_swapping_the_models_mirrors_the_interval(drawn):
    lost, gained, n = drawn
    low, high = difference_interval(lost, gained, n)
    assert difference_interval(gained, lost, n) == pytest.approx((-high, -low))


@given(counts)
def test_more_images_with_the_same_disagreements_narrow_the_interval(drawn):
    lost, gained, n = drawn
    low, high = difference_interval(lost, gained, 2 * n)  # more than half: few agreements also make a narrow interval
    more_low, more_high = difference_interval(lost, gained, 4 * n)
    assert more_high - more_low < high - low


@pytest.mark.parametrize(
    ("lost", "gained", "p"),
    [
        (0, 0, 1.0),
        (1, 2, 1.0),
        (5, 5, 1.0),
        (0, 1, 1.0),
        (0, 5, 2 / 2**5),
        (1, 7, 2 * (1 + 8) / 2**8),
        (7, 1, 2 * (1 + 8) / 2**8),
        (2, 10, 2 * (1 + 12 + 66) / 2**12),
        (0, 20, 2 / 2**20),
    ],
)
def test_mcnemar_p_matches_coin_tosses(lost, gained, p):
    assert mcnemar_exact_p(lost, gained) == pytest.approx(p, rel=1e-12)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_p_is_the_doubled_binomial_tail(lost, gained):
    n, few = lost + gained, min(lost, gained)
    tail = sum(math.comb(n, k) for k in range(few + 1)) / 2**n
    assert mcnemar_exact_p(lost, gained) == pytest.approx(min(1.0, 2 * tail))
