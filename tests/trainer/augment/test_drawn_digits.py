"""Digits and sample pictures that the project draws itself."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from benchmarks.tools.sample_pictures import draw_samples
from edge_mnist_runtime.bench.sample_digits import read_samples
from edge_mnist_trainer.augment.strokes import OTHER_HANDS, STROKES, draw_digits, draw_ink, draw_other_hands

LOSSY_TOLERANCE = 4
"""Grey levels by which decoders of JPEG and WebP may differ."""


@pytest.mark.parametrize("digit", range(10))
def test_every_digit_has_ink_on_black(digit):
    ink = draw_ink(digit, np.random.default_rng(0))
    assert (ink.shape, ink.dtype) == ((200, 200), np.uint8)
    assert ink.max() == 255
    assert np.median(ink) == 0
    assert 0.02 < (ink > 128).mean() < 0.3


@pytest.mark.parametrize("digit", range(10))
def test_no_digit_touches_the_edge(digit):
    for seed in range(20):
        ink = draw_ink(digit, np.random.default_rng(seed))
        assert not any(edge.any() for edge in (ink[0], ink[-1], ink[:, 0], ink[:, -1]))


def test_same_generator_state_draws_the_same_ink():
    first, again = (draw_ink(5, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, again)


def test_one_generator_draws_another_ink_each_time():
    rng = np.random.default_rng(3)
    assert not np.array_equal(draw_ink(5, rng), draw_ink(5, rng))


def test_ink_is_drawn_as_large_as_asked():
    assert draw_ink(0, np.random.default_rng(0), side_pixels=64).shape == (64, 64)


def test_draw_digits_gives_tensors_in_label_order():
    images, labels = draw_digits(3, seed=0)
    assert (images.shape, images.dtype) == ((30, 28, 28, 1), np.uint8)
    assert labels.dtype == np.uint8
    assert labels.tolist() == list(range(10)) * 3


def test_draw_digits_is_repeatable_by_seed():
    first, again, other = (draw_digits(1, seed=seed)[0] for seed in (8, 8, 9))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_drawn_tensors_have_mnist_s_size_and_place():
    for image in draw_digits(5, seed=0)[0]:
        rows, columns = np.nonzero(image[..., 0])
        assert max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
        mass = image[..., 0] / image.sum()
        assert abs(mass.sum(1) @ np.arange(28) - 14) <= 1
        assert abs(mass.sum(0) @ np.arange(28) - 14) <= 1


def test_other_hands_come_hand_after_hand_in_label_order():
    images, labels = draw_other_hands(2, seed=0)
    assert (images.shape, images.dtype) == ((len(OTHER_HANDS) * 20, 28, 28, 1), np.uint8)
    assert labels.tolist() == list(range(10)) * 2 * len(OTHER_HANDS)


def test_other_hands_are_repeatable_by_seed():
    first, again, other = (draw_other_hands(1, seed=seed)[0] for seed in (8, 8, 9))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("hand", range(len(OTHER_HANDS)))
def test_another_hand_writes_some_digits_otherwise(hand):
    assert all(strokes != STROKES[digit] for digit, strokes in OTHER_HANDS[hand].items())
    for digit in OTHER_HANDS[hand]:
        own, other = (draw_ink(digit, np.random.default_rng(0), hand=each) for each in (None, hand))
        assert not np.array_equal(own, other)


def test_other_hands_are_narrower_and_bolder_too():
    narrow, bold = [], []
    for seed in range(40):
        ink = draw_ink(0, np.random.default_rng(seed), narrowest=0.4, thickest=0.18) > 127
        rows, columns = np.nonzero(ink)
        narrow.append(np.ptp(columns) / np.ptp(rows))
        bold.append(ink.sum() / np.ptp(rows) ** 2)
    usual = [draw_ink(0, np.random.default_rng(seed)) > 127 for seed in range(40)]
    assert min(narrow) < min(np.ptp(np.nonzero(ink)[1]) / np.ptp(np.nonzero(ink)[0]) for ink in usual)
    assert max(bold) > max(ink.sum() / np.ptp(np.nonzero(ink)[0]) ** 2 for ink in usual)


def test_shipped_samples_are_one_of_each_digit():
    assert [int(name[0]) for name in read_samples()] == list(range(10))


def test_samples_are_drawn_the_same_each_time():
    assert draw_samples() == draw_samples()


def test_shipped_samples_are_the_drawn_ones():
    shipped, drawn = read_samples(), draw_samples()
    assert list(shipped) == sorted(drawn)
    for name, data in drawn.items():
        # Pixels are compared, because encoders change from one Pillow to the next.
        one, other = (Image.open(io.BytesIO(content)) for content in (data, shipped[name]))
        assert (one.format, one.mode, one.size) == (other.format, other.mode, other.size)
        assert one.getexif() == other.getexif()
        difference = np.abs(np.asarray(one, np.int16) - np.asarray(other, np.int16))
        assert difference.max() <= (0 if one.format in ("PNG", "GIF") else LOSSY_TOLERANCE), name
