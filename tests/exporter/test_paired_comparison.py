"""A file's answers beside Keras's, on the same images."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_mnist_exporter.evaluation import compare, measure_top1


def one_hot(*digits: int) -> np.ndarray:
    return np.eye(10, dtype=np.float32)[list(digits)]


def test_top1_is_the_part_that_is_right():
    assert measure_top1(one_hot(3, 1, 4, 1), np.array([3, 1, 4, 9], np.uint8)) == 0.75


def test_equal_answers_differ_in_nothing():
    figures = compare(one_hot(1, 2), one_hot(1, 2), np.array([1, 5], np.uint8))
    assert (figures.top1, figures.delta_points, figures.agreement) == (0.5, 0.0, 1.0)
    assert figures.max_abs_probability_diff == 0.0


def test_one_lost_digit_of_four_is_25_points():
    figures = compare(one_hot(1, 2, 3, 0), one_hot(1, 2, 3, 4), np.array([1, 2, 3, 4], np.uint8))
    assert figures.delta_points == pytest.approx(-25)
    assert figures.agreement == 0.75


def test_agreement_counts_answers_that_are_wrong_alike():
    assert compare(one_hot(7), one_hot(7), np.array([1], np.uint8)).agreement == 1.0


def test_losses_and_gains_that_cancel_still_show_as_disagreement():
    figures = compare(one_hot(1, 0), one_hot(0, 2), np.array([1, 2], np.uint8))
    assert (figures.delta_points, figures.agreement) == (0.0, 0.0)


def test_largest_difference_is_over_all_digits_and_images():
    found = one_hot(1, 2)
    found[1, 9] = 0.25
    assert compare(found, one_hot(1, 2), np.array([1, 2], np.uint8)).max_abs_probability_diff == 0.25


@st.composite
def answers(draw):
    """Two files' probabilities and the labels; the second file answers some images like the first."""
    n_images, seed, shared = draw(st.integers(1, 50)), draw(st.integers(0, 2**32 - 1)), draw(st.floats(0, 1))
    rng = np.random.default_rng(seed)
    one, other = rng.dirichlet(np.ones(10), (2, n_images)).astype(np.float32)
    other = np.where(rng.random((n_images, 1)) < shared, one, other)
    return one, other, rng.integers(0, 10, n_images).astype(np.uint8)


@settings(deadline=None)
@given(answers())
def test_figures_stay_in_their_ranges(drawn):
    figures = compare(*drawn)
    assert 0 <= figures.top1 <= 1
    assert 0 <= figures.agreement <= 1
    assert 0 <= figures.max_abs_probability_diff <= 1
    assert -100 <= figures.delta_points <= 100


@settings(deadline=None)
@given(answers())
def test_delta_is_never_more_than_the_disagreement(drawn):
    figures = compare(*drawn)
    assert abs(figures.delta_points) <= 100 * (1 - figures.agreement) + 1e-9


@settings(deadline=None)
@given(answers())
def test_turning_the_pair_round_turns_the_delta_round(drawn):
    one, other, labels = drawn
    there, back = compare(one, other, labels), compare(other, one, labels)
    assert there.delta_points == -back.delta_points
    assert there.agreement == back.agreement
    assert there.max_abs_probability_diff == back.max_abs_probability_diff


@settings(deadline=None)
@given(answers(), st.randoms(use_true_random=False))
def test_order_of_the_images_does_not_matter(drawn, random):
    order = list(range(len(drawn[2])))
    random.shuffle(order)
    figures, shuffled = compare(*drawn), compare(*(part[order] for part in drawn))
    assert shuffled == figures
