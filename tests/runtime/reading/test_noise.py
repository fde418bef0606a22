"""Noise of a picture, from neighbours in its rows."""

from __future__ import annotations

import numpy as np
import pytest

from edge_mnist_runtime.reading.background import noise_of


@pytest.mark.parametrize("shape", [(2, 4000), (3, 3000), (40, 300), (200, 300), (3000, 2)])
def test_noise_is_its_standard_deviation(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(2).normal(0, 0.05, shape).astype(np.float32)
    assert noise_of(noise) == pytest.approx(0.05, rel=0.1)


@pytest.mark.parametrize("shape", [(1, 300), (300, 1), (1, 1)])
def test_line_of_pixels_has_no_noise_to_tell(shape: tuple[int, int]) -> None:
    assert noise_of(np.random.default_rng(2).random(shape).astype(np.float32)) == 0


def test_all_rows_of_a_small_picture_count() -> None:
    noise = np.random.default_rng(2).normal(0, 0.05, (60, 300)).astype(np.float32)
    noise[::2] *= 0.2
    assert noise_of(noise) > 0.012


def test_light_that_changes_slowly_is_no_noise() -> None:
    assert noise_of(np.linspace(0, 1, 500, dtype=np.float32)[np.newaxis].repeat(50, 0)) == pytest.approx(
        0.0021, rel=0.1
    )
