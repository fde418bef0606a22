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
