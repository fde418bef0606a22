"""Digits in school forms by all pens, and ink that is put straight into a frame."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from edge_mnist_trainer.augment.framing import MIN_PEAK, put_in_frame
from edge_mnist_trainer.augment.pen_drawings import draw_digit, draw_school_digits, write_by_hand
from edge_mnist_trainer.augment.school_forms import draw_form


@pytest.fixture(scope="module")
def drawings() -> np.ndarray:
    return draw_school_digits(400, seed=0)[0][..., 0]


def test_school_digits_are_tensors_in_label_order():
    images, labels = draw_school_digits(25, seed=1)
    assert (images.shape, images.dtype) == ((25, 28, 28, 1), np.uint8)
    assert labels.tolist() == [*range(10), *range(10), *range(5)]


def test_school_digits_are_repeatable_by_seed():
    first, again, other = (draw_school_digits(10, seed=seed)[0] for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_drawing_has_ink_on_black(drawings):
    assert (drawings.max((1, 2)) >= MIN_PEAK).all()
    assert (np.median(drawings.reshape(400, -1), axis=1) == 0).mean() > 0.95  # a few blurred markers fill the frame


def test_some_drawings_have_hairlines_and_some_touch_the_frame(drawings):
    widest = np.array([ndimage.distance_transform_edt(image > image.max() / 2).max() for image in drawings])
    assert (widest <= 1).mean() > 0.1
    assert (widest > 2.5).mean() > 0.05
    edges = np.concatenate([drawings[:, [0, -1]].reshape(400, -1), drawings[:, :, [0, -1]].reshape(400, -1)], axis=1)
    assert 0.02 < (edges > 64).any(1).mean() < 0.5


@pytest.mark.parametrize("digit", range(10))
def test_forms_of_a_digit_differ_and_stay_near_the_unit_square(digit):
    forms = [draw_form(digit, np.random.default_rng(seed)) for seed in range(60)]
    assert len({tuple(map(len, form)) for form in forms}) > 1 or digit == 0
    for form in forms:
        points = np.concatenate([np.asarray(stroke) for stroke in form])
        assert np.ptp(points[:, 1]) == pytest.approx(1, abs=0.2)
        assert points.min() > -0.35
        assert points.max() < 1.25


def test_a_one_has_a_flag_or_a_foot_or_neither():
    strokes = [len(draw_form(1, np.random.default_rng(seed))) for seed in range(200)]
    assert {*strokes} == {1, 2, 3}


def test_strokes_that_meet_still_meet_in_any_hand():
    corner = (0.9, 0.0)
    for seed in range(10):
        bar, stem = write_by_hand(
            [[(0.0, 0.0), corner], [corner, (0.4, 1.0)]], np.random.default_rng(seed), narrowest=0.5
        )
        assert np.linalg.norm(bar[-1] - stem[0]) < 0.1  # an unsteady hand misses by a little


def test_ink_is_shrunk_to_the_size_that_is_asked_for():
    ink = np.zeros((120, 90), np.uint8)
    ink[20:100, 30:60] = 255
    framed = put_in_frame(ink, np.random.default_rng(0), long_side=16.0, kernel="BOX")
    assert framed is not None
    rows, columns = np.flatnonzero((framed > 100).any(1)), np.flatnonzero((framed > 100).any(0))
    assert abs(len(rows) - 16) <= 1
    assert abs(len(columns) - 6) <= 1


def test_hairlines_become_faint_but_not_nothing():
    ink = np.zeros((280, 280), np.uint8)
    ink[20:260, 140] = 255  # a tenth of a pixel wide in the frame
    peaks = [
        int(framed.max())
        for seed in range(40)
        if (framed := put_in_frame(ink, np.random.default_rng(seed), long_side=24.0)) is not None
    ]
    assert peaks
    assert min(peaks) >= MIN_PEAK
    assert np.median(peaks) < 255


def test_nothing_is_put_in_a_frame_where_there_is_no_ink():
    assert put_in_frame(np.zeros((50, 50), np.uint8), np.random.default_rng(0)) is None


def test_drawing_one_digit_gives_one_tensor():
    assert draw_digit(4, np.random.default_rng(0)).shape == (28, 28)
