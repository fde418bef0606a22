"""A sheet, a screen or a sticker that stands out from what it lies on is no ink: the digit on it is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.box import Box
from edge_mnist_runtime.inputs import read_any
from edge_mnist_runtime.reading.reader import read_picture
from edge_mnist_runtime.reading.sheets import find_inside, find_sheet

FOUR = (((110, 40), (60, 130), (170, 130)), ((140, 100), (135, 200)))


def draw_sheet(paper: int, pen: int, side: int = 240) -> Image.Image:
    """A 4 on a sheet."""
    sheet = Image.new("L", (240, 240), paper)
    for stroke in FOUR:
        ImageDraw.Draw(sheet).line(stroke, fill=pen, width=12, joint="curve")
    return sheet.resize((side, side), Image.Resampling.BICUBIC)


def lay_on(
    ground: int, sheet: Image.Image, *, margin: float = 0.4, degrees: float = 0.0, noise: float = 3
) -> Image.Image:
    """A sheet on a table, with as much of the table around it as `margin`, a fraction of the sheet's side."""
    room = round(margin * sheet.width)
    picture = Image.new("L", (sheet.width + 2 * room,) * 2, ground)
    picture.paste(sheet, (room, room))
    turned = np.asarray(picture.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=ground), np.float32)
    grain = np.random.default_rng(1).normal(0, noise, turned.shape)
    return Image.fromarray((turned + grain).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("noise", [0, 3])
@pytest.mark.parametrize("degrees", [0.0, -4.0, 9.0, -15.0])
@pytest.mark.parametrize(("paper", "pen", "ground"), [(245, 30, 60), (240, 20, 120), (20, 250, 245)])
def test_digit_on_a_sheet_is_read(
    paper: int, pen: int, ground: int, degrees: float, noise: float, classifier: DigitClassifier
) -> None:
    picture = lay_on(ground, draw_sheet(paper, pen), degrees=degrees, noise=noise)
    assert classifier.predict(picture).digit == 4
    assert classifier.predict(picture.convert("RGB")).digit == 4


@pytest.mark.parametrize("side", [240, 2000])
def test_box_and_size_are_in_the_pixels_of_the_whole_picture(side: int) -> None:
    reading = read_picture(lay_on(60, draw_sheet(245, 30, side)))
    expected = np.array((54, 34, 176, 206)) * side / 240 + 0.4 * side
    assert reading.box == pytest.approx(expected, abs=0.04 * side)
    assert reading.quality is not None
    assert reading.quality.side_pixels == pytest.approx(172 * side / 240, rel=0.08)
    assert [name for name, _ in reading.steps][:2] == ["picture", "sheet"]


def test_box_on_a_sheet_is_in_the_pixels_of_a_reduced_or_turned_file(tmp_path: Path) -> None:
    whole = lay_on(60, draw_sheet(245, 30, 2400), noise=0)
    expected = np.array((54, 34, 176, 206)) * 10 + 960
    whole.save(tmp_path / "reduced.jpg")
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by 90 degrees
    whole.rotate(90).save(tmp_path / "turned.jpg", exif=turned)
    for name in ("reduced.jpg", "turned.jpg"):
        reading = read_any(tmp_path / name)
        assert reading.box == pytest.approx(expected, abs=90)
        assert reading.quality is not None
        assert reading.quality.side_pixels == pytest.approx(1720, rel=0.08)


def test_sheet_without_a_digit_is_none(classifier: DigitClassifier) -> None:
    picture = lay_on(60, Image.new("L", (240, 240), 245))
    assert classifier.predict(picture).digit is None
    assert "sheet" not in dict(read_picture(picture).steps)


@pytest.mark.parametrize(
    ("box", "hole", "is_sheet"),
    [
        (Box(0, 0, 100, 100), 0, True),
        (Box(0, 0, 100, 34), 0, False),  # as long as a stem
        (Box(0, 0, 100, 37), 0, True),
        (Box(0, 0, 100, 100), 62, True),
        (Box(0, 0, 100, 100), 64, False),  # a ring
    ],
)
def test_sheet_fills_its_box(box: Box, hole: int, is_sheet: bool) -> None:
    mask = np.zeros((120, 120), np.bool_)
    mask[box.slices] = True
    mask[50 - hole // 2 : 50 + hole // 2, 50 - hole // 2 : 50 + hole // 2] &= not hole
    assert (find_sheet(mask, 0.5) is not None) == is_sheet


@pytest.mark.parametrize(("fraction", "is_sheet"), [(0.1, True), (0.09, False)])
def test_sheet_covers_a_tenth_of_the_picture(fraction: float, is_sheet: bool) -> None:
    assert (find_sheet(np.ones((50, 50), np.bool_), fraction) is not None) == is_sheet


def test_filled_circle_is_no_sheet() -> None:
    rows, columns = np.mgrid[:101, :101] - 50
    assert find_sheet(np.hypot(rows, columns) <= 50, 0.5) is None


@pytest.mark.parametrize("sides", [(200, 200), (200, 120)])
@pytest.mark.parametrize("degrees", [-13, -8, 5, 12])
def test_inside_leaves_the_corners_out_that_a_turned_sheet_leaves_free(degrees: float, sides: tuple[int, int]) -> None:
    turned = np.asarray(Image.new("L", sides, 255).rotate(degrees, expand=True))
    inside = find_sheet(turned > 127, 0.5)
    assert inside is not None
    corners = turned[[inside.top, inside.top, inside.bottom - 1, inside.bottom - 1]][
        [0, 1, 2, 3], [inside.left, inside.right - 1, inside.left, inside.right - 1]
    ]
    assert corners.min() > 127
    assert inside.width > 0.5 * turned.shape[1]


@pytest.mark.parametrize(("width", "height"), [(101, 101), (141, 101), (101, 61)])
def test_filled_ellipse_is_no_turned_sheet(width: int, height: int) -> None:
    rows, columns = np.mgrid[:height, :width]
    ellipse = np.hypot(2 * columns / (width - 1) - 1, 2 * rows / (height - 1) - 1) <= 1
    assert find_sheet(ellipse, 0.5) is None
    assert find_sheet(np.asarray(Image.fromarray(ellipse).rotate(20, expand=True)), 0.5) is None


def test_place_inside_is_a_part_of_the_picture() -> None:
    turned = np.asarray(Image.new("L", (200, 200), 255).rotate(5, expand=True))
    inside = find_sheet(turned > 127, 0.5)
    assert inside is not None
    assert turned[inside.slices].min() == 255
    assert inside.width > 0.6 * turned.shape[1]
    left, top, right, bottom = find_inside(np.pad(turned, 7), (0.2, 0.4, 0.6, 0.8)) or (0, 0, 0, 0)
    part = np.array(inside) / turned.shape[0]
    assert (left, top, right, bottom) == pytest.approx(0.4 * part + (0.2, 0.4, 0.2, 0.4), abs=0.005)
