"""Tensors that were enlarged come back as they were, from any kernel and size, and out of a figure's margin."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tests.runtime.reading.drawn_pictures import ring

from edge_mnist_runtime.preprocess import normalise_ink
from edge_mnist_runtime.reading.enlargement import find_enlarged_tensor

SOFT = normalise_ink(np.rint(255 * ring((220, 220), (110, 110), (80, 60), 22)).astype(np.uint8))
HARD = np.where(SOFT > 127, 255, 0).astype(np.uint8)  # what bicubic enlarging goes beyond, so that it is clipped

KERNELS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


def off(tensor: np.ndarray, picture: Image.Image) -> float:
    """Mean difference of what comes back, in grey levels."""
    found = find_enlarged_tensor(picture)
    assert found is not None
    return float(np.abs(found[0].astype(int) - tensor).mean())


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize(
    ("kernel", "side", "soft", "hard"),
    [
        ("nearest", 28, 0, 0),
        ("nearest", 29, 0, 0),
        ("nearest", 83, 0, 0),
        ("nearest", 283, 0, 0),
        ("bilinear", 29, 0.2, 0.1),
        ("bilinear", 84, 0, 0),
        ("bilinear", 280, 0.02, 0),
        ("bicubic", 29, 2.8, 5.3),
        ("bicubic", 42, 0.3, 1.8),
        ("bicubic", 56, 0.16, 0.5),
        ("bicubic", 84, 0, 0),
        ("bicubic", 100, 0.03, 0.1),
        ("bicubic", 283, 0.01, 0.03),
    ],
)
def test_enlarged_tensor_comes_back(kernel: str, side: int, soft: float, hard: float, inverted: bool) -> None:
    for tensor, allowed in ((SOFT, soft), (HARD, hard)):
        enlarged = Image.fromarray(tensor).resize((side, side), KERNELS[kernel])
        if inverted:
            enlarged = Image.eval(enlarged, lambda level: 255 - level)
        found = find_enlarged_tensor(enlarged)
        assert found is not None
        assert found[1] != inverted
        assert off(tensor, enlarged) <= (max(allowed, 4.1) if inverted and allowed else allowed)


@pytest.mark.parametrize("size", [(280, 300), (300, 280), (27, 27), (280, 28)])
def test_what_is_not_square_or_smaller_is_no_enlarged_tensor(size: tuple[int, int]) -> None:
    assert find_enlarged_tensor(Image.fromarray(SOFT).resize(size, Image.Resampling.NEAREST)) is None


@pytest.mark.parametrize("corner", [(0, 0), (0, -1), (-1, 0), (-1, -1)])
@pytest.mark.parametrize("inverted", [False, True])
def test_ink_in_one_corner_does_not_hide_the_polarity(corner: tuple[int, int], inverted: bool) -> None:
    tensor = SOFT.copy()
    tensor[corner] = 255
    enlarged = np.kron(tensor, np.ones((10, 10), np.uint8))
    found = find_enlarged_tensor(Image.fromarray(255 - enlarged if inverted else enlarged))
    assert found is not None
    assert found[1] != inverted
    assert np.array_equal(found[0], tensor)


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("kernel", KERNELS)
def test_disturbed_digit_comes_back(kernel: str, inverted: bool) -> None:
    rows, columns = np.mgrid[0:28, 0:28]
    crossed = np.where(abs(rows - columns) < 2, 255, SOFT).astype(np.uint8)  # ink from corner to corner
    noisy = np.where(np.random.default_rng(0).random((28, 28)) < 0.1, 255, SOFT).astype(np.uint8)
    for tensor in (crossed, noisy):
        enlarged = Image.fromarray(255 - tensor if inverted else tensor).resize((280, 280), KERNELS[kernel])
        found = find_enlarged_tensor(enlarged)
        assert found is not None
        assert found[1] != inverted
        assert np.abs(found[0].astype(int) - tensor).mean() < 1


@pytest.mark.parametrize("inverted", [False, True])
def test_tilted_background_of_an_enlarged_tensor_is_taken_away(inverted: bool) -> None:
    tilted = np.maximum(SOFT, np.linspace(20, 190, 28)).astype(np.uint8)
    enlarged = Image.fromarray(255 - tilted if inverted else tilted).resize((280, 280), KERNELS["bicubic"])
    found = find_enlarged_tensor(enlarged)
    assert found is not None
    assert found[1] != inverted
    assert found[0][:, 0].max() < 24


@pytest.mark.parametrize("rows", [(0, 5), (9, 14)])
def test_more_detail_in_a_few_rows_is_no_enlarged_tensor(rows: tuple[int, int]) -> None:
    enlarged = np.kron(np.roll(SOFT, 4, 0), np.ones((10, 10), np.uint8))
    enlarged[10 * rows[0] : 10 * rows[1], ::3] = 255
    assert find_enlarged_tensor(Image.fromarray(enlarged)) is None


@pytest.mark.parametrize("row", range(17, 280, 35))  # in the middle of eight strips: the rows that are looked at first
@pytest.mark.parametrize(("error", "is_found"), [(14.8, True), (15.3, False)])
def test_row_differs_by_fifteen_levels_on_average(row: int, error: float, is_found: bool) -> None:
    enlarged = np.kron(SOFT, np.ones((10, 10), np.uint8)).astype(float)
    tenth = enlarged[row, 2::10]  # beside the centre of each of the tensor's pixels
    tenth += np.where(tenth > 127, -1, 1) * error * 10**0.5
    assert (find_enlarged_tensor(Image.fromarray(np.rint(enlarged).astype(np.uint8))) is not None) == is_found


@pytest.mark.parametrize(("shift", "is_found"), [(1, True), (2, False)])
def test_edges_in_a_row_are_one_pixel_off(shift: int, is_found: bool) -> None:
    enlarged = np.kron(HARD, np.ones((10, 10), np.uint8))
    enlarged[87] = np.roll(enlarged[87], shift)
    assert (find_enlarged_tensor(Image.fromarray(enlarged)) is not None) == is_found


@pytest.mark.parametrize("inverted", [False, True])
def test_blot_wider_than_any_stroke_is_lighter_or_darker_than_the_corners(inverted: bool) -> None:
    blot = np.zeros((28, 28), np.uint8)
    blot[4:24, 9:18] = blot[9:18, 4:24] = 255
    enlarged = np.kron(255 - blot if inverted else blot, np.ones((10, 10), np.uint8))
    found = find_enlarged_tensor(Image.fromarray(enlarged))
    assert found is not None
    assert found[1] != inverted
    assert np.array_equal(found[0], blot)


def test_blank_picture_is_no_enlarged_tensor() -> None:
    assert find_enlarged_tensor(Image.new("L", (280, 280), 200)) is None


def figure(
    inner: tuple[int, int] = (280, 280), *, margins: tuple[int, int, int, int] = (30, 40, 50, 35), ground: int = 250
) -> np.ndarray:
    """A tensor, enlarged to a width and height, in margins above, below, left and right."""
    above, below, left, right = margins
    pixels = np.full((above + inner[1] + below, left + inner[0] + right), ground, np.uint8)
    enlarged = Image.fromarray(SOFT).resize(inner, Image.Resampling.NEAREST)
    pixels[above : above + inner[1], left : left + inner[0]] = np.asarray(enlarged)
    return pixels


@pytest.mark.parametrize("margins", [(30, 40, 50, 35), (13, 13, 13, 13), (100, 15, 15, 15), (15, 15, 15, 100)])
def test_margin_of_a_figure_is_taken_away(margins: tuple[int, int, int, int]) -> None:
    assert off(SOFT, Image.fromarray(figure(margins=margins))) == 0


@pytest.mark.parametrize(
    ("inner", "is_found"), [((280, 281), True), ((281, 280), True), ((280, 282), False), ((282, 280), False)]
)
def test_sides_of_a_figure_may_differ_by_a_pixel(inner: tuple[int, int], is_found: bool) -> None:
    found = find_enlarged_tensor(Image.fromarray(figure(inner)))
    assert (found is not None) == is_found
    assert found is None or np.abs(found[0].astype(int) - SOFT).mean() < 1


@pytest.mark.parametrize("edge", ["above", "below", "left", "right"])
@pytest.mark.parametrize(("level", "is_found"), [(245, True), (230, False)])
def test_margin_has_one_brightness_on_all_sides(edge: str, level: int, is_found: bool) -> None:
    pixels = figure()
    places = {"above": np.s_[:1], "below": np.s_[-1:], "left": np.s_[:, :1], "right": np.s_[:, -1:]}
    strips = {"above": np.s_[:20], "below": np.s_[-20:], "left": np.s_[:, :20], "right": np.s_[:, -20:]}
    pixels[strips[edge]] = pixels[places[edge]] = level
    assert (find_enlarged_tensor(Image.fromarray(pixels)) is not None) == is_found


@pytest.mark.parametrize("corner", [(0, 0), (0, -1), (-1, 0), (-1, -1)])
def test_inside_of_a_margin_has_four_corners(corner: tuple[int, int]) -> None:
    page = np.full((56, 56), 250, np.uint8)  # in pixels of the tensor, two of which are sampled at a time
    page[14:42, 14:42] = SOFT
    inside = page[14:42, 14:42]
    assert off(SOFT, Image.fromarray(np.kron(page, np.ones((10, 10), np.uint8)))) == 0
    row, column = (slice(2) if at == 0 else slice(-2, None) for at in corner)
    inside[row, column] = 250
    assert find_enlarged_tensor(Image.fromarray(np.kron(page, np.ones((10, 10), np.uint8)))) is None


def test_digit_in_a_figure_may_touch_the_edge_of_the_tensor() -> None:
    touching = SOFT.copy()
    touching[10:13, :] = touching[:, 20:23] = 255
    page = np.pad(np.kron(touching, np.ones((10, 10), np.uint8)), 40, constant_values=250)
    assert off(touching, Image.fromarray(page)) == 0


@pytest.mark.parametrize(("ground", "is_found"), [(128, True), (127, False)])
def test_margin_is_128_levels_lighter_than_the_background(ground: int, is_found: bool) -> None:
    assert (find_enlarged_tensor(Image.fromarray(figure(ground=ground))) is not None) == is_found


def test_small_picture_has_no_margin_to_take_away() -> None:
    pixels = figure((28, 28), margins=(2, 2, 2, 2))
    assert off(SOFT, Image.fromarray(pixels)) == 0
    assert find_enlarged_tensor(Image.fromarray(pixels[8:])) is None
