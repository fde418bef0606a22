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


@pytest.mark.parametrize("corner", [(30, 50), (30, 329), (309, 50), (309, 329)])
def test_what_stands_in_a_margin_is_a_rectangle(corner: tuple[int, int]) -> None:
    pixels = figure()
    rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    pixels[np.hypot(rows - corner[0], columns - corner[1]) < 30] = 250
    assert find_enlarged_tensor(Image.fromarray(pixels)) is None


def test_small_picture_has_no_margin_to_take_away() -> None:
    pixels = figure((28, 28), margins=(2, 2, 2, 2))
    assert off(SOFT, Image.fromarray(pixels)) == 0
    assert find_enlarged_tensor(Image.fromarray(pixels[8:])) is None
