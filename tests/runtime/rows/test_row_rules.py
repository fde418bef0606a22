"""When a row is looked at again, which look is believed, and where its digits are: with a network that says as told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageDraw

from edge_mnist_runtime.prediction import Prediction, Quality
from edge_mnist_runtime.rows.reader import RowReading, read_row

Box = tuple[int, int, int, int]


class Told:
    """A network whose confidences are given, call by call; it goes on as in the last one."""

    def __init__(self, *calls: float | Sequence[float], rejected: Sequence[int] = (), digit: int = 0) -> None:
        self._calls = calls
        self._rejected = rejected
        self._digit = digit
        self.n_calls = 0
        self.qualities: list[Quality] = []

    def __call__(self, tensors: np.ndarray, qualities: list[Quality]) -> list[Prediction]:
        said = self._calls[min(self.n_calls, len(self._calls) - 1)]
        self.n_calls += 1
        self.qualities += qualities
        confidences = [said] * len(tensors) if isinstance(said, float) else said
        return [self._predict(index, confidence) for index, confidence in enumerate(confidences[: len(tensors)])]

    def _predict(self, index: int, confidence: float) -> Prediction:
        probabilities = np.full(10, (1 - confidence) / 9, np.float32)
        probabilities[self._digit] = confidence
        if index in self._rejected:
            return Prediction(None, confidence, probabilities, "no digit")
        return Prediction(self._digit, confidence, probabilities)


def rings(*boxes: Box, size: tuple[int, int] = (300, 120), stroke: int = 7) -> Image.Image:
    """Zeros on paper, each in its box of left, top, right and bottom."""
    finer = 4
    picture = Image.new("L", (size[0] * finer, size[1] * finer), 235)
    for left, top, right, bottom in boxes:
        place = (left * finer, top * finer, right * finer - 1, bottom * finer - 1)
        ImageDraw.Draw(picture).ellipse(place, outline=25, width=stroke * finer)
    return picture.reduce(finer)


FOUR = [(30 + 60 * index, 35, 70 + 60 * index, 90) for index in range(4)]


def confidences(reading: RowReading) -> list[float]:
    return [one.prediction.confidence for one in reading.digits]


@pytest.mark.parametrize(("confidence", "n_calls"), [(0.9, 1), (0.95, 1)])
def test_sure_row_is_looked_at_once(confidence: float, n_calls: int) -> None:
    network = Told(confidence)
    assert confidences(read_row(rings(*FOUR), network)) == [confidence] * 4
    assert network.n_calls == n_calls


def test_unsure_row_is_looked_at_until_one_look_is_sure() -> None:
    network = Told(0.85, 0.88, 0.9)
    assert confidences(read_row(rings(*FOUR), network)) == [0.9] * 4
    assert network.n_calls == 3


def test_sure_row_with_a_rejected_digit_is_looked_at_again() -> None:
    network = Told(0.95, rejected=[2])
    reading = read_row(rings(*FOUR), network)
    assert network.n_calls > 2
    assert (reading.text, reading.accepted) == ("00?0", False)


def test_surest_of_all_looks_is_believed() -> None:
    network = Told(0.81, 0.87, 0.84)
    assert confidences(read_row(rings(*FOUR), network)) == [0.87] * 4
    assert network.n_calls > 2


def test_look_that_is_no_surer_than_the_first_is_not_believed() -> None:
    assert confidences(read_row(rings(*FOUR), Told(0.85, 0.84))) == [0.85] * 4


def test_other_look_at_a_single_digit_is_not_believed() -> None:
    network = Told(0.85, 0.99)
    assert confidences(read_row(rings(FOUR[1]), network)) == [0.85]


def test_other_look_at_two_digits_is_believed() -> None:
    assert confidences(read_row(rings(*FOUR[1:3]), Told(0.85, 0.99))) == [0.99] * 2


def test_row_is_accepted_if_each_of_its_digits_is() -> None:
    assert read_row(rings(*FOUR), Told(0.95)).accepted
    assert not read_row(rings(*FOUR), Told(0.95, rejected=[0])).accepted
    assert not RowReading(()).accepted


@pytest.mark.parametrize("size", [(900, 400), (400, 300), (2600, 1500)])
@pytest.mark.parametrize("left_top", [(20, 30), (120, 150)])
def test_boxes_are_where_the_digits_are(size: tuple[int, int], left_top: tuple[int, int]) -> None:
    larger = max(1, size[0] // 900)
    boxes = [
        tuple(
            larger * side
            for side in (left_top[0] + 60 * index, left_top[1] + index, left_top[0] + 60 * index + 44, left_top[1] + 60)
        )
        for index in range(4)
    ]
    reading = read_row(rings(*boxes, size=size, stroke=7 * larger), Told(0.95))
    found = np.array([one.box for one in reading.digits])
    assert found == pytest.approx(np.array(boxes), abs=2 * larger)


@pytest.mark.parametrize("height", [30, 34, 38])
def test_boxes_in_a_small_picture_are_where_the_digits_are(height: int) -> None:
    boxes = [(4 + 16 * index, 5, 17 + 16 * index, height - 4) for index in range(3)]
    reading = read_row(rings(*boxes, size=(60, height), stroke=3), Told(0.95))
    assert np.array([one.box for one in reading.digits]) == pytest.approx(np.array(boxes), abs=1)


def test_touching_digits_have_boxes_of_their_own() -> None:
    tall, short = (40, 30, 84, 96), (82, 54, 122, 96)

    def says(tensors: np.ndarray, qualities: list[Quality]) -> list[Prediction]:
        """Sure of what is no wider than high."""
        ratios = [np.ptp(np.flatnonzero(one.any(0))) / np.ptp(np.flatnonzero(one.any(1))) for one in tensors[..., 0]]
        return [
            Told(0.97 if ratio <= 1 else 0.4)(one[np.newaxis], [])[0]
            for one, ratio in zip(tensors, ratios, strict=True)
        ]

    reading = read_row(rings(tall, short, size=(200, 140), stroke=8), says)
    assert reading.text == "00"
    assert np.array([one.box for one in reading.digits]) == pytest.approx(np.array([tall, short]), abs=3)


@pytest.mark.parametrize(("height", "reason"), [(8, "too small"), (9, None), (12, None)])
def test_digit_of_fewer_than_nine_pixels_is_too_small(height: int, reason: str | None) -> None:
    pixels = np.full((24, 70), 235, np.uint8)
    for left in (10, 30, 50):
        pixels[6 : 6 + height, left : left + 6] = 25
        pixels[8 : 4 + height, left + 2 : left + 4] = 235
    reading = read_row(Image.fromarray(pixels), Told(0.99))
    assert {one.prediction.reason for one in reading.digits} == {reason}


@pytest.mark.parametrize(("n_below", "reason"), [(1, None), (2, "several rows"), (4, "several rows")])
def test_row_of_a_third_of_the_ink_is_another_row(n_below: int, reason: str | None) -> None:
    above = [(30 + 60 * index, 20, 70 + 60 * index, 75) for index in range(4)]
    below = [(30 + 60 * index, 130, 70 + 60 * index, 185) for index in range(n_below)]
    assert read_row(rings(*above, *below, size=(300, 220)), Told(0.95)).reason == reason


def test_quality_is_that_of_each_digit() -> None:
    network = Told(0.95)
    read_row(rings((30, 30, 70, 90), (90, 50, 130, 90), (150, 70, 210, 90)), network)
    assert [quality.side_pixels for quality in network.qualities[:3]] == pytest.approx([60, 40, 60], abs=2)
    assert all(0.8 < quality.contrast <= 0.95 for quality in network.qualities)


def test_record_of_a_row_says_everything() -> None:
    record = read_row(rings(*FOUR), Told(0.95, rejected=[1])).to_dict()
    assert (record["text"], record["accepted"], record["reason"]) == ("0?00", False, None)
    assert [len(digit["box"]) for digit in record["digits"]] == [4] * 4
    assert [digit["digit"] for digit in record["digits"]] == [0, None, 0, 0]
