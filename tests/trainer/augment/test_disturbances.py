"""Backgrounds, bands, lines and pixels that disturb training images."""

from __future__ import annotations

import numpy as np
import pytest

from edge_mnist_trainer.augment.corruptions import CORRUPTIONS, apply_corruption
from edge_mnist_trainer.augment.disturbances import DISTURBANCES, TRAINING_KINDS
from edge_mnist_trainer.augment.strokes import draw_digits
from edge_mnist_trainer.augment.textures import draw_patch


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return draw_digits(3, seed=0)[0]


def disturb(images: np.ndarray, name: str, strength: float, seed: int = 0) -> np.ndarray:
    strengths = np.full(len(images), strength)
    return apply_corruption(images, DISTURBANCES[name], strengths, np.random.default_rng(seed))


@pytest.mark.parametrize("name", DISTURBANCES)
def test_every_kind_changes_every_image_and_is_repeatable(name, images):
    before = images.copy()
    for strength in DISTURBANCES[name].severities:
        first, again = (disturb(images, name, strength) for _ in range(2))
        assert (first.shape, first.dtype) == (images.shape, np.uint8)
        assert np.array_equal(first, again)
        assert (first != images).any(axis=(1, 2, 3)).all()
    assert np.array_equal(images, before)


@pytest.mark.parametrize("name", DISTURBANCES)
def test_every_kind_takes_no_image_and_black_ones(name, images):
    hard = DISTURBANCES[name].severities[-1]
    assert disturb(images[:0], name, hard).shape == (0, 28, 28, 1)
    assert disturb(np.zeros_like(images[:2]), name, hard).shape == (2, 28, 28, 1)


@pytest.mark.parametrize("name", ["raised background", "tilted background", "cloudy background"])
def test_backgrounds_only_brighten(name, images):
    raised = disturb(images, name, DISTURBANCES[name].severities[1])
    assert (raised.astype(int) >= images.astype(int) - 1).all()
    assert np.median(raised) > 30


def test_inverted_bands_are_exact_inversions(images):
    spoiled = disturb(images, "inverted bands", 9)
    changed = spoiled != images
    assert (spoiled[changed] == 255 - images[changed]).all()


def test_impulse_noise_hits_the_part_that_it_says(images):
    flat = np.full_like(images, 100)
    assert (disturb(flat, "impulse noise", 0.2) != 100).mean() == pytest.approx(0.2, abs=0.02)


def test_outlines_are_empty_inside(images):
    block = np.zeros((1, 28, 28, 1), np.uint8)
    block[:, 8:20, 8:20] = 255
    outline = disturb(block, "edges", 0.5)[0, :, :, 0]
    assert outline[14, 14] == 0
    assert outline.max() == 255


def test_hairlines_leave_less_ink(images):
    ink = [disturb(images, "hairline", strength).mean() for strength in DISTURBANCES["hairline"].severities]
    assert images.mean() > ink[0] > ink[1] > ink[2] > 0


def test_training_kinds_are_the_corruptions_and_the_disturbances():
    assert [*TRAINING_KINDS] == [*CORRUPTIONS, *DISTURBANCES]


def test_patches_are_tensors_of_any_contrast():
    rng = np.random.default_rng(0)
    patches = np.stack([draw_patch(rng) for _ in range(60)])
    assert (patches.shape, patches.dtype) == ((60, 28, 28), np.uint8)
    assert np.ptp(patches, axis=(1, 2)).min() > 20
    assert len({patch.tobytes() for patch in patches}) == 60
