"""How a picture is read, and what is said of its digit: small pictures of bars, one test for each decision."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime import PictureError
from edge_mnist_runtime.reading.photo import box_within
from edge_mnist_runtime.reading.reader import read_picture

Box = tuple[int, int, int, int]


def bars(size: tuple[int, int], *boxes: Box, paper: int = 220) -> Image.Image:
    """Dark bars, each from left and top to right and bottom."""
    picture = Image.new("L", size, paper)
    for box in boxes:
        picture.paste(20, box)
    return picture


def shaded(picture: Image.Image) -> Image.Image:
    """The same picture with a dark left edge, so that its background is not even."""
    picture.paste(150, (0, 0, 4, picture.height))
    return picture


def test_clean_drawing_is_told_from_a_photograph() -> None:
    assert read_picture(bars((60, 60), (28, 15, 33, 45))).mode == "mnist"
    assert read_picture(shaded(bars((60, 60), (28, 15, 33, 45)))).mode == "photo"
    assert read_picture(shaded(bars((80, 39), (38, 8, 43, 31)))).mode == "mnist"  # too low for a photograph


@pytest.mark.parametrize(
    ("boxes", "flaw"),
    [
        ([(28, 15, 33, 45)], None),
        ([(15, 15, 20, 45), (40, 15, 45, 45)], "several digits"),
        ([(28, 0, 33, 30)], "cut off"),
    ],
)
def test_drawing_is_rejected_as_a_photograph_is(boxes: list[Box], flaw: str | None) -> None:
    assert read_picture(bars((60, 60), *boxes), mode="mnist").flaw == flaw


@pytest.mark.parametrize(("height", "flaw"), [(8, "too small"), (10, None)])
def test_drawing_of_very_little_ink_is_too_small_below_nine_pixels(height: int, flaw: str | None) -> None:
    assert read_picture(bars((200, 200), (100, 100, 103, 100 + height)), mode="mnist").flaw == flaw


@pytest.mark.parametrize(("length", "flaw"), [(8, "too small"), (12, None)])
@pytest.mark.parametrize("turned", [False, True])
def test_digit_of_a_photograph_is_measured_in_its_own_pixels(length: int, flaw: str | None, turned: bool) -> None:
    picture = bars((160, 100), (80, 40, 83, 40 + length) if turned else (80, 40, 80 + length, 43))
    reading = read_picture(picture, mode="photo")
    assert reading.flaw == flaw
    assert reading.quality is not None
    assert reading.quality.side_pixels == pytest.approx(length)


@pytest.mark.parametrize("mode", ["auto", "mnist", "photo", "raw"])
def test_damaged_or_empty_picture_is_refused(mode: str) -> None:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)).save(file, "PNG")
    for picture in (Image.open(io.BytesIO(file.getvalue()[:400])), Image.new("L", (0, 28))):
        with pytest.raises(PictureError):
            read_picture(picture, mode=mode)  # type: ignore[arg-type]


def test_picture_one_pixel_wide_is_no_empty_one() -> None:
    assert read_picture(Image.new("L", (1, 5), 200)).flaw == "blank"


def test_tensor_is_turned_as_its_file_says_unless_it_is_raw() -> None:
    tensor = np.zeros((28, 28), np.uint8)
    tensor[4:24, 14] = tensor[4:7, 8:14] = 255
    upside_down = Image.Exif()
    upside_down[0x0112] = 3
    file = io.BytesIO()
    Image.fromarray(tensor).save(file, "PNG", exif=upside_down)
    assert np.array_equal(read_picture(Image.open(file)).pixels, tensor[::-1, ::-1])
    assert np.array_equal(read_picture(Image.open(file), mode="raw").pixels, tensor)


def test_box_ends_at_the_edges_of_the_picture() -> None:
    assert box_within(Image.new("L", (100, 80)), (-3.2, 0.4, 120.0, 79.6)) == (0, 0, 100, 80)
