"""Enlarged or inverted MNIST tensors are read as the tensor; other soft drawings are read as drawings."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.classifier import to_pixels
from edge_mnist_runtime.reading.enlargement import find_enlarged_tensor
from edge_mnist_runtime.reading.filters import max_within
from edge_mnist_runtime.reading.reader import read_picture

Draw = Callable[..., Image.Image]
KERNELS = ("nearest", "bilinear", "bicubic")
SIDES = (56, 112, 280, 403, 800)


@pytest.fixture(scope="module")
def tensor(draw_three: Draw) -> np.ndarray:
    """A soft three like MNIST's: 20 pixels tall, uint8, shape (28, 28)."""
    return to_pixels(draw_three().filter(ImageFilter.GaussianBlur(3)), mode="mnist")


def enlarge(tensor: np.ndarray, side: int, kernel: str, *, inverted: bool = False) -> Image.Image:
    picture = Image.fromarray(255 - tensor if inverted else tensor)
    return picture.resize((side, side), Image.Resampling[kernel.upper()])


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_enlarged_tensor_is_read_as_the_tensor(tensor: np.ndarray, kernel: str, side: int, inverted: bool) -> None:
    reading = read_picture(enlarge(tensor, side, kernel, inverted=inverted))
    assert (reading.mode, reading.light_on_dark, reading.flaw) == ("raw", not inverted, None)
    assert np.abs(reading.pixels.astype(int) - tensor).max() < 16


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("margins", [(20, 20, 20, 20), (60, 60, 60, 60), (30, 80, 110, 10)])
def test_margin_of_the_opposite_brightness_is_cropped(
    tensor: np.ndarray, margins: tuple[int, ...], inverted: bool
) -> None:
    enlarged = enlarge(tensor, 280, "bicubic", inverted=inverted)
    reading = read_picture(ImageOps.expand(enlarged, margins, 0 if inverted else 255))
    assert (reading.mode, reading.light_on_dark, reading.flaw) == ("raw", not inverted, None)
    assert np.abs(reading.pixels.astype(int) - tensor).max() < 16


@pytest.mark.parametrize("colours", ["gray", "gray_r"])
def test_figure_saved_by_matplotlib_is_read_as_the_tensor(tensor: np.ndarray, colours: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 3), dpi=100)
    axes = figure.add_subplot()
    axes.imshow(tensor, cmap=colours)
    axes.axis("off")
    file = io.BytesIO()
    figure.savefig(file)
    reading = read_picture(Image.open(file))
    assert reading.flaw is None
    assert np.abs(reading.pixels.astype(int) - tensor).mean() < 5


def test_inverted_tensor_is_inverted_back(tensor: np.ndarray) -> None:
    assert np.array_equal(to_pixels(255 - tensor), tensor)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_saved_enlargement_is_read_as_the_tensor(
    tensor: np.ndarray, kernel: str, form: str, classifier: DigitClassifier
) -> None:
    file = io.BytesIO()
    enlarge(tensor, 280, kernel).convert("RGB").save(file, form, quality=75)
    reading = read_picture(Image.open(file))
    assert reading.mode == "raw"
    assert np.abs(reading.pixels.astype(int) - tensor).max() < 32
    assert classifier.predict(file.getvalue()).digit == 3


def test_digit_that_touches_the_frame_of_an_enlarged_tensor_is_not_cut_off() -> None:
    # Most ink is low, so that its box reaches the top of the frame, as in one of 70 MNIST digits.
    touching = np.zeros((28, 28), np.uint8)
    touching[0:20, 14] = touching[13:20, 10:19] = 255
    enlarged = read_picture(enlarge(touching, 280, "nearest"))
    assert (enlarged.mode, enlarged.flaw) == ("raw", None)
    assert np.array_equal(enlarged.pixels, touching)


def test_digit_elsewhere_in_a_small_frame_is_normalised(tensor: np.ndarray) -> None:
    moved = enlarge(np.roll(tensor, (3, -3), (0, 1)), 280, "bilinear")
    assert read_picture(moved).mode == "mnist"
    small = np.array(Image.fromarray(tensor).resize((14, 14)))
    assert read_picture(enlarge(np.pad(small, 7), 280, "bilinear")).mode == "mnist"


def test_drawing_with_more_detail_than_a_tensor_is_normalised(draw_three: Draw) -> None:
    # It has the size and position of an MNIST digit, but edges sharper than 28 x 28 pixels can show.
    sharp = draw_three((280, 280), (75, 40), 190)
    assert find_enlarged_tensor(sharp) is None
    assert read_picture(sharp).mode == "mnist"


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("side", SIDES[1:])
@pytest.mark.parametrize("kernel", KERNELS)
def test_soft_drawing_is_clean_whatever_its_size(
    tensor: np.ndarray, kernel: str, side: int, inverted: bool, classifier: DigitClassifier
) -> None:
    """The tolerance for soft edges grows with the size of a small picture that is not a tensor."""
    frame = np.zeros((40, 40), np.uint8)
    frame[2:30, 9:37] = tensor
    picture = Image.fromarray(255 - frame if inverted else frame)
    reading = read_picture(picture.resize((side, side), Image.Resampling[kernel.upper()]))
    assert (reading.mode, reading.flaw) == ("mnist", None)
    assert classifier.engine.run(reading.pixels.reshape(1, 28, 28, 1))[0].argmax() == 3


def test_photographs_and_noise_are_not_enlarged_tensors(sample_pictures: dict[str, bytes]) -> None:
    for name, data in sample_pictures.items():
        picture = Image.open(io.BytesIO(data)).convert("RGB")
        assert find_enlarged_tensor(ImageOps.fit(picture, (280, 280))) is None or "mnist-shaped" in name, name
    noise = np.random.default_rng(0).integers(0, 256, (280, 280), np.uint8)
    assert find_enlarged_tensor(Image.fromarray(noise)) is None


@pytest.mark.parametrize("size", [(1, 1), (27, 27), (28, 30), (300, 28)])
def test_pictures_that_are_not_larger_squares_are_not_enlarged_tensors(size: tuple[int, int]) -> None:
    assert find_enlarged_tensor(Image.new("L", size, 200)) is None


def test_dilation_is_a_square_of_any_size() -> None:
    mask = np.zeros((9, 7), np.bool_)
    mask[4, 3] = True
    rows, columns = np.nonzero(max_within(mask, 2))
    assert (rows.min(), rows.max(), columns.min(), columns.max(), len(rows)) == (2, 6, 1, 5, 25)
    assert max_within(mask, 100).all()


@pytest.mark.parametrize(("border", "grey"), [(1, 0), (2, 0), (30, 90)])
def test_framed_sheet_is_not_taken_for_ink(tensor: np.ndarray, border: int, grey: int) -> None:
    framed = ImageOps.expand(enlarge(tensor, 280, "bicubic", inverted=True), border, grey)
    assert read_picture(framed).mode != "mnist"
