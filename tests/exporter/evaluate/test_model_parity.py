"""Agreement between the models of an export, and differences between the two int8 files in steps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_mnist_exporter.evaluate.parity import SOFTMAX_STEP, measure_agreement, measure_int8_parity

STEP = 1 / 256


def one_hot(*classes: int, n_classes: int = 5) -> np.ndarray:
    return np.eye(n_classes, dtype=np.float32)[list(classes)]


def compare_pair(one: np.ndarray, other: np.ndarray, step: float | None = STEP):
    return measure_int8_parity(("m_int8.tflite", one), ("m_int8.onnx", other), step)


def test_agreement_matrix_matches_hand_computed_values():
    matrix = measure_agreement({"keras": one_hot(0, 1, 2, 3), "a": one_hot(0, 1, 2, 4), "b": one_hot(0, 4, 4, 4)})
    assert matrix.names == ("keras", "a", "b")
    assert matrix.matrix == ((1.0, 0.75, 0.25), (0.75, 1.0, 0.5), (0.25, 0.5, 1.0))


def test_matrix_of_keras_alone_is_one():
    assert measure_agreement({"keras": one_hot(1, 2)}).matrix == ((1.0,),)


@given(st.integers(1, 5), st.integers(1, 40), st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_matrix_is_symmetric_with_ones_on_its_diagonal(n_models, n_images, n_classes, seed):
    drawn = np.random.default_rng(seed).random((n_models, n_images, n_classes)).astype(np.float32)
    matrix = np.array(measure_agreement({str(number): model for number, model in enumerate(drawn)}).matrix)
    assert np.array_equal(matrix, matrix.T)
    assert np.all(np.diag(matrix) == 1)
    for one in range(n_models):
        for other in range(n_models):
            assert matrix[one, other] == np.mean(drawn[one].argmax(1) == drawn[other].argmax(1))


def test_images_are_counted_by_their_largest_difference():
    tflite = np.array([[200, 56], [100, 156], [255, 0], [10, 246]], np.float32) * np.float32(STEP)
    onnx = np.array([[200, 56], [101, 155], [252, 4], [246, 10]], np.float32) * np.float32(STEP)
    parity = compare_pair(tflite, onnx)
    assert (parity.tflite, parity.onnx, parity.step) == ("m_int8.tflite", "m_int8.onnx", STEP)
    assert parity.agreement == 0.75
    assert parity.max_steps == 236
    assert parity.within_one_step == 0.5
    assert {steps: n for steps, n in enumerate(parity.images_by_steps) if n} == {0: 1, 1: 1, 4: 1, 236: 1}


def test_rounding_of_the_tflite_output_is_not_a_difference():
    # An exact 1.0 is stored as 255 steps of 1/256, 0.4 steps as none, and 7.6 as 8.
    tflite = np.array([[255, 0, 0], [0, 8, 248]], np.float32) * np.float32(STEP)
    onnx = np.array([[1.0, 0.4 * STEP, 0], [0, 7.6 * STEP, 248.4 * STEP]], np.float32)
    parity = compare_pair(tflite, onnx)
    assert (parity.max_steps, parity.within_one_step, parity.images_by_steps) == (0, 1.0, (2,))


def test_step_is_the_scale_of_the_tflite_output():
    one, other = np.array([[0.5, 0.5]], np.float32), np.array([[0.75, 0.25]], np.float32)
    assert compare_pair(one, other, 1 / 256).max_steps == 64
    assert compare_pair(one, other, 1 / 128).max_steps == 32


def test_float_output_is_counted_in_softmax_steps():
    one, other = np.array([[0.5, 0.5]], np.float32), np.array([[0.75, 0.25]], np.float32)
    assert compare_pair(one, other, None).step == SOFTMAX_STEP == 1 / 256


@given(st.integers(1, 40), st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_parity_figures_are_consistent(n_images, n_classes, seed):
    one, other = np.random.default_rng(seed).dirichlet(np.ones(n_classes), (2, n_images)).astype(np.float32)
    parity = compare_pair(one, other)
    assert sum(parity.images_by_steps) == n_images
    assert len(parity.images_by_steps) == parity.max_steps + 1
    assert parity.images_by_steps[-1] > 0
    assert parity.within_one_step == pytest.approx(sum(parity.images_by_steps[:2]) / n_images)
    assert abs(parity.max_steps - np.abs(one - other).max() / STEP) <= 1.001
    assert compare_pair(other, one).images_by_steps == parity.images_by_steps
