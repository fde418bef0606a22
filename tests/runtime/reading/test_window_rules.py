"""Background, segmentation scales and polarity: one test per rule, with pictures on either side of its limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from tests.runtime.reading.drawn_ink import Rectangle, draw, pick

from edge_mnist_runtime.images.colours import upright_colours
from edge_mnist_runtime.reading.background import measure_darkness, noise_of
from edge_mnist_runtime.reading.ink import Ink
from edge_mnist_runtime.reading.page import Page, Segmentation, _reaches_edges
from edge_mnist_runtime.reading.photo import (
    _is_small_and_thin,
    _of_likelier_polarity,
    _outdoes,
    cut_out,
    find_ink,
    reduce_to_working_size,
    segment_picture,
    suited_window,
    window_for,
)
from edge_mnist_runtime.reading.thumbnail import make_thumbnail

BAR: Rectangle = (70, 130, 90, 100)
"""A digit of 60 x 10 pixels."""


def paper(page: np.ndarray, light: float = 200) -> Image.Image:
    """A picture of the given darkness on an even background."""
    return Image.fromarray(np.rint(light * (1 - page)).astype(np.uint8))


def look(*rectangles: Rectangle, outline: float = 1.0, lines: int = 0, **changes: float) -> Segmentation:
    page = draw(*(rectangles or (BAR,)))
    return Segmentation(replace(pick(page), **changes), page, lines, False, outline)


# The background.


@pytest.mark.parametrize(("light", "darkness"), [(100, 0.5), (24, 0.5), (12, 0.25)])
def test_background_brightness_is_clamped_to_24(light: int, darkness: float) -> None:
    background = np.full((40, 40), light, np.uint8)
    plane = background.copy()
    plane[10:20, 10:20] = light // 2
    assert measure_darkness(plane, background)[0].max() == pytest.approx(darkness, abs=0.01)


@pytest.mark.parametrize(("covered", "darkness"), [(0.78, 0.5), (0.82, 0.0)])
def test_background_needs_a_fifth_of_a_picture_full_of_ink(covered: float, darkness: float) -> None:
    plane = np.full((200, 200), 100, np.uint8)
    plane[: round(200 * covered)] = 50
    assert measure_darkness(plane, np.full((200, 200), 100, np.uint8))[0].max() == pytest.approx(darkness, abs=0.01)


def test_background_darkness_is_the_median_of_a_usual_picture() -> None:
    plane = np.full((200, 200), 90, np.uint8)  # noise has made the background 100
    plane[:80] = 50
    plane[80:100] = 100
    assert measure_darkness(plane, np.full((200, 200), 100, np.uint8))[0].max() == pytest.approx(0.4, abs=0.01)


def test_noise_raises_the_background_darkness() -> None:
    background = np.full((200, 200), 100, np.uint8)
    plane = background.copy()
    plane[:110] = 50
    plane[:, 1::2] -= 4
    darkness, noise = measure_darkness(plane, background)
    assert noise == pytest.approx(0.04 / (0.6745 * 2**0.5), rel=0.01)
    assert darkness.max() == pytest.approx(0.54 - 1.2 * noise, abs=0.002)


def test_noise_estimate_ignores_ink() -> None:
    page = np.random.default_rng(0).normal(0.5, 0.02, (100, 100)).astype(np.float32)
    page[40:60, 40:50] += 1
    assert noise_of(page) == pytest.approx(0.02, rel=0.1)
    assert noise_of(page[:1]) == 0


# Colour and polarity.


@pytest.mark.parametrize(("ink", "paper_colour"), [((200, 60, 60), (230, 230, 230)), ((60, 60, 200), (230, 230, 120))])
def test_colours_are_mixed_so_that_the_ink_is_darkest(ink: tuple[int, ...], paper_colour: tuple[int, ...]) -> None:
    picture = Image.new("RGB", (100, 100), paper_colour)
    picture.paste(ink, (45, 20, 55, 80))
    plane = make_thumbnail(picture).mix_colours(light_on_dark=False).astype(int)
    grey = np.asarray(picture.convert("L")).astype(int)
    contrast, of_grey = (1 - one[50, 50] / one[5, 5] for one in (plane, grey))
    assert contrast > of_grey + 0.05


def test_polarity_is_that_of_the_smoother_background() -> None:
    dark = paper(draw(BAR))
    light = Image.fromarray(255 - np.asarray(dark))
    for picture, expected in ((dark, False), (light, True)):
        light_on_dark, certainty = make_thumbnail(picture).polarity
        assert light_on_dark == expected
        assert certainty > 0.9


# Segmentation at one scale.


@pytest.mark.parametrize(("darkness", "found"), [(0.055, True), (0.045, False)])
def test_ink_has_a_darkness_of_at_least_a_twentieth(darkness: float, found: bool) -> None:
    page = Page(make_thumbnail(paper(draw(BAR, darkness=darkness))), light_on_dark=False)
    assert (page.find(60) is not None) == found


@pytest.mark.parametrize(("darkness", "found"), [(0.25, True), (0.2, False)])
def test_ink_is_darker_than_the_noise(darkness: float, found: bool) -> None:
    pixels = np.asarray(paper(draw(BAR, darkness=darkness))).copy()
    pixels[:, ::2] -= 8
    page = Page(make_thumbnail(Image.fromarray(pixels)), light_on_dark=False)
    assert (page.find(60) is not None) == found


@pytest.mark.parametrize(("lines", "found"), [(1, True), (0, False)])
def test_lines_alone_are_not_ink(lines: int, found: bool) -> None:
    page = draw((50, 51, 0, 200), (150, 151, 0, 200), darkness=0.3)
    if lines:
        page = np.maximum(page, draw(BAR))
    assert (Page(make_thumbnail(paper(page)), light_on_dark=False).find(60) is not None) == found


def find_in_window(darkness: np.ndarray) -> Segmentation:
    found = Page(make_thumbnail(paper(darkness)), light_on_dark=False).find(60)
    assert found is not None
    return found


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("width", "darkness", "lines"), [(4, 0.5, 0), (4, 0.45, 1), (3, 0.8, 0), (3, 0.6, 1)])
def test_straight_stroke_from_edge_to_edge_is_as_dark_and_as_broad_as_the_others(
    width: int, darkness: float, lines: int, turned: bool
) -> None:
    stem = draw((0, 200, 120, 120 + width), darkness=darkness)
    page = np.maximum(stem, draw((110, 116, 60, 150), (50, 116, 60, 66)))
    assert find_in_window(page.T if turned else page).lines == lines


def test_ink_at_an_edge_of_a_page_without_lines_is_found() -> None:
    assert find_in_window(draw((0, 60, 90, 100))).ink.box == (90, 0, 100, 60)


def test_line_as_dark_as_the_digit_is_removed_though_nothing_stands_beside_it() -> None:
    found = find_in_window(draw((40, 160, 90, 100), (40, 50, 90, 130), (100, 102, 0, 200)))
    assert (found.lines, found.is_alone) == (1, True)


def test_lines_fainter_than_ink_are_removed_unless_the_digit_is_alone() -> None:
    lines = draw(*((row, row + 1, 0, 200) for row in (30, 70, 110, 150)), darkness=0.1)
    digit, dash = (40, 160, 90, 100), (60, 100, 130, 136)
    assert find_in_window(np.maximum(lines, draw(digit))).lines == 0
    assert find_in_window(np.maximum(lines, draw(digit, dash))).lines == 4


@pytest.mark.parametrize(("n", "reaches"), [(3, False), (4, True)])
def test_few_dark_pixels_at_the_edges_are_noise(n: int, reaches: bool) -> None:
    for turns in range(4):
        page = np.zeros((50, 50), np.float32)
        page[0, 10 : 10 + n] = 0.9
        assert _reaches_edges(np.rot90(page, turns), 0.0, 0.9) == reaches


@pytest.mark.parametrize(
    ("speck", "alone"), [((10, 12, 10, 16), True), ((10, 11, 10, 22), True), ((10, 11, 10, 23), False)]
)
def test_digit_is_alone_if_all_else_has_a_50th_of_the_ink(speck: Rectangle, alone: bool) -> None:
    assert look(BAR, speck).is_alone == alone


def test_soft_digit_is_not_alone() -> None:
    assert not look(outline=0.97).is_alone


@pytest.mark.parametrize(("outline", "clear", "sharp"), [(0.985, 1, 1), (0.975, 1, 0), (0.955, 1, 0), (0.945, 0, 0)])
def test_outline_of_clear_and_of_sharp_strokes(outline: float, clear: int, sharp: int) -> None:
    assert (look(outline=outline).is_clear, look(outline=outline).is_sharp) == (clear, sharp)


@pytest.mark.parametrize(("change", "clear"), [({"level": 0.31}, True), ({"level": 0.29}, False),
    ({"stroke_pixels": 14.9}, True), ({"stroke_pixels": 15.1}, False)])  # fmt: skip
def test_clear_strokes_are_dark_and_narrow(change: dict[str, float], clear: bool) -> None:
    assert look(**change).is_clear == clear
    assert look(**change).is_sharp == clear


def test_score_is_length_times_darkness_squared_less_for_soft_outlines_blobs_and_hairs() -> None:
    usual = look(level=0.8, stroke_pixels=6.0)
    assert usual.score == pytest.approx(usual.ink.length * 0.64)
    assert look(level=0.4, stroke_pixels=6.0).score == pytest.approx(usual.score / 4)
    assert look(level=0.8, stroke_pixels=6.0, outline=0.5).score == pytest.approx(usual.score / 64)
    hair, blob = look(level=0.8, stroke_pixels=0.6), look(level=0.8, stroke_pixels=30.0)
    assert hair.score == pytest.approx(hair.ink.length * 0.64 / 2)
    assert blob.score == pytest.approx(blob.ink.length * 0.64 / 2)


# Choice of scale and polarity.


@pytest.mark.parametrize(
    ("size", "fitted"), [((360, 200), (360, 200)), ((361, 200), (181, 100)), ((200, 721), (67, 241))]
)
def test_picture_is_segmented_at_360_pixels_at_most(size: tuple[int, int], fitted: tuple[int, int]) -> None:
    assert reduce_to_working_size(Image.new("L", size)).size == fitted


@pytest.mark.parametrize(("size", "plain"), [((1999, 20), (1999, 20)), ((2000, 20), (1000, 10))])
def test_large_picture_is_averaged_down_first(size: tuple[int, int], plain: tuple[int, int]) -> None:
    from edge_mnist_runtime.reading.reader import read_picture

    [(_, picture), *_] = read_picture(Image.new("L", (size[0], 60)), mode="photo").steps
    assert picture.width == plain[0]
    assert upright_colours(Image.new("L", size), side_pixels=1000).size == plain


def test_window_follows_the_stroke_width_or_the_picture_size() -> None:
    assert [suited_window(width) for width in (0.1, 2, 10)] == [5, 11, 39]
    assert [window_for(fraction, Image.new("L", (300, 200))) for fraction in (0.01, 0.15)] == [5, 30]


@pytest.mark.parametrize(("side", "stroke", "wide", "expected"), [(60, 10, 40, True), (60, 13, 40, False),
    (60, 11.5, 40, True), (60, 12.5, 40, False)])  # fmt: skip
def test_thin_strokes_need_no_wider_window(side: int, stroke: float, wide: int, expected: bool) -> None:
    assert _is_small_and_thin(look(stroke_pixels=stroke), Image.new("L", (300, 200)), wide) == expected


@pytest.mark.parametrize(("size", "expected"), [(121, True), (119, False)])
def test_digit_of_half_the_picture_needs_a_wider_window(size: int, expected: bool) -> None:
    assert _is_small_and_thin(look(), Image.new("L", (300, size)), 60) == expected


@pytest.mark.parametrize(("ratio", "outdoes"), [(4.1, True), (3.9, False)])
def test_sharp_strokes_with_four_times_the_score_settle_the_polarity(ratio: float, outdoes: bool) -> None:
    rival = look(level=0.4)
    assert _outdoes(look(level=0.4 * ratio**0.5), rival) == outdoes
    assert _outdoes(rival, None)


@pytest.mark.parametrize(
    ("ratio", "lines", "is_other"), [(1.6, 0, True), (1.4, 0, False), (0.7, 1, True), (0.6, 1, False)]
)
def test_less_likely_polarity_must_score_better_unless_it_shows_lines(ratio: float, lines: int, is_other: bool) -> None:
    found, other = look(level=0.4), look(level=0.4 * ratio**0.5, lines=lines)
    assert _of_likelier_polarity(found, other) is (other if is_other else found)
    assert _of_likelier_polarity(found, None) is found
    assert _of_likelier_polarity(None, other) is other


def test_sharp_digit_beside_a_faint_one_does_not_hide_it_in_a_row() -> None:
    page = draw((70, 130, 40, 50), darkness=0.9)
    page[70:130, 100:130] = 0.35  # so wide that only a narrower window tells strokes apart
    page[76:124, 106:124] = 0
    seen = segment_picture(paper(page), is_row=True)
    assert seen is not None
    assert len(seen.ink.parts) == 2


def found_box(picture: Image.Image) -> tuple[float, ...]:
    found = find_ink(picture, full_side_pixels=max(picture.size))
    assert found is not None
    return tuple(np.multiply(found.sides, picture.size * 2))


@pytest.mark.parametrize(("side", "is_nearer"), [(284, True), (288, False)])
def test_small_digit_is_segmented_again_at_higher_resolution(side: int, is_nearer: bool) -> None:
    page = draw((500, 500 + side, 600, 600 + side // 5), shape=(1440, 1440))
    picture = paper(page).reduce(1)
    found = find_ink(picture, full_side_pixels=1440)
    assert found is not None
    ink_pixels = max(found.ink.shape) - 4
    assert (ink_pixels > side / 4 + 4) == is_nearer
    assert found_box(picture) == pytest.approx((600, 500, 600 + side // 5, 500 + side), abs=4)


def test_closer_segmentation_has_a_margin_of_0_8_of_the_digit() -> None:
    page = draw((500, 620, 600, 640), shape=(1440, 1440))
    found = find_ink(paper(page), full_side_pixels=1440)
    assert found is not None
    assert found.darkness.shape == pytest.approx((312, 232), abs=6)  # 0.8 of its length to each side


def cut(ink: Ink) -> np.ndarray:
    return cut_out(ink)[2:-2, 2:-2]


@pytest.mark.parametrize(("darkness", "level"), [(0.2, 0), (0.3, 36), (0.55, 128), (0.8, 219), (0.9, 255), (1.0, 255)])
def test_cut_out_ink_is_stretched_from_a_fifth_to_nine_tenths_of_full_ink(darkness: float, level: int) -> None:
    page = draw(BAR, darkness=1.0)
    page[100, 95] = darkness
    assert cut(pick(page))[30, 5] == pytest.approx(level, abs=1)


@pytest.mark.parametrize(("stroke", "widened"), [(6.0, 0), (4.0, 1), (2.0, 2)])
def test_strokes_are_widened_to_a_tenth_of_the_digits_length(stroke: float, widened: int) -> None:
    page = draw((60, 140, 95, 99))
    page[60:64, 80:99] = 0.8
    ink = replace(pick(draw((70, 130, 95, 97))), stroke_pixels=stroke)
    columns = np.flatnonzero(cut_out(ink)[30])
    assert len(columns) == 2 + 2 * widened


@pytest.mark.parametrize(("fraction", "found"), [(0.25, True), (0.5, False)])
def test_stroke_wider_than_the_wide_window_is_background(fraction: float, found: bool) -> None:
    width = round(fraction * 200)
    page = draw((20, 180, 70, 70 + width), darkness=0.2)
    window = round(0.3 * 200)
    assert (Page(make_thumbnail(paper(page)), light_on_dark=False).find(window) is not None) == found
