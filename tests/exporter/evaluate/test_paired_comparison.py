"""Comparison of a file with Keras on the same images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_mnist_exporter.evaluate.evaluation import Flip, compare, measure_model, measure_top1


def one_hot(*digits: int) -> np.ndarray:
    return np.eye(10, dtype=np.float32)[list(digits)]


def test_top1_is_the_fraction_of_correct_answers():
    assert measure_top1(one_hot(3, 1, 4, 1), np.array([3, 1, 4, 9], np.uint8)) == 0.75


def test_equal_probabilities_have_no_differences():
    figures = compare(one_hot(1, 2), one_hot(1, 2), np.array([1, 5], np.uint8))
    assert (figures.top1, figures.delta_points, figures.agreement) == (0.5, 0.0, 1.0)
    assert figures.max_abs_probability_diff == 0.0


def test_one_lost_digit_of_four_is_25_points():
    figures = compare(one_hot(1, 2, 3, 0), one_hot(1, 2, 3, 4), np.array([1, 2, 3, 4], np.uint8))
    assert figures.delta_points == pytest.approx(-25)
    assert figures.agreement == 0.75


def test_agreement_counts_equal_wrong_answers():
    assert compare(one_hot(7), one_hot(7), np.array([1], np.uint8)).agreement == 1.0


def test_losses_and_gains_that_cancel_still_show_as_disagreement():
    figures = compare(one_hot(1, 0), one_hot(0, 2), np.array([1, 2], np.uint8))
    assert (figures.delta_points, figures.agreement) == (0.0, 0.0)


def test_lost_and_gained_images_are_counted_and_listed():
    labels = np.array([1, 2, 3, 4, 5], np.uint8)
    reference = one_hot(1, 2, 0, 0, 5) * np.float32(0.75)
    found = one_hot(0, 2, 3, 9, 5) * np.float32(0.5)
    figures = compare(found, reference, labels)
    assert (figures.lost, figures.gained, figures.delta_points) == (1, 1, 0.0)
    assert figures.flips == (Flip(0, 1, 1, 0, 0.75, 0.5), Flip(2, 3, 0, 3, 0.75, 0.5), Flip(3, 4, 0, 9, 0.75, 0.5))
    assert figures.agreement == 0.4


def test_interval_follows_from_lost_and_gained_images():
    labels = np.zeros(21, np.uint8)
    reference = one_hot(*[1] * 7, *[0] * 14)  # the first 7 wrong
    found = one_hot(*[0] * 7, 1, *[0] * 13)  # those right, the next one wrong
    figures = compare(found, reference, labels)
    assert (figures.lost, figures.gained) == (1, 7)
    assert figures.delta_points == pytest.approx(100 * 6 / 21)
    assert figures.delta_interval_points == pytest.approx((1.338, 50.836), abs=0.001)
    assert figures.mcnemar_p == pytest.approx(2 * (1 + 8) / 2**8)


def test_each_class_has_its_own_accuracy():
    figures = measure_model(one_hot(0, 0, 1, 3)[:, :4], np.array([0, 0, 2, 3], np.uint8))
    assert figures.per_class_top1 == (1.0, None, 0.0, 1.0)
    assert figures.top1 == 0.75


def test_largest_difference_is_over_all_digits_and_images():
    found = one_hot(1, 2)
    found[1, 9] = 0.25
    assert compare(found, one_hot(1, 2), np.array([1, 2], np.uint8)).max_abs_probability_diff == 0.25


@st.composite
def answers(draw):
    """Probabilities of two files, and labels. The second file gives some of the first file's answers."""
    n_images, seed, shared = draw(st.integers(1, 50)), draw(st.integers(0, 2**32 - 1)), draw(st.floats(0, 1))
    n_classes = draw(st.integers(2, 12))
    rng = np.random.default_rng(seed)
    one, other = rng.dirichlet(np.ones(n_classes), (2, n_images)).astype(np.float32)
    other = np.where(rng.random((n_images, 1)) < shared, one, other)
    return one, other, rng.integers(0, n_classes, n_images).astype(np.uint8)


@given(answers())
def test_figures_stay_in_their_ranges(drawn):
    figures = compare(*drawn)
    assert 0 <= figures.top1 <= 1
    assert 0 <= figures.agreement <= 1
    assert 0 <= figures.max_abs_probability_diff <= 1
    assert -100 <= figures.delta_points <= 100
    assert 0 <= figures.expected_calibration_error <= 1
    assert 0 < figures.mcnemar_p <= 1


@given(answers())
def test_delta_is_gained_minus_lost_and_inside_its_interval(drawn):
    figures = compare(*drawn)
    n_images = len(drawn[2])
    low, high = figures.delta_interval_points
    assert -100 <= low <= figures.delta_points <= high <= 100
    assert figures.delta_points == pytest.approx(100 * (figures.gained - figures.lost) / n_images)
    assert figures.delta_points == pytest.approx(100 * (measure_top1(drawn[0], drawn[2]) - measure_top1(*drawn[1:])))


@given(answers())
def test_flips_are_the_images_with_different_answers(drawn):
    found, reference, labels = drawn
    figures = compare(*drawn)
    assert len(figures.flips) == round(len(labels) * (1 - figures.agreement))
    assert [flip.index for flip in figures.flips] == sorted({flip.index for flip in figures.flips})
    for flip in figures.flips:
        assert flip.answer == found[flip.index].argmax() != reference[flip.index].argmax() == flip.reference_answer
        assert flip.label == labels[flip.index]
    assert sum(flip.reference_answer == flip.label for flip in figures.flips) == figures.lost
    assert sum(flip.answer == flip.label for flip in figures.flips) == figures.gained


@given(answers())
def test_per_class_accuracies_add_up_to_top1(drawn):
    figures, labels = measure_model(*drawn[1:]), drawn[2]
    counts = np.bincount(labels, minlength=drawn[0].shape[1])
    right = sum(part * n for part, n in zip(figures.per_class_top1, counts, strict=True) if part is not None)
    assert right / len(labels) == pytest.approx(figures.top1)


@given(answers())
def test_delta_is_at_most_the_disagreement(drawn):
    figures = compare(*drawn)
    assert abs(figures.delta_points) <= 100 * (1 - figures.agreement) + 1e-9


@given(answers())
def test_swapping_the_models_negates_the_delta(drawn):
    one, other, labels = drawn
    there, back = compare(one, other, labels), compare(other, one, labels)
    assert there.delta_points == -back.delta_points
    assert there.agreement == back.agreement
    assert there.max_abs_probability_diff == back.max_abs_probability_diff


@given(answers(), st.randoms(use_true_random=False))
def test_order_of_the_images_does_not_matter(drawn, random):
    order = list(range(len(drawn[2])))
    random.shuffle(order)
    figures, shuffled = compare(*drawn), compare(*(part[order] for part in drawn))
    assert sorted(order[flip.index] for flip in shuffled.flips) == [flip.index for flip in figures.flips]
    assert replace(shuffled, flips=(), expected_calibration_error=0) == replace(
        figures, flips=(), expected_calibration_error=0
    )
    assert shuffled.expected_calibration_error == pytest.approx(figures.expected_calibration_error)
