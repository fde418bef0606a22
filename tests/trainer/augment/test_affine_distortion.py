"""Random affine distortions and the bilinear resampling under them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge_mnist_trainer.augment.settings import AffineRange
from edge_mnist_trainer.augment.strokes import draw_digits
from edge_mnist_trainer.augment.warps import draw_affine_maps, warp

IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


def noise(n_images: int = 3) -> np.ndarray:
    """Images with bright pixels right up to their edges."""
    return np.random.default_rng(0).integers(0, 256, (n_images, 28, 28, 1), np.uint8)


def maps(*rows: tuple[tuple[float, ...], ...]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_identity_gives_the_image_itself():
    images = noise()
    assert np.array_equal(warp(images, maps(*[IDENTITY] * 3)), images)


@pytest.mark.parametrize("down", [-3, 0, 1, 28, 500])
@pytest.mark.parametrize("right", [-1, 0, 5, -40])
def test_shift_by_whole_pixels_is_exact_and_fills_with_black(down, right):
    image = noise(1)
    expected = np.zeros((28, 28), np.float32)
    for row in range(28):
        for column in range(28):
            if 0 <= row - down < 28 and 0 <= column - right < 28:
                expected[row, column] = image[0, row - down, column - right, 0]
    # A map leads from output to input, so ink moves against its offset.
    moved = warp(image, maps(((1, 0, -down), (0, 1, -right))))
    assert np.array_equal(moved[0, :, :, 0], expected)


def test_quarter_turn_is_exact():
    image = noise(1)
    turned = warp(image, maps(((0, 1, 0), (-1, 0, 0))))
    assert np.array_equal(turned[0, :, :, 0], np.rot90(image[0, :, :, 0]))


def test_shift_by_half_a_pixel_is_the_mean_of_two():
    image = np.zeros((1, 28, 28, 1), np.uint8)
    image[0, 10, 10, 0] = 200
    moved = warp(image, maps(((1, 0, 0), (0, 1, 0.5))))
    assert moved[0, 10, 9, 0] == moved[0, 10, 10, 0] == 100
    assert moved.sum() == 200


def test_warped_images_are_float32():
    assert warp(noise(1), maps(IDENTITY)).dtype == np.float32


def test_no_distortion_is_the_identity():
    nothing = AffineRange(rotation_degrees=0, log_scale=0, shear=0, shift_pixels=0)
    drawn = draw_affine_maps(5, nothing, np.random.default_rng(0))
    assert drawn.dtype == np.float32
    assert np.array_equal(drawn, np.tile(maps(IDENTITY), (5, 1, 1)))


def test_every_image_gets_a_map_of_its_own():
    drawn = draw_affine_maps(100, AffineRange(), np.random.default_rng(0))
    assert drawn.shape == (100, 2, 3)
    assert len(np.unique(drawn, axis=0)) == 100


def test_shift_stays_within_its_limit():
    drawn = draw_affine_maps(1000, AffineRange(shift_pixels=2.0), np.random.default_rng(0))
    assert 1.9 < np.abs(drawn[:, :, 2]).max() <= 2.0


def test_rotation_alone_keeps_lengths():
    turning = AffineRange(rotation_degrees=40, log_scale=0, shear=0, shift_pixels=0)
    linear = draw_affine_maps(50, turning, np.random.default_rng(0))[:, :, :2].astype(np.float64)
    assert np.allclose(linear @ linear.transpose(0, 2, 1), np.eye(2), atol=1e-6)


def test_same_seed_gives_the_same_distortions():
    images = draw_digits(1, seed=0)[0]
    first, again, other = (
        warp(images, draw_affine_maps(len(images), AffineRange(), np.random.default_rng(seed))) for seed in (4, 4, 5)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_default_distortions_keep_most_of_the_ink():
    images = draw_digits(4, seed=0)[0]
    warped = warp(images, draw_affine_maps(len(images), AffineRange(), np.random.default_rng(0)))
    kept = warped.sum((1, 2, 3)) / images.sum((1, 2, 3))
    assert kept.min() > 0.6


@given(
    arrays(np.uint8, (2, 28, 28, 1), elements=st.sampled_from([0, 1, 128, 254, 255])),
    arrays(np.float32, (2, 2, 3), elements=st.floats(-1e6, 1e6, width=32)),
)
def test_no_map_leads_out_of_range(images, any_maps):
    warped = warp(images, any_maps)
    assert warped.shape == images.shape
    # A weighted mean of 255 and 255 may round to the float32 next to 255; NaN fails both comparisons.
    assert warped.min() >= 0
    assert warped.max() <= 255 * (1 + 2 * np.finfo(np.float32).eps)
