"""Quantiles and filters against their definitions, worked out pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest

from edge_mnist_runtime.reading.filters import (
    grey_closing,
    max_within,
    min_within,
    quantile,
    quantile_along,
    roughness,
    widen,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.parametrize("n", [1, 2, 9, 10, 11])
@pytest.mark.parametrize("fraction", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_quantile_is_the_value_at_that_place_of_the_order(n: int, fraction: float, rng: np.random.Generator) -> None:
    values = rng.permutation(n) * 3
    assert quantile(values, fraction) == 3 * int(fraction * (n - 1))
    assert quantile(values[np.newaxis, np.newaxis], fraction) == 3 * int(fraction * (n - 1))


def test_quantile_along_the_last_axis_is_that_of_each_row(rng: np.random.Generator) -> None:
    values = rng.random((3, 4, 11))
    for fraction in (0.0, 0.33, 0.6, 1.0):
        found = quantile_along(values, fraction)
        assert found.shape == (3, 4, 1)
        assert np.array_equal(found[..., 0], np.sort(values, axis=2)[:, :, int(fraction * 10)])


@pytest.mark.parametrize("window", [1, 2, 3, 4, 5, 7, 8])
@pytest.mark.parametrize("shape", [(1, 9, 12), (3, 12, 9), (2, 3, 20)])
def test_closed_pixel_is_the_darkest_that_a_window_around_it_leaves(
    window: int, shape: tuple[int, int, int], rng: np.random.Generator
) -> None:
    planes = rng.integers(0, 250, shape).astype(np.uint8)
    side = max(2, window)
    longer = np.pad(planes, ((0, 0), (side, side), (side, side)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(longer, (side, side), axis=(1, 2)).max(axis=(3, 4))
    expected = np.empty_like(planes)
    for row in range(shape[1]):
        for column in range(shape[2]):
            around = windows[:, row + 1 : row + side + 1, column + 1 : column + side + 1]
            expected[:, row, column] = around.min(axis=(1, 2))
    assert np.array_equal(grey_closing(planes, window), expected)


@pytest.mark.parametrize("reach", [0, 1, 2, 5, 30])
def test_mask_grows_by_as_many_pixels_in_every_direction(reach: int, rng: np.random.Generator) -> None:
    mask = rng.random((14, 19)) < 0.03
    expected = np.zeros_like(mask)
    for row, column in np.argwhere(mask):
        expected[max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1] = True
    assert mask.any()
    assert np.array_equal(max_within(mask, reach), expected)
    assert np.array_equal(min_within(~mask, reach), ~expected)
    assert np.array_equal(max_within(np.stack([mask, ~mask]), reach)[0], expected)
    assert np.array_equal(min_within(np.stack([~mask, mask]), reach)[0], ~expected)


@pytest.mark.parametrize("reach", [0, 1, 3])
def test_largest_value_within_reach(reach: int, rng: np.random.Generator) -> None:
    values = rng.random((2, 3, 9)).astype(np.float32)
    expected = [
        [[row[max(0, place - reach) : place + reach + 1].max() for place in range(9)] for row in plane]
        for plane in values
    ]
    assert max_within(values, reach, axes=(-1,)).tolist() == np.array(expected).tolist()


def test_roughness_is_the_sum_of_the_squared_differences_of_neighbours(rng: np.random.Generator) -> None:
    planes = rng.integers(0, 256, (2, 5, 7)).astype(np.uint8)
    squares = [
        (int(plane[row, column]) - int(plane[row + down, column + right])) ** 2
        for plane in planes
        for down, right in ((1, 0), (0, 1))
        for row in range(5 - down)
        for column in range(7 - right)
    ]
    assert roughness(planes) == sum(squares)


def test_widened_values_reach_one_pixel_up_down_left_and_right() -> None:
    assert widen(np.array([[0.5]], np.float32)).tolist() == [[0, 0.5, 0], [0.5, 0.5, 0.5], [0, 0.5, 0]]
