"""Ten ways to spoil a picture of a digit."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.augment.corruptions import CORRUPTIONS, apply_corruption, corrupt_digits
from edge_mnist_trainer.augment.disturbances import draw_corrupted
from edge_mnist_trainer.augment.strokes import draw_digits

LEFT_BY_ZERO = {"low resolution": 8, "JPEG": 2}
"""Grey levels by which strength 0 may still change a pixel: sixteen greys, and an encoder at its best quality."""

images_of_any_kind = arrays(
    np.uint8, st.tuples(st.integers(0, 4), *map(st.just, (28, 28, 1))), elements=st.sampled_from([0, 1, 127, 254, 255])
)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return draw_digits(4, seed=0)[0]


@pytest.fixture(params=sorted(CORRUPTIONS))
def name(request) -> str:
    return request.param


def spoil(images, name, strength, seed=0) -> np.ndarray:
    return apply_corruption(images, CORRUPTIONS[name], np.full(len(images), strength), np.random.default_rng(seed))


def mean_change(images, name, strength) -> float:
    return float(np.abs(spoil(images, name, strength) - images.astype(np.float64)).mean())


def test_there_are_ten():
    assert len(CORRUPTIONS) == 10


def test_corruption_changes_every_image_and_keeps_shape_and_dtype(images, name):
    before = images.copy()
    for strength in CORRUPTIONS[name].severities:
        spoiled = spoil(images, name, strength)
        assert (spoiled.shape, spoiled.dtype) == (images.shape, np.uint8)
        assert (spoiled != images).any(axis=(1, 2, 3)).all()
    assert np.array_equal(images, before)


def test_corruption_is_repeatable_by_seed(images, name):
    hard = CORRUPTIONS[name].severities[-1]
    assert np.array_equal(spoil(images, name, hard), spoil(images, name, hard))


@pytest.mark.parametrize("drawing", ["noise", "contrast", "rotation", "scale", "shear", "thickness", "stripes"])
def test_another_seed_spoils_otherwise(images, drawing):
    hard = CORRUPTIONS[drawing].severities[-1]
    assert not np.array_equal(spoil(images, drawing, hard), spoil(images, drawing, hard, seed=1))


def test_harder_severity_changes_more(images, name):
    severities = CORRUPTIONS[name].severities
    changes = [mean_change(images, name, strength) for strength in (0, *severities)]
    assert list(severities) == sorted(severities)
    assert all(milder < harder for milder, harder in pairwise(changes)), changes


def test_no_strength_leaves_the_images_alone(images, name):
    change = np.abs(spoil(images, name, 0).astype(np.int16) - images)
    assert change.max() <= LEFT_BY_ZERO.get(name, 0)


def test_hardest_severity_leaves_something_to_read(images, name):
    spoiled = spoil(images, name, CORRUPTIONS[name].severities[-1])
    assert np.ptp(spoiled, axis=(1, 2, 3)).min() > 50


def test_each_image_has_a_strength_of_its_own(images, name):
    mild, _, hard = CORRUPTIONS[name].severities
    mixed = np.where(np.arange(len(images)) % 2, hard, mild)
    for strength, chosen in ((mild, slice(0, None, 2)), (hard, slice(1, None, 2))):
        alike = apply_corruption(images, CORRUPTIONS[name], mixed, np.random.default_rng(0))[chosen]
        assert np.array_equal(alike, spoil(images, name, strength)[chosen])


@settings(max_examples=30)
@given(images_of_any_kind, st.sampled_from(sorted(CORRUPTIONS)), st.floats(0, 1), st.integers(0, 99))
def test_any_image_survives_any_corruption(any_images, any_name, part, seed):
    spoiled = spoil(any_images, any_name, part * CORRUPTIONS[any_name].severities[-1], seed)
    assert (spoiled.shape, spoiled.dtype) == (any_images.shape, np.uint8)


def test_rotation_goes_to_either_side(images):
    one = np.repeat(images[:1], 40, axis=0)
    assert len(np.unique(spoil(one, "rotation", 20), axis=0)) == 2


def test_scale_makes_some_smaller_and_some_larger(images):
    one = np.repeat(images[:1], 40, axis=0)
    ink = np.unique(spoil(one, "scale", 0.3).astype(np.int64).sum(axis=(1, 2, 3)))
    assert len(ink) == 2
    assert ink[0] < images[0].astype(np.int64).sum() < ink[1]


def test_thickness_makes_some_thicker_and_some_thinner(images):
    one = np.repeat(images[:1], 40, axis=0)
    ink = np.unique(spoil(one, "thickness", 1.1).astype(np.int64).sum(axis=(1, 2, 3)))
    assert len(ink) == 2
    assert ink[0] < images[0].astype(np.int64).sum() < ink[1]


def test_blur_spreads_ink_and_keeps_its_amount(images):
    inner = np.zeros_like(images[:1])
    inner[0, 14, 14] = 255
    blurred = spoil(inner, "blur", 1.2)
    assert blurred.max() < 64
    assert blurred.sum() == pytest.approx(255, rel=0.1)


def test_stripes_only_brighten(images):
    assert (spoil(images, "stripes", 110) >= images).all()


def test_low_resolution_knows_sixteen_greys(images):
    assert set(np.unique(spoil(images, "low resolution", 18)).tolist()) <= {*range(0, 256, 16), 255}


@pytest.fixture(scope="module")
def numbered() -> LabelledDigits:
    images, labels = draw_digits(3, seed=0)
    return LabelledDigits("drawn", "validation", images, labels)


def test_corrupted_digits_keep_labels_order_and_split(numbered, name):
    spoiled = corrupt_digits(numbered, name)
    assert np.array_equal(spoiled.labels, numbered.labels)
    assert (spoiled.name, spoiled.split, len(spoiled)) == (f"drawn, {name}", "validation", 30)
    assert np.array_equal(spoiled.images, corrupt_digits(numbered, name).images)


def test_corrupted_digits_stay_in_their_places(numbered):
    spoiled = corrupt_digits(numbered, "contrast").images.astype(np.float64).reshape(30, -1)
    original = numbered.images.astype(np.float64).reshape(30, -1)
    alike = np.corrcoef(spoiled, original)[:30, 30:]
    assert np.array_equal(alike.argmax(axis=1), np.arange(30))


def test_a_third_of_the_digits_is_spoiled_at_each_severity(numbered):
    lost = CORRUPTIONS["contrast"].severities
    ranges = np.ptp(corrupt_digits(numbered, "contrast").images, axis=(1, 2, 3))
    for severity, part in enumerate(lost):
        assert np.allclose(ranges[severity::3], 255 * (1 - part), atol=1)


def test_drawing_corruptions_leaves_the_input_alone(images):
    before = images.copy()
    spoiled = draw_corrupted(images, np.random.default_rng(0))
    assert np.array_equal(images, before)
    assert (spoiled.shape, spoiled.dtype) == (images.shape, np.uint8)
    assert (spoiled != images).any(axis=(1, 2, 3)).mean() > 0.9  # a dark line may miss the ink


def test_drawn_corruptions_are_repeatable_by_seed(images):
    first, again, other = (draw_corrupted(images, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_drawn_corruptions_are_of_many_kinds(images):
    one = np.repeat(images[:1], 300, axis=0)
    spoiled = draw_corrupted(one, np.random.default_rng(0))
    striped = (spoiled >= one).all(axis=(1, 2, 3)) & (spoiled > one).any(axis=(1, 2, 3))
    assert 0 < striped.sum() < 150  # stripes and thicker pens only brighten
    assert len(np.unique(spoiled, axis=0)) > 150


@settings(max_examples=20)
@given(images_of_any_kind, st.integers(0, 999))
def test_any_number_of_images_may_be_spoiled(any_images, seed):
    assert draw_corrupted(any_images, np.random.default_rng(seed)).shape == any_images.shape
