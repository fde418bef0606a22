"""Inks that a grey level alone does not show: colours as bright as their ground, and strokes of one pixel."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.classifier import to_pixels
from edge_mnist_runtime.reading.filters import despeckle
from edge_mnist_runtime.reading.modes import ReadingMode

SHAPES = {
    4: [[(60, 15), (25, 65), (80, 65)], [(65, 45), (65, 90)]],
    7: [[(25, 20), (75, 20), (45, 85)]],
}

Colour = tuple[int, int, int]


def draw(digit: int, side: int, pen: int, ground: Colour = (255, 255, 255), ink: Colour = (0, 0, 0)) -> Image.Image:
    picture = Image.new("RGB", (side, side), ground)
    for stroke in SHAPES[digit]:
        points = [(x * side / 100, y * side / 100) for x, y in stroke]
        ImageDraw.Draw(picture).line(points, ink, pen, "curve" if pen > 1 else None)
    return picture


@pytest.mark.parametrize("side", [28, 36, 64, 300])
@pytest.mark.parametrize("digit", SHAPES)
@pytest.mark.parametrize(
    ("ground", "ink"),
    [
        ((0, 128, 0), (255, 0, 0)),
        ((220, 40, 40), (40, 160, 40)),
        ((40, 160, 40), (220, 40, 40)),
        ((140, 190, 240), (250, 160, 180)),
        ((150, 90, 50), (60, 90, 220)),
    ],
)
def test_ink_as_bright_as_its_ground_is_read_by_its_colour(ground: Colour, ink: Colour, digit: int, side: int) -> None:
    assert DigitClassifier().predict(draw(digit, side, max(2, side // 16), ground, ink)).digit == digit


@pytest.mark.parametrize("mode", ["auto", "mnist"])
@pytest.mark.parametrize("side", [40, 64, 100, 200, 500, 1000])
@pytest.mark.parametrize("digit", SHAPES)
def test_strokes_of_one_pixel_are_read_up_to_1000_pixels(digit: int, side: int, mode: ReadingMode) -> None:
    assert DigitClassifier(mode=mode).predict(draw(digit, side, 1)).digit == digit


@pytest.mark.parametrize("mode", ["auto", "mnist"])
def test_single_noisy_pixels_are_no_ink(mode: ReadingMode) -> None:
    pixels = np.array(draw(7, 100, 6).convert("L"))
    clean = to_pixels(Image.fromarray(pixels), mode)
    pixels[[3, 50, 97], [3, 90, 60]] = 0
    assert np.array_equal(to_pixels(Image.fromarray(pixels), mode), clean)


def test_despeckling_keeps_every_pixel_within_its_neighbours_range() -> None:
    values = np.random.default_rng(0).integers(0, 256, (9, 7), dtype=np.uint8)
    for row in range(9):
        for column in range(7):
            around = values[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].astype(int).ravel().tolist()
            around.remove(int(values[row, column]))
            expected = np.clip(values[row, column], min(around), max(around))
            assert despeckle(values)[row, column] == expected
    for lonely in (values[:1], values[:, :1], values[:1, :1]):
        assert despeckle(lonely).shape == lonely.shape
