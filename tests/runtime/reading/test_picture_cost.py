"""Large JPEGs are read cheaply: decoded small, decoded again only if nothing was found, drawn only on demand."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.images import files as pictures
from edge_mnist_runtime.inputs import decode, read_any, to_input
from edge_mnist_runtime.preprocess import MAX_PRODUCTS, _multiply
from edge_mnist_runtime.reading import thumbnail
from edge_mnist_runtime.reading.reader import read_picture

Draw = Callable[..., Image.Image]
MEGAPIXEL = (1152, 864)


def jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def noisy(picture: Image.Image, deviation: float) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, deviation, (picture.height, picture.width))
    return Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))


@pytest.fixture
def decoded_sizes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The size of every picture file that is decoded from here on."""
    sizes: list[tuple[int, int]] = []
    real = pictures.open_picture

    def spy(*arguments: Any, **options: Any) -> Image.Image:
        picture = real(*arguments, **options)
        sizes.append(picture.size)
        return picture

    monkeypatch.setattr(pictures, "open_picture", spy)
    return sizes


def test_digit_in_a_megapixel_is_decoded_once_at_a_quarter(draw_three: Draw, decoded_sizes: list[Any]) -> None:
    assert read_any(jpeg(noisy(draw_three(MEGAPIXEL, (400, 200), 400, ground=220), 6))).flaw is None
    assert decoded_sizes == [(288, 216)]


def test_row_in_a_megapixel_is_decoded_at_half(draw_three: Draw, classifier: DigitClassifier) -> None:
    data = jpeg(draw_three(MEGAPIXEL, (400, 200), 100))
    assert decode(data, in_detail=True).size == (576, 432)
    [digit] = classifier.read_row(data).digits
    assert digit.box == pytest.approx((394, 194, 471, 306), abs=8)  # in the picture's own pixels


def test_faint_digit_lost_at_a_quarter_is_decoded_again_at_half(decoded_sizes: list[Any]) -> None:
    picture = Image.new("L", MEGAPIXEL, 225)
    points = [(500, 406), (523, 400), (539, 415), (516, 430), (539, 445), (523, 460), (500, 454)]
    ImageDraw.Draw(picture).line(points, 197, width=4)
    data = jpeg(noisy(picture, 6))
    assert read_picture(Image.open(io.BytesIO(data)).reduce(4)).flaw == "blank"
    reading = read_any(data)
    assert decoded_sizes == [(288, 216), (576, 432)]
    assert reading.flaw is None
    assert reading.box == pytest.approx((500, 400, 540, 460), abs=11)


@pytest.mark.parametrize(
    ("size", "form", "n"), [((300, 300), "JPEG", 1), (MEGAPIXEL, "JPEG", 2), (MEGAPIXEL, "PNG", 1)]
)
def test_blank_picture_is_decoded_again_only_if_it_has_more_detail(
    size: tuple[int, int], form: str, n: int, decoded_sizes: list[Any]
) -> None:
    buffer = io.BytesIO()
    Image.new("L", size, 200).save(buffer, form)
    assert read_any(buffer.getvalue()).flaw == "blank"
    assert len(decoded_sizes) == n


def test_file_object_is_read_once_however_often_it_is_decoded() -> None:
    reading = read_any(io.BytesIO(jpeg(Image.new("L", MEGAPIXEL, 200))))
    assert reading.flaw == "blank"


def test_dark_digit_on_spotted_paper_is_found_though_light_ink_is_as_likely() -> None:
    rng = np.random.default_rng(10)
    picture = Image.new("L", (288, 216), 150)
    draw = ImageDraw.Draw(picture)
    for _ in range(8):
        x, y, reach = int(rng.integers(288)), int(rng.integers(216)), int(rng.integers(12, 26))
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), 200)
    draw.line([(120, 60), (165, 60), (135, 150)], 60, width=5)
    spotted = noisy(picture.filter(ImageFilter.GaussianBlur(1)), 3)
    light_on_dark, certainty = thumbnail.make_thumbnail(spotted).polarity
    assert light_on_dark
    assert certainty < 0.3
    reading = read_picture(spotted, mode="photo")
    assert (reading.flaw, reading.light_on_dark) == (None, False)
    assert reading.box == pytest.approx((118, 58, 167, 152), abs=5)


def test_network_input_holds_no_picture(draw_three: Draw) -> None:
    for picture in (draw_three(), noisy(draw_three(), 5), Image.new("L", (90, 90))):
        reading = read_any(picture)
        assert reading.steps
        found = to_input(picture, "auto")
        assert found == (reading.pixels.tobytes(), reading.quality, reading.flaw, reading.min_confidence, reading.box)
        assert len(pickle.dumps(found)) < 2000


@pytest.mark.parametrize("width", [1, 150, 3000])
def test_blockwise_product_equals_the_product(width: int) -> None:
    rng = np.random.default_rng(width)
    weights, box = rng.integers(-(2**20), 2**22, (20, 400)), rng.integers(0, 256, (400, width), np.uint8)
    assert weights.size * 3000 > MAX_PRODUCTS
    assert np.array_equal(_multiply(weights, box), weights @ box)
