"""Doubtful digits are read a second time: moved to the place of MNIST's, or a little smaller."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.predictions import SURE
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.reader import read_picture
from edge_mnist_runtime.reading.second_look import place_as_in_mnist, shrink_digit
from edge_mnist_runtime.tensor import Pixels, fills_height_as_in_mnist

Draw = Callable[..., Image.Image]


@pytest.fixture(scope="module")
def three(draw_three: Draw) -> Pixels:
    """The tensor of a three, shape (28, 28)."""
    return read_picture(draw_three(), mode="mnist").pixels


def small(three: Pixels, side: int, top: int, left: int) -> Pixels:
    pixels = np.zeros((28, 28), np.uint8)
    pixels[top : top + side, left : left + side] = np.asarray(Image.fromarray(three).resize((side, side)))
    return pixels


def test_constant_is_that_of_the_reading_parameters() -> None:
    assert PICTURE_READING.reader.look_again_below == SURE


def test_shrunk_digit_keeps_its_centre() -> None:
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 4:24] = 255
    shrunk = np.frombuffer(shrink_digit(image.tobytes()), np.uint8).reshape(28, 28)
    rows = np.flatnonzero((shrunk > 127).any(1))
    assert (rows[0], rows[-1]) == (5, 22)
    assert not shrunk[:2].any()
    assert np.array_equal(shrunk, shrunk[::-1, ::-1])


@pytest.mark.parametrize(("side", "top", "left"), [(16, 0, 0), (16, 12, 12), (20, 8, 4)])
def test_small_digit_is_placed(three: Pixels, side: int, top: int, left: int) -> None:
    placed = place_as_in_mnist(small(three, side, top, left).tobytes())
    assert placed is not None
    assert placed.is_small
    assert np.abs(np.frombuffer(placed.tensor, np.uint8).reshape(28, 28).astype(int) - three).mean() < 16


def test_digit_in_the_place_of_mnists_is_not_placed(three: Pixels) -> None:
    assert place_as_in_mnist(three.tobytes()) is None


def bars(*rectangles: tuple[int, int, int, int]) -> bytes:
    """A tensor of bright bars: top, bottom, left and right of each."""
    image = np.zeros((28, 28), np.uint8)
    for top, bottom, left, right in rectangles:
        image[top:bottom, left:right] = 255
    return image.tobytes()


def test_large_digit_is_placed_and_not_small() -> None:
    placed = place_as_in_mnist(bars((2, 26, 12, 15)))
    assert placed is not None
    assert not placed.is_small


def test_digit_at_an_edge_is_placed_if_it_is_small() -> None:
    placed = place_as_in_mnist(bars((0, 14, 12, 16)))
    assert placed is not None
    assert placed.is_small
    assert place_as_in_mnist(bars((0, 23, 12, 16))) is None


def test_several_digits_and_dark_ink_are_not_placed() -> None:
    assert place_as_in_mnist(bars((8, 20, 3, 6), (8, 20, 22, 25))) is None
    inverted = 255 - np.frombuffer(bars((8, 20, 12, 15)), np.uint8)
    assert place_as_in_mnist(inverted.tobytes()) is None


def test_faint_digit_in_the_place_of_mnists_is_read_with_full_contrast(three: Pixels) -> None:
    placed = place_as_in_mnist((three // 5).tobytes())
    assert placed is not None
    assert np.abs(np.frombuffer(placed.tensor, np.uint8).reshape(28, 28).astype(int) - three).mean() < 8


@pytest.mark.parametrize(
    ("top", "bottom", "fills"),
    [(4, 24, True), (4, 23, True), (4, 22, False), (3, 24, True), (3, 25, False), (1, 21, False), (2, 22, True)],
)
def test_digit_as_tall_as_mnists_lies_in_the_middle(top: int, bottom: int, fills: bool) -> None:
    image = np.zeros((28, 28), np.uint8)
    image[top:bottom, 14] = 1
    assert fills_height_as_in_mnist(image.tobytes()) == fills


@pytest.mark.parametrize("mode", ["auto", "mnist"])
def test_doubtful_small_digit_is_read_in_its_place(three: Pixels, mode: str) -> None:
    looking, plain = DigitClassifier(mode=mode), DigitClassifier(mode="raw")
    images = [small(three, side, 1, 1) for side in range(11, 17)]
    doubtful = [image for image in images if plain.predict(image).confidence < SURE]
    assert doubtful
    for image in doubtful:
        prediction = looking.predict(image)
        assert prediction.likeliest == 3
        assert looking.predict_batch(image[np.newaxis]) == [prediction]
    accepted, before = ([c.predict(image).accepted for image in doubtful] for c in (looking, plain))
    assert sum(accepted) > sum(before)


def test_doubtful_picture_is_the_mean_of_two_looks(draw_three: Draw, classifier: DigitClassifier) -> None:
    looked = 0
    for hidden in range(40, 160, 10):  # less and less of the three is left
        picture = draw_three((280, 280), (75, 40), 190).copy()
        picture.paste(255, (0, 0, 280, hidden))
        reading = read_picture(picture)
        one = classifier.engine.run(reading.pixels.reshape(1, 28, 28, 1))[0]
        other = np.frombuffer(classifier.engine.run_bytes(shrink_digit(reading.pixels.tobytes())), np.float32)
        expected = (one + other) / 2 if one.max() < SURE else one
        looked += int(one.max() < SURE)
        file = io.BytesIO()
        picture.save(file, "PNG")
        prediction = classifier.predict(file.getvalue())
        assert prediction.probabilities == pytest.approx(expected, abs=1e-6)
        assert [*classifier.predict_stream([file.getvalue()])] == [prediction]
    assert looked


def test_small_digit_counts_if_the_mean_of_both_answers_reaches_0_6(three: Pixels, classifier: DigitClassifier) -> None:
    looked = 0
    for hidden, side in itertools.product(range(3, 10), range(13, 19)):  # less and less of the three is left
        cut = three.copy()
        cut[4 : 4 + hidden] = 0
        image = small(cut, side, 0, 28 - side)
        placed = place_as_in_mnist(image.tobytes())
        if placed is None:  # not much smaller than MNIST's
            continue
        one, other = (
            np.frombuffer(classifier.engine.run_bytes(tensor), np.float32)
            for tensor in (image.tobytes(), placed.tensor)
        )
        mean = np.sqrt(one * other) / np.sqrt(one * other).sum()
        if 0.6 <= mean.max() < SURE and max(one.max(), other.max()) < SURE:
            looked += 1
            assert classifier.predict(image).probabilities == pytest.approx(mean, abs=1e-6)
            assert classifier.predict(image).accepted
    assert looked


def test_every_answer_counts_without_a_second_look_at_confidence_0(three: Pixels) -> None:
    image = small(three, 10, 1, 1)
    plain = DigitClassifier(mode="raw", least_confidence=0).predict(image)
    assert DigitClassifier(least_confidence=0).predict(image) == plain
