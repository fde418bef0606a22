"""Drawings: every pixel of the border counts, and what the paper is, is told from the border alone."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime.preprocess import PREPROCESS
from edge_mnist_runtime.reading.drawing import has_even_border, is_clean, subtract_background

BORDER_SHAPES = [(9, 12), (12, 9), (3, 5), (30, 4)]


def border_of(shape: tuple[int, int]) -> np.ndarray:
    """Where the border of a picture is."""
    is_border = np.ones(shape, np.bool_)
    is_border[1:-1, 1:-1] = False
    return is_border


@pytest.mark.parametrize("colours", [False, True])
@pytest.mark.parametrize("shape", BORDER_SHAPES)
def test_border_is_even_unless_one_of_its_pixels_is_off(shape: tuple[int, int], colours: bool) -> None:
    is_border = border_of(shape)
    for row, column in np.ndindex(shape):
        pixels = np.full((*shape, 3) if colours else shape, 200, np.uint8)
        pixels[(row, column, 1) if colours else (row, column)] = 150
        assert has_even_border(Image.fromarray(pixels)) != is_border[row, column], (row, column)


def test_picture_of_one_row_is_all_border() -> None:
    pixels = np.full((1, 300), 200, np.uint8)
    assert has_even_border(Image.fromarray(pixels))
    assert has_even_border(Image.fromarray(pixels.T))
    pixels[0, 7] = 100
    assert not has_even_border(Image.fromarray(pixels))
    assert not has_even_border(Image.fromarray(pixels.T))


@pytest.mark.parametrize("turns", range(4))
def test_light_that_falls_off_along_one_edge_is_not_even(turns: int) -> None:
    pixels = np.full((80, 80), 200, np.uint8)
    pixels[0] = np.linspace(200, 170, 80)
    assert not has_even_border(Image.fromarray(np.rot90(pixels, turns)))


@pytest.mark.parametrize("seed", range(12))
def test_paper_is_the_median_of_the_border(seed: int) -> None:
    shape = (5, 7) if seed % 2 else (7, 4)
    is_border = border_of(shape)
    levels = np.random.default_rng(seed).permutation(np.arange(160, 250))[: is_border.sum()].astype(np.uint8)
    pixels = np.full(shape, 20, np.uint8)
    pixels[is_border] = levels
    drawn = subtract_background(Image.fromarray(pixels))
    assert drawn is not None
    assert 20 / (1 - drawn.contrast) == pytest.approx(np.sort(levels)[(len(levels) - 1) // 2])


def test_both_columns_of_a_picture_two_pixels_wide_are_border() -> None:
    pixels = np.full((9, 2), 200, np.uint8)
    pixels[1:-1, 0] = 100
    drawn = subtract_background(Image.fromarray(pixels))
    assert drawn is not None
    assert not drawn.light_on_dark  # 200 is the paper, as eleven of all eighteen pixels have it


@pytest.mark.parametrize(
    ("size", "is_seen"), [((63, 30), True), ((30, 63), True), ((64, 30), False), ((30, 64), False)]
)
def test_single_pixel_is_a_speck_in_a_large_picture(size: tuple[int, int], is_seen: bool) -> None:
    picture = Image.new("L", size, 220)
    picture.putpixel((15, 15), 10)
    assert (subtract_background(picture) is not None) == is_seen


@pytest.mark.parametrize("sign", [-1, 1])
def test_least_contrast_is_ink(sign: int) -> None:
    for contrast, is_seen in ((PREPROCESS.least_contrast, True), (PREPROCESS.least_contrast - 1, False)):
        pixels = np.full((30, 30), 128, np.uint8)
        pixels[10:20, 14:16] = 128 + sign * contrast
        drawn = subtract_background(Image.fromarray(pixels))
        assert (drawn is not None) == is_seen
        assert drawn is None or drawn.light_on_dark == (sign > 0)


def test_of_ink_as_dark_as_other_ink_is_light_the_dark_one_is_read() -> None:
    pixels = np.full((30, 30), 128, np.uint8)
    pixels[10:20, 8:10] = 28
    pixels[10:20, 20:22] = 228
    drawn = subtract_background(Image.fromarray(pixels))
    assert drawn is not None
    assert not drawn.light_on_dark
    assert drawn.contrast == pytest.approx(100 / 128)
    assert drawn.pixels[15, 9] >= 254
    assert drawn.pixels[15, 21] == 0


def test_contrast_is_the_light_that_ink_takes_from_paper_or_adds_to_a_board() -> None:
    for ground, ink, contrast in ((200, 50, 0.75), (55, 205, 0.75), (10, 255, 1.0), (250, 0, 1.0)):
        pixels = np.full((30, 30), ground, np.uint8)
        pixels[10:20, 14:16] = ink
        drawn = subtract_background(Image.fromarray(pixels))
        assert drawn is not None
        assert drawn.contrast == pytest.approx(contrast)
        assert {*np.unique(drawn.pixels)} == {0, 255}


def test_uneven_border_is_never_clean() -> None:
    pixels = np.full((60, 60), 220, np.uint8)
    pixels[20:40, 28:32] = 20
    drawn = subtract_background(Image.fromarray(pixels))
    assert drawn is not None
    assert is_clean(Image.fromarray(pixels), drawn.pixels)
    pixels[:, :3] = 190
    assert not is_clean(Image.fromarray(pixels), drawn.pixels)


@pytest.mark.parametrize("turned", [False, True])
def test_soft_edge_is_as_wide_as_the_longer_side_tells(turned: bool) -> None:
    pixels = np.full((60, 200), 200, np.uint8)
    pixels[20:40, 100:105] = 20
    pixels[20:40, 105:114] = 180  # nine pixels: a twentieth of 200 is ten
    if turned:
        pixels = np.ascontiguousarray(pixels.T)
    drawn = subtract_background(Image.fromarray(pixels))
    assert drawn is not None
    assert is_clean(Image.fromarray(pixels), drawn.pixels)
