"""The ink of a row: which windows look for it, in which polarity, and how tall its digits are."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps
from tests.runtime.reading.drawn_pictures import draw_pictures, grey, ring

from edge_mnist_runtime.rows.ink import find_other_ink, find_row_ink, usual_height


def row(*heights: int, size: tuple[int, int] = (400, 160), contrast: float = 0.8) -> Image.Image:
    """Zeros of several heights on paper."""
    ink = np.zeros(size[::-1])
    for index, height in enumerate(heights):
        ink = np.maximum(ink, ring(ink.shape, (size[1] / 2, 45 + 70 * index), (height / 2, 18), 6))
    return grey(230 * (1 - contrast * ink))


def test_usual_height_is_the_median() -> None:
    found = find_row_ink(row(50, 74, 62, 80, 56))
    assert found is not None
    assert usual_height(found.glyphs) * found.pixel[0] * 160 == pytest.approx(74, abs=3)  # with the pen on both sides


def test_narrow_windows_see_light_ink_too() -> None:
    for picture in (row(60, 60, 60), ImageOps.invert(row(60, 60, 60))):
        assert any(len(found.glyphs.main) == 3 for found in find_other_ink(picture))


@pytest.mark.parametrize("size", [(300, 36), (36, 300)])
def test_picture_of_few_pixels_is_looked_at_once(size: tuple[int, int]) -> None:
    assert [*find_other_ink(Image.new("L", size, 220).resize(size))] == []
    pixels = np.full(size[::-1], 220, np.uint8)
    pixels[10:26, 10:13] = pixels[10:26, 20:23] = 20
    assert [*find_other_ink(Image.fromarray(pixels))] == []
    found = find_row_ink(Image.fromarray(pixels))
    assert found is not None
    assert (found.origin, found.pixel) == ((0.0, 0.0), (1 / size[1], 1 / size[0]))
    assert len(found.glyphs.main) == 2


@pytest.mark.parametrize("name", ["grain", "gradient", "lines-alone"])
def test_paper_shows_no_row(name: str) -> None:
    picture, _ = draw_pictures()[name]
    assert find_row_ink(picture) is None


def test_small_digits_are_seen_with_more_pixels() -> None:
    ink = np.zeros((700, 1400))
    for index in range(4):
        ink = np.maximum(ink, ring(ink.shape, (300, 500 + 80 * index), (40, 26), 8))
    found = find_row_ink(grey(225 * (1 - 0.8 * ink)))
    assert found is not None
    assert len(found.glyphs.main) == 4
    assert usual_height(found.glyphs) >= 44
    assert usual_height(found.glyphs) * found.pixel[0] * 700 == pytest.approx(92, abs=4)
    assert all(0 < side < 0.5 for side in found.origin)
