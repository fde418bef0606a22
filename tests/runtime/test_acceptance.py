"""Which predictions are accepted, by their confidence and by a check of the image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_mnist_runtime import DigitClassifier, acceptance
from edge_mnist_runtime.acceptance import (
    ACCEPTANCE_VERSION,
    CERTAIN,
    THRESHOLDS,
    accept_predictions,
    acceptance_definition,
    describe_rule,
    is_accepted,
    shows_several_objects,
    shows_two_digits,
)

RULE_SHA256 = "a9e11b1f16a85aa3a64c9d820ea0c3c2173f0709bc8aa1b878aa54c8b828f5b2"
"""Hash of the rule, version 1. Another rule needs another version."""

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


def test_hash_of_the_rule_covers_every_threshold():
    constants = {name: value for name, value in vars(acceptance).items() if name.isupper() and name[0] != "_"}
    numbers = {name.lower() for name, value in constants.items() if type(value) in (int, float)}
    assert {*THRESHOLDS} == numbers - {"acceptance_version"}
    assert acceptance_definition() == {"version": ACCEPTANCE_VERSION, "sha256": RULE_SHA256}


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


def test_two_parts_of_similar_size_side_by_side_are_two_digits():
    two = image((4, 4, 24, 8), (4, 18, 24, 22))
    assert shows_two_digits(two.tobytes())
    assert accept_predictions(sure(DOUBT, CERTAIN), np.repeat(two, 2, axis=0), LEAST).tolist() == [False, True]


@pytest.mark.parametrize(("height", "are_two"), [(9, False), (10, True)])
def test_second_digit_is_half_as_tall_as_the_first(height, are_two):
    assert shows_two_digits(image((4, 4, 24, 8), (4, 18, 4 + height, 22)).tobytes()) == are_two


@pytest.mark.parametrize(("width", "are_two"), [(2, False), (3, True)])
def test_second_digit_has_three_tenths_of_the_ink_of_the_first(width, are_two):
    assert shows_two_digits(image((4, 4, 24, 14), (4, 18, 24, 18 + width)).tobytes()) == are_two


def test_parts_above_each_other_are_one_digit():
    assert not shows_two_digits(image((4, 10, 8, 20), (10, 8, 20, 20)).tobytes())


@pytest.mark.parametrize("brightest", [255, 128])
@pytest.mark.parametrize(("part", "are_two"), [(0.14, True), (0.16, False)])
def test_column_is_empty_below_15_percent_of_the_brightest_pixel(brightest, part, are_two):
    two = image((4, 4, 24, 8), (4, 9, 24, 13), level=brightest)
    two[0, 12, 8] = round(part * brightest)
    assert shows_two_digits(two.tobytes()) == are_two


def test_single_empty_column_and_strokes_of_one_pixel_are_enough():
    assert shows_two_digits(image((4, 4, 24, 5), (4, 6, 24, 7)).tobytes())


def test_speck_beside_two_digits_leaves_them_two():
    assert shows_two_digits(image((10, 1, 11, 2), (4, 4, 24, 8), (4, 18, 24, 22)).tobytes())


@pytest.mark.parametrize(("heights", "are_two"), [((10, 5), True), ((11, 5), False)])
def test_heights_count_every_row(heights, are_two):
    first, second = heights
    assert shows_two_digits(image((4, 4, 4 + first, 8), (4, 18, 4 + second, 24)).tobytes()) == are_two


@pytest.mark.parametrize("level", [0, 1, 200])
def test_uniform_image_shows_no_two_digits(level):
    assert not shows_two_digits(bytes([level]) * 784)


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


def around_the_frame(several):
    """An image turned so that what lies along its upper edge lies along each edge, from either end."""
    turned = [np.rot90(several[0, :, :, 0], turns) for turns in range(4)]
    return [seen.tobytes() for one in turned for seen in (one, np.flip(one), one.T)]


@pytest.mark.parametrize("column", range(8, 28))
def test_every_pixel_of_the_edge_counts(column):
    four_pixels = image((2, 12, 26, 16), (0, 3, 2, 6), (0, column, 6, column + 1))
    assert all(map(shows_several_objects, around_the_frame(four_pixels)))


def test_four_pixels_of_ink_at_the_edge_are_enough_and_three_are_not():
    assert shows_several_objects(image((2, 12, 26, 16), (0, 3, 3, 5), (0, 20, 3, 22)).tobytes())
    assert not shows_several_objects(image((2, 12, 26, 16), (0, 3, 3, 5), (0, 20, 6, 21)).tobytes())


@pytest.mark.parametrize(("pixels", "counts"), [(5, False), (6, True)])
def test_parts_of_fewer_than_six_pixels_are_specks(pixels, counts):
    specks = image(STROKE, *((0, column, pixels, column + 1) for column in range(2, 28, 5)))
    assert shows_several_objects(specks.tobytes()) == counts


def test_line_around_a_corner_is_one_place():
    assert not any(map(shows_several_objects, around_the_frame(image(STROKE, (0, 20, 1, 28), (0, 27, 8, 28)))))


def test_two_things_that_are_cut_are_several():
    assert shows_several_objects(image((0, 4, 20, 8), (0, 18, 20, 22)).tobytes())


@pytest.mark.parametrize(("level", "is_ink"), [(139, False), (140, True)])
def test_ink_at_the_edge_has_seven_tenths_of_the_brightest_pixel(level, is_ink):
    pixels = np.maximum(image(STROKE, level=200), image((0, 20, 1, 26), (0, 2, 1, 8), level=level))
    assert shows_several_objects(pixels.tobytes()) == is_ink


@pytest.mark.parametrize(("level", "is_ink"), [(99, False), (100, True)])
def test_half_as_bright_as_the_brightest_pixel_joins_two_things_into_one(level, is_ink):
    bridge = image((14, 8, 16, 18), level=level)
    pixels = np.maximum(image((0, 4, 20, 8), (0, 18, 20, 22), level=200), bridge)
    assert shows_several_objects(pixels.tobytes()) == (not is_ink)


def test_certainty_begins_at_98_percent():
    several = image(STROKE, CUT, OTHER_CUT)
    assert accept_predictions(sure(0.979, 0.981), np.repeat(several, 2, axis=0), LEAST).tolist() == [False, True]
    assert is_accepted(0.98, several.tobytes(), LEAST)
    assert not is_accepted(0.979, several.tobytes(), LEAST)


@pytest.mark.parametrize("least", [0.0, 0.5, 0.99])
def test_exactly_the_least_confidence_is_accepted(least):
    assert is_accepted(least, image(STROKE).tobytes(), least)
    assert not is_accepted(least - 0.001, image(STROKE).tobytes(), least)


def test_rule_names_both_confidences():
    rule = describe_rule(0.5714)
    assert "below 0.571 are rejected" in rule
    assert "below 0.98 " in rule


def test_black_shows_nothing():
    assert not shows_several_objects(bytes(784))


def test_empty_batch_has_no_predictions():
    assert accept_predictions(np.empty((0, 10), np.float32), np.empty((0, 28, 28, 1), np.uint8), LEAST).shape == (0,)


def test_single_and_batch_predictions_are_accepted_alike():
    rng = np.random.default_rng(4)
    blots = np.kron(rng.random((2000, 7, 7)) < 0.3, np.ones((4, 4), np.bool_)).astype(np.uint8) * np.uint8(255)
    blots[::4, [0, -1]] = blots[::4, :, [0, -1]] = 0  # some with a black edge, as nearly every digit has
    classifier = DigitClassifier(backend="onnxruntime", mode="raw")
    together = classifier.predict_batch(blots)
    assert together == [classifier.predict(blot) for blot in blots]
    assert together == [*classifier.predict_stream([*blots])]
    confident = [prediction for prediction in together if prediction.confidence >= 0.571]
    assert any(not prediction.accepted for prediction in confident), "the second look is never needed here"
    assert {prediction.reason for prediction in confident} == {None, "no digit", "several digits"}


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 255))
def test_quick_search_for_columns_finds_every_gap_that_is_there(seed, n_columns, level):
    rng = np.random.default_rng(seed)
    image = np.zeros((28, 28), np.uint8)
    image[rng.integers(0, 28, n_columns), rng.integers(0, 28, n_columns)] = level
    found = np.frombuffer(acceptance._find_columns_with_ink(image.tobytes()), np.uint8)
    assert found.astype(bool).tolist() == (image.max(0) >= acceptance.GAP_BRIGHTNESS * 255).tolist()


def test_left_column_is_part_of_the_edge():
    assert shows_several_objects(image((4, 0, 10, 1), (14, 0, 20, 1)).tobytes())


def test_speck_at_the_edge_is_no_second_place_that_is_cut():
    assert not shows_several_objects(image(CUT, STROKE, (0, 2, 1, 7)).tobytes())


def test_uniform_images_of_a_batch_are_blank_whatever_the_network_says():
    images = np.repeat(np.arange(8, dtype=np.uint8) * 16, 784).reshape(-1, 28, 28)
    almost = images[0].copy()
    almost[27, 27] = 1
    *blank, last = DigitClassifier("nano", mode="raw").predict_batch(np.stack([*images, almost]))
    assert {prediction.reason for prediction in blank} == {"blank"}
    assert last.likeliest is not None
