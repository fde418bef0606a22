"""Affine maps by their numbers, and the smooth elastic fields that bend digits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_mnist_trainer.augment.settings import AffineRange
from edge_mnist_trainer.augment.strokes import draw_digits
from edge_mnist_trainer.augment.warps import affine_maps, draw_affine_maps, draw_elastic_fields, warp

N_FIELDS = 6000
"""So many that a standard deviation is found to 1 %."""


def one_map(*, degrees: float = 0, scale: tuple[float, float] = (1, 1), shear: float = 0, shift=(0, 0)) -> np.ndarray:
    return affine_maps(np.array([degrees]), np.array([scale]), np.array([shear]), np.array([shift]))[0]


@pytest.mark.parametrize("elastic_pixels", [0.5, 0.8, 3.0])
def test_field_deviates_as_asked_at_every_pixel(elastic_pixels):
    fields = draw_elastic_fields(N_FIELDS, elastic_pixels, np.random.default_rng(0))
    deviation = fields.std(axis=0)
    assert deviation.shape == (2, 28 * 28)
    assert deviation.min() > 0.95 * elastic_pixels
    assert deviation.max() < 1.05 * elastic_pixels
    assert np.abs(fields.mean(axis=0)).max() < 0.06 * elastic_pixels


def test_rows_and_columns_move_independently():
    rows, columns = draw_elastic_fields(N_FIELDS, 1.0, np.random.default_rng(0)).transpose(1, 0, 2)
    assert np.abs((rows * columns).mean(axis=0)).max() < 0.06


def test_field_is_smooth_and_no_mere_shift():
    fields = draw_elastic_fields(2000, 1.0, np.random.default_rng(0)).reshape(2000, 2, 28, 28)
    assert np.diff(fields, axis=2).std() < 0.3  # neighbours move alike...
    assert np.diff(fields, axis=3).std() < 0.3
    corners = fields[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.abs(np.corrcoef(corners.reshape(-1, 4).T) - np.eye(4)).max() < 0.1  # ...the corners do not


def test_no_strength_is_no_field():
    assert not draw_elastic_fields(5, 0.0, np.random.default_rng(0)).any()


def test_fields_are_repeatable_by_seed_and_of_float32():
    first, again, other = (draw_elastic_fields(3, 1.0, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first.dtype == np.float32
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_field_grows_in_proportion_to_its_strength():
    one, two = (draw_elastic_fields(3, pixels, np.random.default_rng(0)) for pixels in (1.0, 2.0))
    assert np.allclose(2 * one, two, rtol=1e-6)


def test_field_fits_images_of_another_size():
    assert draw_elastic_fields(2, 1.0, np.random.default_rng(0), side=20).shape == (2, 2, 400)


def test_zero_field_warps_as_none_does():
    images = draw_digits(2, seed=0)[0]
    maps = draw_affine_maps(len(images), AffineRange(), np.random.default_rng(0))
    zero = np.zeros((len(images), 2, 28 * 28), np.float32)
    assert np.array_equal(warp(images, maps, zero), warp(images, maps))


def test_even_field_is_a_shift():
    images = draw_digits(2, seed=0)[0]
    fields = np.empty((len(images), 2, 28 * 28), np.float32)
    fields[:, 0], fields[:, 1] = 2, -3
    shifted = np.tile(one_map(shift=(2, -3)), (len(images), 1, 1))
    still = np.tile(one_map(), (len(images), 1, 1))
    assert np.allclose(warp(images, still, fields), warp(images, shifted), atol=1e-3)


def test_field_bends_the_digit():
    images = draw_digits(2, seed=0)[0]
    still = np.tile(one_map(), (len(images), 1, 1))
    bent = warp(images, still, draw_elastic_fields(len(images), 0.8, np.random.default_rng(0)))
    assert np.abs(bent - images).mean(axis=(1, 2, 3)).min() > 2


def test_map_without_any_quantity_is_the_identity():
    assert np.array_equal(one_map(), [[1, 0, 0], [0, 1, 0]])


def test_quantities_enter_the_map_as_they_are_named():
    assert np.allclose(one_map(degrees=90), [[0, -1, 0], [1, 0, 0]], atol=1e-6)
    assert np.allclose(one_map(scale=(2, 3)), [[2, 0, 0], [0, 3, 0]])
    assert np.allclose(one_map(shear=0.25), [[1, 0, 0], [0.25, 1, 0]])
    assert np.allclose(one_map(shift=(4, -5)), [[1, 0, 4], [0, 1, -5]])


@given(st.floats(-180, 180), st.floats(0.2, 5), st.floats(0.2, 5), st.floats(-2, 2))
def test_map_scales_areas_by_its_two_factors_alone(degrees, height, width, shear):
    linear = one_map(degrees=degrees, scale=(height, width), shear=shear)[:, :2].astype(np.float64)
    assert np.linalg.det(linear) == pytest.approx(height * width, rel=1e-3)
