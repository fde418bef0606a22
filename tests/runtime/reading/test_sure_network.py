"""Where the network is asked before a picture is rejected, and strokes that belong to the digit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.inputs import NetworkInput
from edge_mnist_runtime.prediction import Prediction
from edge_mnist_runtime.predictions import _weigh_flaw
from edge_mnist_runtime.reading.reader import read_picture
from edge_mnist_runtime.reading.rejection import min_confidence_despite

Draw = Callable[..., Image.Image]

PROBABILITIES = np.full(10, 0.1, np.float32)


def boxes(size: tuple[int, int], *inked: tuple[int, int, int, int], level: int = 0) -> Image.Image:
    """Black boxes on white, each from left and top to right and bottom."""
    picture = Image.new("L", size, 255)
    for box in inked:
        picture.paste(level, box)
    return picture


def test_only_cut_off_gives_way_to_the_network() -> None:
    assert min_confidence_despite(None) == 0
    assert min_confidence_despite("cut off") == 0.98
    for reason in ("blank", "too small", "several digits"):
        assert min_confidence_despite(reason) > 1  # type: ignore[arg-type]


@pytest.mark.parametrize(("confidence", "digit", "reason"), [(0.98, 3, None), (0.979, None, "cut off")])
def test_cut_off_digit_is_accepted_if_the_network_is_sure(confidence: float, digit: Any, reason: Any) -> None:
    found = NetworkInput(bytes(784), None, "cut off", min_confidence_despite("cut off"))
    weighed = _weigh_flaw(Prediction(3, confidence, PROBABILITIES), found)
    assert (weighed.digit, weighed.reason, weighed.confidence) == (digit, reason, confidence)


def test_digit_whose_stroke_passes_the_edge_is_read(draw_three: Draw, classifier: DigitClassifier) -> None:
    picture = draw_three((200, 200), (100, 60), 100).crop((0, 0, 155, 200))
    assert read_picture(picture).flaw == "cut off"
    prediction = classifier.predict(picture)
    assert (prediction.digit, prediction.reason) == (3, None)
    assert classifier.predict_batch([picture]) == [prediction]


def test_likeliest_digit_of_a_picture_that_reading_rejects_is_told(
    draw_three: Draw, classifier: DigitClassifier
) -> None:
    prediction = classifier.predict(draw_three((60, 60), (20, 15), 6))
    assert (prediction.digit, prediction.reason) == (None, "too small")
    assert prediction.likeliest is not None
    assert prediction.confidence > 0
    assert classifier.predict_batch([draw_three((60, 60), (20, 15), 6)]) == [prediction]


@pytest.mark.parametrize("mode", ["mnist", "auto", "photo"])
def test_thin_stroke_is_widened_to_two_tensor_pixels(mode: Any) -> None:
    pixels = read_picture(boxes((90, 90), (44, 15, 46, 75)), mode=mode).pixels
    assert 2 <= (pixels > 127).any(0).sum() <= 3
    assert pixels.max(0).max() == 255


def test_stroke_of_two_tensor_pixels_keeps_its_width() -> None:
    pixels = read_picture(boxes((90, 90), (40, 15, 52, 75)), mode="mnist").pixels
    assert (pixels > 127).any(0).sum() == 4


def test_lone_straight_stem_through_the_picture_is_no_ruled_line() -> None:
    reading = read_picture(boxes((100, 100), (60, 0, 70, 100), (20, 60, 90, 70), (20, 20, 30, 60)), mode="photo")
    assert reading.lines_removed == 0
    assert reading.box is not None
    assert (reading.box.top, reading.box.bottom) == (0, 100)


@pytest.mark.parametrize("level", [0, 100])
def test_thin_or_faint_line_through_the_picture_is_a_ruled_line(level: int, draw_three: Draw) -> None:
    picture = draw_three((200, 200), (60, 50), 100)
    picture.paste(level, (0, 170, 200, 174))
    assert read_picture(picture, mode="photo").lines_removed == 1


def test_stroke_with_a_gap_is_one_digit() -> None:
    four = boxes((120, 120), (30, 20, 36, 70), (30, 64, 58, 70), (66, 20, 72, 100))
    assert read_picture(four).flaw is None


def test_ink_of_many_thin_strokes_is_taken_for_an_outline_and_not_widened() -> None:
    bars = [(left, 10, left + 3, 80) for left in (10, 30, 50, 70, 87)]
    pixels = read_picture(boxes((100, 90), (10, 10, 90, 13), *bars), mode="mnist").pixels
    assert pixels[16].sum() / 255 < 7  # five strokes of 0.75 pixels; of 2 pixels they would be 10
