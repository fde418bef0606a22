"""The small copy that tells the ink's colour: one test for each rule, with pictures on either side of its limit."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime.reading.thumbnail import make_thumbnail

BLUE = (60, 60, 200)
YELLOW = (230, 230, 120)


@pytest.mark.parametrize(("side", "copied"), [(72, 72), (143, 143), (144, 72), (215, 108), (216, 72)])
def test_small_copy_has_a_longer_side_of_at_least_72_pixels(side: int, copied: int) -> None:
    for size in ((side, 50), (50, side)):
        assert max(make_thumbnail(Image.new("L", size)).planes.shape) == copied


@pytest.mark.parametrize(("width", "is_found"), [(13, True), (15, False)])
def test_colour_of_the_ink_is_found_if_the_ink_covers_less_than_seven_tenths(width: int, is_found: bool) -> None:
    pixels = np.full((100, 100, 3), YELLOW, np.uint8)
    for left in range(1, 100, 20):  # 13 or 15 columns of 20 are ink
        pixels[:, left : left + width] = BLUE
    plane = make_thumbnail(Image.fromarray(pixels)).mix_colours(light_on_dark=False)
    ink, paper = int(plane[50, 2]), int(plane[50, 99])
    assert (ink < 0.5 * paper) == is_found


def plane_of(picture: Image.Image, *, light_on_dark: bool) -> np.ndarray:
    return make_thumbnail(picture).mix_colours(light_on_dark=light_on_dark)


@pytest.mark.parametrize("light_on_dark", [False, True])
def test_coloured_ink_is_dark_in_the_mixture_whatever_its_polarity(light_on_dark: bool) -> None:
    pixels = np.full((40, 40, 3), YELLOW, np.uint8)
    pixels[10:30, 18:22] = BLUE
    pixels[5, 5] = 0
    plane = plane_of(Image.fromarray(255 - pixels if light_on_dark else pixels), light_on_dark=light_on_dark)
    assert plane[20, 20] < 0.5 * plane[0, 0]
    assert plane[5, 5] == 0  # black, or white if the ink is light


def test_colour_of_little_pale_ink_is_found() -> None:
    pixels = np.full((40, 40, 3), 230, np.uint8)
    pixels[10:20, 18:20] = (180, 230, 230)
    plane = plane_of(Image.fromarray(pixels), light_on_dark=False)
    assert plane[15, 18] < 0.85 * plane[0, 0]  # the red plane alone; the mean of all three would be 0.93


@pytest.mark.parametrize(("width", "is_background"), [(36, False), (48, True)])
def test_background_keeps_what_is_wider_than_three_tenths_of_the_shorter_side(width: int, is_background: bool) -> None:
    pixels = np.full((144, 288), 200, np.uint8)
    pixels[:, 100 : 100 + width] = 80
    dark_ink = make_thumbnail(Image.fromarray(pixels)).backgrounds[-1]
    assert (dark_ink.min() == 80) == is_background
