"""Which closing windows and polarities are tried: one test for each rule, with pictures on either side of its limit.

The pictures are 200 pixels square, so that the wide window has 60 pixels and the others have 120, 30, 15 and 8.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tests.runtime.reading.drawn_ink import Rectangle, draw

from edge_mnist_runtime.reading.page import Page, Segmentation
from edge_mnist_runtime.reading.photo import _segment_in_wide_window, find_ink, segment_picture
from edge_mnist_runtime.reading.thumbnail import make_thumbnail


def on_paper(darkness: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(200 * (1 - darkness)).astype(np.uint8))


def find(picture: Image.Image) -> Segmentation:
    found = segment_picture(picture)
    assert found is not None
    return found


def columns(picture: Image.Image) -> tuple[int, int]:
    """The first and the last column of the ink found, the last one exclusive."""
    return find(picture).ink.box[::2]


# Windows of several sizes.


@pytest.mark.parametrize(("width", "is_ink"), [(56, True), (64, False)])
def test_dark_area_wider_than_the_wide_window_is_background(width: int, is_ink: bool) -> None:
    page = draw((70, 130, 150, 156), (20, 180, 20, 20 + width))  # a digit beside the dark area
    assert columns(on_paper(page)) == ((20, 20 + width) if is_ink else (150, 156))


@pytest.mark.parametrize(("side", "is_found"), [(118, True), (122, False)])
def test_stroke_that_fills_the_picture_is_narrower_than_the_widest_window(side: int, is_found: bool) -> None:
    first, last = 100 - side // 2, 100 + side // 2
    assert (segment_picture(on_paper(draw((first, last, first, last)))) is not None) == is_found


@pytest.mark.parametrize(("stroke", "shadow"), [(20, 38), (10, 20), (6, 10)])
def test_narrower_windows_tell_a_digit_from_a_shadow_around_it(stroke: int, shadow: int) -> None:
    def in_shadow(width: int) -> Image.Image:
        around = draw((10, 190, 100 - width // 2, 100 + width // 2), darkness=0.4)
        return on_paper(np.maximum(around, draw((50, 150, 100 - stroke // 2, 100 + stroke // 2))))

    assert columns(in_shadow(shadow)) == (100 - stroke // 2, 100 + stroke // 2)
    narrow = stroke + stroke // 4 // 2 * 2  # narrower than the window
    assert columns(in_shadow(narrow)) == (100 - narrow // 2, 100 + narrow // 2)


def in_wide_window(darkness: np.ndarray) -> Segmentation:
    page = Page(make_thumbnail(on_paper(darkness)), light_on_dark=False)
    found = _segment_in_wide_window(page, 60, is_sharp_enough=False)
    assert found is not None
    return found


@pytest.mark.parametrize(("stroke", "is_tried"), [(8, True), (11, False)])
def test_window_suited_to_the_strokes_is_tried_if_much_narrower_than_the_wide_one(stroke: int, is_tried: bool) -> None:
    bars = [(row, row + stroke, 30, 180) for row in (10, 190 - stroke)]
    letter = draw((10, 190, 30, 30 + stroke), (100 - stroke // 2, 100 + stroke // 2, 30, 120), *bars)
    shadow = draw((74, 126, 110, 162), darkness=0.3)
    assert in_wide_window(np.maximum(letter, shadow)).is_alone == is_tried  # without the shadow


@pytest.mark.parametrize(("stroke", "is_tried"), [(52, True), (48, False)])
def test_window_suited_to_the_strokes_is_tried_if_the_wide_one_is_little_wider(stroke: int, is_tried: bool) -> None:
    half = stroke // 2
    # In the middle, the stroke is broader than the wide window, which shows only one of its ends.
    page = draw((10, 190, 100 - half, 100 + half), (69, 131, 69, 131))
    assert (in_wide_window(page).ink.side_pixels == 180) == is_tried


# Polarity.


def dark_and_light(dark: Rectangle, light: Rectangle, *, paper: int, contrast: int) -> np.ndarray:
    """Dark ink of a contrast, in grey levels, and light ink of level 250, on even paper."""
    pixels = np.full((200, 200), paper, np.uint8)
    for (top, bottom, left, right), level in ((dark, paper - contrast), (light, 250)):
        pixels[top:bottom, left:right] = level
    return pixels


def unsure(contrast: int) -> np.ndarray:
    """A dark bar, a speck, and a light bar with a higher score. The polarity is less certain at lower contrasts."""
    pixels = dark_and_light((70, 130, 60, 70), (60, 140, 130, 140), paper=180, contrast=contrast)
    pixels[20:26, 20:26] = 180 - contrast
    return pixels


@pytest.mark.parametrize(("contrast", "certainty", "is_light"), [(82, 0.2, True), (92, 0.36, False)])
def test_polarity_of_a_certainty_of_0_3_is_trusted_if_its_strokes_are_clear(
    contrast: int, certainty: float, is_light: bool
) -> None:
    picture = Image.fromarray(unsure(contrast))
    assert make_thumbnail(picture).polarity == (False, pytest.approx(certainty, abs=0.03))
    assert find(picture).light_on_dark == is_light


@pytest.mark.parametrize(("contrast", "certainty", "is_light"), [(60, 0.87, True), (80, 0.93, False)])
def test_other_polarity_is_not_tried_if_the_first_has_a_certainty_of_0_9(
    contrast: int, certainty: float, is_light: bool
) -> None:
    blot, bar = (80, 110, 40, 70), (70, 130, 140, 150)  # a blot is not clear, so the search goes on
    picture = Image.fromarray(dark_and_light(blot, bar, paper=230, contrast=contrast))
    assert make_thumbnail(picture).polarity == (False, pytest.approx(certainty, abs=0.02))
    assert find(picture).light_on_dark == is_light


@pytest.mark.parametrize(("n_lines", "is_light"), [(3, True), (4, False)])
def test_more_than_three_dark_lines_show_that_the_ink_is_dark(n_lines: int, is_light: bool) -> None:
    pixels = unsure(80)
    for row in range(30, 30 + 45 * n_lines, 45):
        pixels[row : row + 2] = np.minimum(pixels[row : row + 2], 165)
    assert find(Image.fromarray(pixels)).light_on_dark == is_light


# A closer look at a small digit.


@pytest.mark.parametrize(("strokes", "is_believed"), [(150, True), (136, False)])
def test_digit_segmented_again_keeps_six_tenths_of_its_length(strokes: int, is_believed: bool) -> None:
    thin = [(600, 600 + strokes, left, left + 8) for left in (640, 700, 760)]
    # At the higher resolution, the window suited to the thin strokes takes the block below them for background.
    block = (600 + strokes, 840, 704 - (240 - strokes) // 2, 704 + (240 - strokes) // 2)
    found = find_ink(on_paper(draw((600, 608, 640, 768), *thin, block, shape=(1440, 1440))), full_side_pixels=1440)
    assert found is not None
    assert 1440 * found.sides[3] == pytest.approx(600 + strokes if is_believed else 840)
