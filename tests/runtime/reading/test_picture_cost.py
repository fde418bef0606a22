"""What a large JPEG is spared: decoded small, seen nearer only where nothing was seen, nothing drawn unasked."""

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
from edge_mnist_runtime.preprocess import MOST_PRODUCTS, _multiply
from edge_mnist_runtime.reading import glance, line_removal, page, photo
from edge_mnist_runtime.reading.reader import read_picture
from edge_mnist_runtime.reading.ruled_lines import Ruling

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


def test_faint_digit_that_is_lost_at_a_quarter_is_looked_at_nearer(decoded_sizes: list[Any]) -> None:
    picture = Image.new("L", MEGAPIXEL, 225)
    points = [(500, 406), (523, 400), (539, 415), (516, 430), (539, 445), (523, 460), (500, 454)]
    ImageDraw.Draw(picture).line(points, 190, width=4)
    data = jpeg(noisy(picture, 6))
    assert read_picture(Image.open(io.BytesIO(data)).reduce(4)).flaw == "blank"
    reading = read_any(data)
    assert decoded_sizes == [(288, 216), (576, 432)]
    assert reading.flaw is None
    assert reading.box == pytest.approx((500, 400, 540, 460), abs=11)


@pytest.mark.parametrize(
    ("size", "form", "n"), [((300, 300), "JPEG", 1), (MEGAPIXEL, "JPEG", 2), (MEGAPIXEL, "PNG", 1)]
)
def test_blank_picture_is_looked_at_nearer_only_where_there_is_more_to_see(
    size: tuple[int, int], form: str, n: int, decoded_sizes: list[Any]
) -> None:
    buffer = io.BytesIO()
    Image.new("L", size, 200).save(buffer, form)
    assert read_any(buffer.getvalue()).flaw == "blank"
    assert len(decoded_sizes) == n


def test_file_object_is_read_once_however_often_it_is_decoded() -> None:
    reading = read_any(io.BytesIO(jpeg(Image.new("L", MEGAPIXEL, 200))))
    assert reading.flaw == "blank"


def test_lines_are_not_looked_for_where_nothing_dark_reaches_an_edge(
    draw_three: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> Ruling:
        raise AssertionError

    monkeypatch.setattr(page, "find_ruling", fail)
    assert read_picture(draw_three(), mode="photo").lines_removed == 0
    lined = np.array(draw_three())
    lined[20] = lined[180] = 60
    with pytest.raises(AssertionError):
        read_picture(Image.fromarray(lined), mode="photo")


def test_polarity_in_doubt_is_told_by_what_either_shows_through_the_first_windows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[tuple[bool, int]] = []
    real = page.Page._find

    def spy(one: page.Page, window: int) -> page.Look | None:
        looks.append((one._light_on_dark, window))
        return real(one, window)

    monkeypatch.setattr(page.Page, "_find", spy)
    rng = np.random.default_rng(10)
    picture = Image.new("L", (288, 216), 150)
    draw = ImageDraw.Draw(picture)
    for _ in range(8):  # light spots: as ink on dark ground the page is as likely
        x, y, reach = int(rng.integers(288)), int(rng.integers(216)), int(rng.integers(12, 26))
        draw.ellipse((x - reach, y - reach, x + reach, y + reach), 200)
    draw.line([(120, 60), (165, 60), (135, 150)], 60, width=5)
    spotted = noisy(picture.filter(ImageFilter.GaussianBlur(1)), 3)
    light_on_dark, sureness = glance.glance_at(spotted).polarity
    assert light_on_dark
    assert sureness < 0.3
    reading = read_picture(spotted, mode="photo")
    assert (reading.flaw, reading.light_on_dark) == (None, False)
    assert {polarity for polarity, _ in looks} == {False, True}
    assert len(looks) < 5  # through every window of the likelier polarity and one of the other


def test_what_the_network_gets_holds_no_picture(draw_three: Draw) -> None:
    for picture in (draw_three(), noisy(draw_three(), 5), Image.new("L", (90, 90))):
        reading = read_any(picture)
        assert reading.steps
        found = to_input(picture, "auto")
        assert found == (reading.pixels.tobytes(), reading.quality, reading.flaw)
        assert len(pickle.dumps(found)) < 2000


@pytest.mark.parametrize("width", [1, 150, 3000])
def test_product_in_pieces_is_the_product(width: int) -> None:
    rng = np.random.default_rng(width)
    weights, box = rng.random((20, 400), np.float32), rng.integers(0, 256, (400, width), np.uint8)
    assert weights.size * 3000 > MOST_PRODUCTS
    np.testing.assert_allclose(_multiply(weights, box), weights.astype(float) @ box, rtol=1e-5)


def test_what_a_line_adds_is_taken_away_and_strokes_that_cross_it_are_bridged() -> None:
    darkness = np.zeros((100, 120), np.float32)
    darkness[:, 58:64] = 0.8  # a stroke
    darkness[49:52] = np.maximum(darkness[49:52], 0.2)  # a line
    darkness[49:52, 61:] += 0.1  # ...which adds to the stroke, too
    for turned in (False, True):
        page = np.ascontiguousarray(darkness.T) if turned else darkness
        line, none = np.full((1, 120), 50, np.float32), np.zeros((0, 100), np.float32)
        ruling = Ruling(none, line, 4) if turned else Ruling(line, none, 4)
        left = line_removal.remove_ruling(page, ruling, 0.8)
        left = left.T if turned else left
        assert left[:, :55].max() == left[:, 67:].max() == 0
        assert left[:, 58:64].min() > 0.7


def test_line_half_outside_the_picture_is_taken_away_as_far_as_it_is_inside() -> None:
    darkness = np.zeros((80, 100), np.float32)
    rows = np.linspace(-5, 6, 100)
    darkness[np.rint(rows[50:]).astype(int), np.arange(50, 100)] = 0.3
    left = line_removal.remove_ruling(
        darkness, Ruling(rows[np.newaxis].astype(np.float32), np.zeros((0, 80), np.float32), 3), 0.8
    )
    assert left.max() < 0.05


@pytest.mark.parametrize(("is_row", "n_windows"), [(False, 1), (True, 2)])
def test_sharp_digit_needs_one_window_unless_there_are_others(
    is_row: bool, n_windows: int, draw_three: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = Image.new("L", (300, 300), 255)
    both.paste(draw_three((120, 150), (25, 25)), (10, 0))
    both.paste(draw_three((120, 150), (25, 25)), (150, 0))
    windows = []
    real = page.Page.find

    def spy(self: page.Page, window: int) -> page.Look | None:
        windows.append(window)
        return real(self, window)

    monkeypatch.setattr(page.Page, "find", spy)
    look = photo.look_at(both, is_row=is_row)
    assert look is not None
    assert look.is_clear
    assert not look.is_alone
    assert len(windows) == n_windows
