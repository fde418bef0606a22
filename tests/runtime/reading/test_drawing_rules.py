"""Clean drawings and enlarged tensors: one test for each rule, with pictures on either side of its limit."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime.reading.drawing import has_even_border, is_clean, subtract_background
from edge_mnist_runtime.reading.enlargement import find_enlarged_tensor
from edge_mnist_runtime.reading.reader import read_picture

Pixels = np.ndarray


def drawing(side: int = 200, *, ink: int = 20) -> Pixels:
    """A tall rectangle of ink on an even background of level 200."""
    pixels = np.full((side, side), 200, np.uint8)
    pixels[side // 4 : 3 * side // 4, side // 2 - 2 : side // 2 + 3] = ink
    return pixels


def clean(pixels: Pixels) -> bool:
    grey = Image.fromarray(pixels)
    drawn = subtract_background(grey)
    return drawn is not None and is_clean(grey, drawn.pixels)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize(("off", "even"), [(6, True), (7, False)])
def test_border_differs_by_six_levels_at_most(off: int, even: bool, turns: int) -> None:
    pixels = drawing()
    pixels[50:58, 0] -= off
    assert has_even_border(Image.fromarray(np.rot90(pixels, turns))) == even


@pytest.mark.parametrize(("n", "even"), [(9, True), (10, False)])
def test_one_pixel_of_500_at_the_border_may_be_damaged(n: int, even: bool) -> None:
    pixels = drawing(1250)
    pixels[100 : 100 + n, 0] = 0
    assert has_even_border(Image.fromarray(pixels)) == even


def test_border_is_judged_in_every_colour() -> None:
    pixels = np.repeat(drawing()[..., np.newaxis], 3, axis=2)
    assert has_even_border(Image.fromarray(pixels))
    pixels[50:60, 0, 2] = 100
    assert not has_even_border(Image.fromarray(pixels))


@pytest.mark.parametrize(("ink", "expected"), [(172, True), (173, False)])
def test_ink_of_a_clean_drawing_differs_by_28_levels(ink: int, expected: bool) -> None:
    assert clean(drawing(ink=ink)) == expected


@pytest.mark.parametrize(("radius", "expected"), [(79, True), (81, False)])
def test_strokes_of_a_clean_drawing_cover_half_of_it(radius: int, expected: bool) -> None:
    rows, columns = np.mgrid[:200, :200] - 99.5
    assert clean(np.where(np.hypot(rows, columns) < radius, 20, 200).astype(np.uint8)) == expected


@pytest.mark.parametrize(("side", "expected"), [(62, True), (66, False)])
def test_strokes_of_a_clean_drawing_are_no_sheet(side: int, expected: bool) -> None:
    pixels = np.full((200, 200), 200, np.uint8)
    pixels[60 : 60 + side, 60 : 60 + side] = 20
    assert clean(pixels) == expected


@pytest.mark.parametrize(
    ("side", "distance", "expected"), [(40, 3, True), (40, 4, False), (200, 10, True), (200, 11, False)]
)
def test_grey_of_a_clean_drawing_is_near_its_strokes(side: int, distance: int, expected: bool) -> None:
    pixels = drawing(side)
    right = side // 2 + 3
    pixels[side // 4 : 3 * side // 4, right : right + distance] = 180
    assert clean(pixels) == expected


@pytest.mark.parametrize(("off", "expected"), [(12, True), (13, False)])
def test_background_of_a_clean_drawing_differs_by_twelve_levels(off: int, expected: bool) -> None:
    pixels = drawing()
    pixels[20:40, 20:40] -= off
    assert clean(pixels) == expected


@pytest.mark.parametrize(("width", "expected"), [(9, True), (10, False)])
def test_one_pixel_of_1000_may_be_grey_elsewhere(width: int, expected: bool) -> None:
    pixels = drawing(201)
    pixels[20:24, 20 : 20 + width] = 175  # 36 or 40 pixels of 37,000
    assert clean(pixels) == expected


@pytest.mark.parametrize(("level", "counts"), [(65, True), (64, False)])
def test_stroke_is_a_quarter_as_dark_as_full_ink(level: int, counts: bool) -> None:
    ink = np.zeros((200, 200), np.uint8)
    ink[50:150, 98:103] = 255
    ink[20:40, 20:40] = level  # a part of its own, if it is a stroke
    grey = Image.fromarray(200 - (ink // 2).astype(np.uint8))
    assert is_clean(grey, ink) is False
    ink[20:40, 20:40] = 0
    grey = Image.fromarray(200 - (ink // 2).astype(np.uint8))
    ink[20:40, 20:40] = level
    assert is_clean(grey, ink) != counts


@pytest.mark.parametrize(("n_dark", "full"), [(10, 100), (11, 120)])
def test_full_ink_is_as_dark_as_the_darkest_tenth(n_dark: int, full: int) -> None:
    pixels = np.full((30, 30), 200, np.uint8)
    pixels[10:20, 10:20] = 100
    pixels.reshape(-1)[np.flatnonzero(pixels == 100)[:n_dark]] = 80
    drawn = subtract_background(Image.fromarray(pixels))
    assert drawn is not None
    assert drawn.contrast == full / 200


@pytest.mark.parametrize(("side", "mode"), [(39, "mnist"), (40, "photo")])
def test_small_picture_is_read_as_a_drawing(side: int, mode: str) -> None:
    pixels = drawing(side)
    pixels[:, : side // 4] = 150  # no even border
    assert read_picture(Image.fromarray(pixels)).mode == mode


# Enlarged tensors.


def tensor(height: int = 20, *, level: int = 255) -> Pixels:
    """A cross in the middle of the frame."""
    pixels = np.zeros((28, 28), np.uint8)
    top = 14 - height // 2
    pixels[top : top + height, 13:16] = pixels[13:16, 8:21] = level
    return pixels


def is_enlarged(pixels: Pixels, side: int = 280) -> bool:
    return find_enlarged_tensor(Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)) is not None


@pytest.mark.parametrize(("height", "expected"), [(18, False), (19, True), (20, True), (21, True), (22, True)])
def test_enlarged_digit_is_at_least_19_pixels_tall(height: int, expected: bool) -> None:
    assert is_enlarged(tensor(height)) == is_enlarged(np.ascontiguousarray(tensor(height).T)) == expected


@pytest.mark.parametrize(("off", "expected"), [(0.7, True), (0.8, False)])
@pytest.mark.parametrize("axis", [0, 1])
def test_enlarged_digit_lies_in_the_middle(off: float, expected: bool, axis: int) -> None:
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4:24, 14] = pixels[14, 4:24] = 200
    for level in range(256):  # brighten ink on the right until the centre of mass is at `off`
        pixels[8:20, 23] = level
        mass = pixels.astype(float)
        if mass.sum(0) @ np.arange(28) / mass.sum() - 14 >= off - 0.01:
            break
    assert is_enlarged(np.ascontiguousarray(pixels if axis else pixels.T)) == expected


@pytest.mark.parametrize(("level", "expected"), [(64, True), (63, False)])
def test_enlarged_digit_has_64_levels(level: int, expected: bool) -> None:
    assert is_enlarged(tensor(level=level)) == expected


@pytest.mark.parametrize(("error", "expected"), [(4.5, True), (5.5, False)])
def test_enlarged_tensor_differs_by_five_levels_on_average(error: float, expected: bool) -> None:
    enlarged = np.kron(tensor(level=128), np.ones((10, 10), np.uint8)).astype(int)
    is_ink = enlarged > 0
    checks = np.indices(enlarged.shape).sum(0) % 2 * 2 - 1
    enlarged += np.rint(checks * is_ink * error / is_ink.mean() ** 0.5).astype(int)
    assert (find_enlarged_tensor(Image.fromarray(enlarged.astype(np.uint8))) is not None) == expected


@pytest.mark.parametrize("side", [150, 200])
def test_edges_of_repeated_pixels_may_be_one_pixel_off(side: int) -> None:
    places = np.arange(side) * 28 // side  # repeated pixels, with edges rounded down
    enlarged = tensor()[places][:, places]
    assert not np.array_equal(enlarged, np.asarray(Image.fromarray(tensor()).resize((side, side), 0)))
    assert find_enlarged_tensor(Image.fromarray(enlarged)) is not None


@pytest.mark.parametrize(("side", "expected"), [(84, True), (83, False)])
def test_edge_may_be_off_if_pixels_are_repeated_three_times(side: int, expected: bool) -> None:
    enlarged = np.array(Image.fromarray(tensor()).resize((side, side), Image.Resampling.NEAREST))
    assert find_enlarged_tensor(Image.fromarray(enlarged)) is not None
    end = np.flatnonzero(enlarged[side // 2])[-1] + 1  # of the level bar
    enlarged[:, end] = enlarged[:, end - 1]
    assert (find_enlarged_tensor(Image.fromarray(enlarged)) is not None) == expected


@pytest.mark.parametrize(("uneven", "expected"), [(6, True), (7, False)])
def test_margin_around_an_enlarged_tensor_is_even(uneven: int, expected: bool) -> None:
    enlarged = np.kron(tensor(), np.ones((10, 10), np.uint8))
    figure = np.full((340, 360), 240, np.uint8)
    figure[30:310, 40:320] = enlarged
    figure[:40] += np.uint8(uneven)
    figure[30:310, 40:320] = enlarged
    assert (find_enlarged_tensor(Image.fromarray(figure)) is not None) == expected
