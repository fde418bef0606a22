"""Which predictions are accepted, by their confidence and by a check of the image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.acceptance import CERTAIN, accept_predictions, shows_several_objects

LEAST = 0.5
DOUBT = CERTAIN - 0.01


def sure(*confidences: float) -> npt.NDArray[np.float32]:
    """Probabilities with these highest values, shape (N, 10)."""
    return np.array([[confidence, *[(1 - confidence) / 9] * 9] for confidence in confidences], np.float32)


def image(*boxes: tuple[int, int, int, int], level: int = 255) -> npt.NDArray[np.uint8]:
    """Boxes of ink, each from top and left to bottom and right."""
    pixels = np.zeros((1, 28, 28, 1), np.uint8)
    for top, left, bottom, right in boxes:
        pixels[:, top:bottom, left:right] = level
    return pixels


STROKE = (6, 12, 22, 16)
CUT = (0, 20, 4, 26)
OTHER_CUT = (0, 2, 4, 8)


def test_acceptance_starts_at_the_minimum_confidence_and_is_certain_from_0_98():
    several = np.repeat(image(STROKE, CUT, OTHER_CUT), 3, axis=0)
    assert accept_predictions(sure(LEAST - 0.01, DOUBT, CERTAIN), several, LEAST).tolist() == [False, False, True]


def test_single_centred_digit_needs_only_the_minimum_confidence():
    assert accept_predictions(sure(LEAST), image(STROKE), LEAST).all()


def test_model_without_a_minimum_confidence_accepts_everything():
    assert accept_predictions(sure(0.2), image(STROKE, CUT, OTHER_CUT), 0.0).all()


@pytest.mark.parametrize("edge", ["top", "bottom", "left", "right"])
def test_several_objects_at_any_edge_are_found(edge):
    several = image(STROKE, CUT, OTHER_CUT)
    turned = {"top": several, "bottom": several[:, ::-1], "left": several.transpose(0, 2, 1, 3)}
    turned["right"] = turned["left"][:, :, ::-1]
    assert shows_several_objects(turned[edge].tobytes())


@pytest.mark.parametrize("line", [(0, 0, 1, 28), (0, 4, 1, 20), (0, 27, 28, 28)])
def test_line_along_an_edge_beside_a_digit_is_one_run(line):
    assert not shows_several_objects(image(STROKE, line).tobytes())


def test_digit_that_fills_the_frame_is_one_object():
    assert not shows_several_objects(image((0, 12, 28, 16)).tobytes())


def test_dots_at_the_edge_are_ignored():
    assert not shows_several_objects(image(STROKE, (0, 20, 4, 22), (0, 2, 4, 3)).tobytes())


def test_several_objects_inside_the_frame_are_ignored():
    assert not shows_several_objects(image(STROKE, (1, 20, 5, 26), (1, 2, 5, 8)).tobytes())


def test_faint_objects_at_the_edge_are_ignored():
    faint = np.maximum(image(STROKE), image(CUT, OTHER_CUT, level=160))
    assert not shows_several_objects(faint.tobytes())


@given(st.integers(1, 255))
def test_brightness_does_not_matter(level):
    assert shows_several_objects(image(STROKE, CUT, OTHER_CUT, level=level).tobytes())


def test_black_image_shows_no_objects():
    assert not shows_several_objects(bytes(784))


def test_empty_batch_has_no_predictions():
    assert accept_predictions(np.empty((0, 10), np.float32), np.empty((0, 28, 28, 1), np.uint8), LEAST).shape == (0,)


def test_single_and_batch_predictions_are_accepted_alike():
    rng = np.random.default_rng(4)
    blots = np.kron(rng.random((2000, 7, 7)) < 0.3, np.ones((4, 4), np.bool_)).astype(np.uint8) * np.uint8(255)
    blots[::4, [0, -1]] = blots[::4, :, [0, -1]] = 0  # some with a black edge, as nearly every digit has
    classifier = DigitClassifier(backend="onnxruntime", preprocess="raw")
    together = classifier.predict_batch(blots)
    assert together == [classifier.predict(blot) for blot in blots]
    assert together == [*classifier.predict_stream([*blots])]
    confident = [prediction for prediction in together if prediction.confidence >= 0.571]
    assert any(not prediction.accepted for prediction in confident), "the second look is never needed here"
    assert all(prediction.reason == "no digit" for prediction in confident if not prediction.accepted)
