"""The expected calibration error, on cases that can be computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_mnist_exporter.evaluate.evaluation import measure_calibration_error


def predict(*confidences: float, n_classes: int = 4) -> np.ndarray:
    """Predictions of class 0 with the given confidences."""
    probabilities = np.empty((len(confidences), n_classes), np.float32)
    for row, confidence in zip(probabilities, confidences, strict=True):
        row[:] = (1 - confidence) / (n_classes - 1)
        row[0] = confidence
    return probabilities


def labels(*right: bool) -> np.ndarray:
    return np.array([0 if is_right else 1 for is_right in right], np.uint8)


def test_confident_correct_predictions_have_error_zero():
    assert measure_calibration_error(predict(1, 1, 1), labels(True, True, True)) == 0.0


def test_confident_wrong_predictions_have_error_one():
    assert measure_calibration_error(predict(1, 1), labels(False, False)) == 1.0


def test_accuracy_equal_to_confidence_has_error_zero():
    assert measure_calibration_error(predict(0.75, 0.75, 0.75, 0.75), labels(True, True, True, False)) == 0.0


def test_errors_of_bins_are_weighted_by_image_count():
    # Two at 0.5 (bin 8 of 15), one of them right: no error. Two at 0.9 (bin 14), both wrong: 0.9. The mean is 0.45.
    found = measure_calibration_error(predict(0.5, 0.5, 0.9, 0.9), labels(True, False, False, False))
    assert found == pytest.approx(0.45, abs=1e-7)


def test_errors_cancel_within_a_bin_but_not_across_bins():
    # 0.94 and 0.96 are in one bin, (14/15, 1]: 0.94 right, 0.96 wrong: |1 - 1.9| / 2.
    assert measure_calibration_error(predict(0.94, 0.96), labels(True, False)) == pytest.approx(0.45, abs=1e-6)
    # 0.92 is in the bin below: |1 - 0.92| / 2 + |0 - 0.96| / 2.
    assert measure_calibration_error(predict(0.92, 0.96), labels(True, False)) == pytest.approx(0.52, abs=1e-6)


def test_probability_just_below_a_bin_edge_is_in_the_lower_bin():
    # 0.79 and 0.81 are in different bins, because 0.8 = 12/15 is an edge.
    below = float(np.nextafter(np.float32(0.8), np.float32(0)))
    together = measure_calibration_error(predict(0.79, below), labels(True, False))
    apart = measure_calibration_error(predict(0.81, below), labels(True, False))
    assert together == pytest.approx(abs(1 - 1.59) / 2, abs=1e-6)
    assert apart == pytest.approx((0.19 + 0.8) / 2, abs=1e-6)


def test_the_lowest_two_bins_are_apart():
    # 0.06 is in (0, 1/15] and 0.1 in (1/15, 2/15]: only a model of more than 15 classes can be so unsure.
    unsure = predict(0.06, 0.1, n_classes=20)
    assert measure_calibration_error(unsure, labels(True, False)) == pytest.approx((0.94 + 0.1) / 2, abs=1e-6)


@given(st.integers(1, 60), st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_error_is_between_overall_gap_and_one(n_images, n_classes, seed):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(n_classes), n_images).astype(np.float32)
    truth = rng.integers(0, n_classes, n_images).astype(np.uint8)
    error = measure_calibration_error(probabilities, truth)
    gap = abs(np.mean(probabilities.argmax(1) == truth) - probabilities.max(1).astype(np.float64).mean())
    assert gap - 1e-9 <= error <= 1
