"""Photographs, scans and drawings: the digit is found on any background, or the picture is refused in one line."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageOps

from edge_mnist_runtime import DigitClassifier, InputError, InputShapeError, PictureError, UsageError
from edge_mnist_runtime.classifier import to_pixels
from edge_mnist_runtime.preprocess import PREPROCESS, ink_box
from edge_mnist_runtime.reading.modes import READING_MODES, require_mode
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.reader import read_picture

READING_SHA256 = "fec99dd0d26c977f1a5be938d8420b8db65133e7a5b65615864e34fd61caeeb2"
"""The hash of all parameters of picture reading. A change of the results also raises the version."""

GOLDEN = Path(__file__).with_name("golden_photographs.npz")
"""Rendered photographs as files, with their tensors."""

Draw = Callable[..., Image.Image]
ANY_SHAPE = st.one_of(
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=90),
    st.tuples(st.integers(1, 90), st.integers(1, 90), st.sampled_from([1, 3, 4])),
)
ARRAYS = ANY_SHAPE.flatmap(lambda shape: hnp.arrays(np.uint8, shape))
TWO_LEVELS = ANY_SHAPE.flatmap(lambda shape: hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 250])))


def difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one.astype(int) - other.astype(int))


def lit(picture: Image.Image, light: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(np.asarray(picture) * light).astype(np.uint8))


def assert_same_digit(one: np.ndarray, other: np.ndarray, *, tolerance: float = 12) -> None:
    """Equal except for soft edges and a shift of one pixel from rounding the centre of mass."""
    shifted = [np.roll(other, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    assert min(difference(one, candidate).mean() for candidate in shifted) < tolerance


@pytest.mark.parametrize("mode", ["", "PHOTO", "clean", "none"])
def test_unknown_mode_is_a_usage_error_that_names_the_known_ones(mode: str) -> None:
    with pytest.raises(UsageError, match="auto, mnist, photo, raw"):
        require_mode(mode)
    with pytest.raises(UsageError):
        DigitClassifier(mode=mode)


@pytest.mark.parametrize("shape", [(27, 28), (28, 28, 3), (28, 28, 4), (56, 56)])
def test_raw_refuses_what_is_no_tensor(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputShapeError, match="28 x 28"):
        to_pixels(np.zeros(shape, np.uint8), "raw")


@pytest.mark.parametrize("mode", ["RGB", "LA", "I;16", "P", "F"])
def test_raw_refuses_pictures_that_are_no_grey_bytes(mode: str) -> None:
    with pytest.raises(InputShapeError, match=mode):
        read_picture(Image.new(mode, (28, 28)), mode="raw")


def test_raw_passes_any_tensor_as_it_is() -> None:
    tensor = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    assert np.array_equal(to_pixels(tensor, "raw"), tensor)
    assert np.array_equal(to_pixels(tensor[..., np.newaxis], "raw").reshape(28, 28), tensor)
    assert np.array_equal(read_picture(Image.fromarray(tensor), mode="raw").pixels, tensor)


@pytest.mark.parametrize("mode", ["auto", "photo"])
@pytest.mark.parametrize("deviation", [3, 10, 30])
def test_noise_is_no_ink(mode: str, deviation: float) -> None:
    noise = np.random.default_rng(1).normal(128, deviation, (300, 400)).clip(0, 255).astype(np.uint8)
    assert read_picture(Image.fromarray(noise), mode=mode).flaw == "blank"


@pytest.mark.parametrize("mode", ["auto", "mnist", "photo"])
def test_blank_picture_is_read_as_blank_and_has_no_tensor(mode: str) -> None:
    blank = Image.new("RGB", (300, 200), (200, 190, 180))
    reading = read_picture(blank, mode=mode)
    assert (reading.flaw, reading.quality, reading.box, reading.pixels.max()) == ("blank", None, None, 0)
    with pytest.raises(PictureError, match="blank, no ink"):
        to_pixels(blank, mode=mode)


def test_lined_paper_without_a_digit_is_blank() -> None:
    page = np.full((300, 400), 240, np.uint8)
    page[30::40] = 150
    assert read_picture(Image.fromarray(page), mode="auto").flaw == "blank"


@given(st.one_of(ARRAYS, TWO_LEVELS), st.sampled_from(READING_MODES))
@settings(max_examples=300)
def test_any_array_becomes_a_tensor_or_is_refused(array: np.ndarray, mode: str) -> None:
    try:
        pixels = to_pixels(array, require_mode(mode))
    except InputError as error:
        message = str(error)
    else:
        assert (pixels.dtype, pixels.size) == (np.uint8, 784)
        return
    assert "\n" not in message
    assert "damaged" not in message  # an internal exception would give this message


@pytest.mark.parametrize("size", [(200, 200), (300, 180), (90, 120)])
def test_clean_drawing_is_read_as_it_always_was(size: tuple[int, int], draw_three: Draw) -> None:
    for picture in (draw_three(size, (20, 15), 70), ImageOps.invert(draw_three(size, (20, 15), 70))):
        reading = read_picture(picture)
        assert reading.mode == "mnist"
        assert np.array_equal(reading.pixels, to_pixels(picture, mode="mnist"))


def test_photo_reads_a_clean_drawing_alike(draw_three: Draw) -> None:
    assert_same_digit(to_pixels(draw_three(), mode="photo"), to_pixels(draw_three(), mode="mnist"))


def test_inverted_drawing_gives_the_same_tensor_as_a_photograph(draw_three: Draw) -> None:
    one = read_picture(draw_three(), mode="photo")
    other = read_picture(ImageOps.invert(draw_three()), mode="photo")
    assert (one.light_on_dark, other.light_on_dark) == (False, True)
    assert_same_digit(one.pixels, other.pixels)


@pytest.mark.parametrize("scale", [0.5, 1, 2, 5])
@pytest.mark.parametrize("left_top", [(60, 50), (15, 20), (120, 85)])
def test_size_and_position_do_not_matter(scale: float, left_top: tuple[int, int], draw_three: Draw) -> None:
    sides = ((200, 200), left_top)
    size, place = (tuple(int(side * scale) for side in pair) for pair in sides)
    picture = draw_three(size, place, 100 * scale)
    assert_same_digit(to_pixels(picture, mode="photo"), to_pixels(draw_three(), mode="mnist"))


@pytest.mark.parametrize("light", ["ramp", "half in shadow", "dark corner"])
def test_light_does_not_change_the_tensor(light: str, draw_three: Draw) -> None:
    rows, columns = np.mgrid[:200, :200] / 200
    lights = {
        "ramp": 1 - 0.6 * columns,
        "half in shadow": np.where(rows + 0.3 * columns < 0.6, 1.0, 0.5),
        "dark corner": 1 - 0.6 * ((rows - 1) ** 2 + columns**2 < 0.3),
    }
    reading = read_picture(lit(draw_three(), lights[light]))
    assert reading.mode == "photo"
    assert_same_digit(reading.pixels, to_pixels(draw_three()))


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("tilt", [0, 0.08])
def test_lines_are_removed_and_the_digit_is_not(squared: bool, tilt: float, draw_three: Draw) -> None:
    picture = draw_three((400, 400), (140, 120), 180)
    rows, columns = np.mgrid[:400, :400]
    lines = (rows + tilt * columns + 15) % 45 < 2
    if squared:
        lines |= (columns - tilt * rows + 20) % 45 < 2
    ruled = Image.fromarray(np.minimum(np.asarray(picture), np.where(lines, 150, 255)).astype(np.uint8))
    reading = read_picture(ruled)
    assert reading.lines_removed >= 7
    assert_same_digit(reading.pixels, to_pixels(picture), tolerance=16)


def test_frame_and_specks_are_left_out(draw_three: Draw) -> None:
    pixels = np.array(draw_three((400, 400), (160, 140), 120))
    pixels[90:93, 100:300] = pixels[300:303, 100:300] = 60
    pixels[90:303, 100:103] = pixels[90:303, 297:300] = 60
    pixels[20:24, 30:34] = pixels[350:353, 370:373] = 0
    assert_same_digit(to_pixels(Image.fromarray(pixels)), to_pixels(draw_three()))


@pytest.mark.parametrize("ink", [(220, 40, 40), (90, 170, 235), (250, 200, 60)])
def test_coloured_ink_is_seen(ink: tuple[int, int, int], draw_three: Draw) -> None:
    picture = Image.new("RGB", (200, 200), (236, 232, 224))
    picture.paste(ink, mask=ImageOps.invert(draw_three()))
    assert_same_digit(to_pixels(picture), to_pixels(draw_three()))


def test_top_bar_of_a_five_stays_with_it() -> None:
    pixels = np.full((300, 300), 230, np.uint8)
    pixels[80:92, 120:190] = 40  # the bar, apart from the rest
    pixels[98:150, 118:130] = pixels[142:154, 118:180] = pixels[142:210, 172:184] = pixels[200:212, 118:184] = 40
    reading = read_picture(Image.fromarray(pixels), mode="photo")
    assert reading.box == pytest.approx((118, 80, 190, 212), abs=6)


def test_hairline_is_widened_to_a_stroke_that_the_network_knows(draw_three: Draw) -> None:
    pixels = np.full((300, 300), 230, np.uint8)
    pixels[60:240, 149:151] = pixels[148:150, 100:200] = 60
    tensor = to_pixels(Image.fromarray(pixels), mode="photo")
    assert (tensor.max(axis=1)[6:22] > 200).all()


def test_reading_says_what_was_done(draw_three: Draw) -> None:
    reading = read_picture(draw_three((400, 300), (100, 60), 150), mode="photo")
    record = reading.to_dict()
    assert record["mode"] == "photo"
    assert record["lines_removed"] == 0
    assert record["box"] == pytest.approx([92, 51, 208, 219], abs=8)
    assert [name for name, _ in reading.steps] == ["picture", "darkness", "ink"]
    assert all(picture.mode in ("L", "RGB") for _, picture in reading.steps)


def test_exif_rotation_is_undone_before_the_photograph_is_read(sample_pictures: dict[str, bytes]) -> None:
    picture = Image.open(io.BytesIO(sample_pictures["6-turned-by-exif.jpg"]))
    upright = ImageOps.exif_transpose(picture)
    assert_same_digit(to_pixels(picture, mode="photo"), to_pixels(upright, mode="photo"), tolerance=2)


def test_classifier_reads_in_its_mode(classifier: DigitClassifier, draw_three: Draw) -> None:
    shaded = lit(draw_three(), np.linspace(1, 0.35, 200)[np.newaxis])
    assert classifier.predict(shaded).digit == 3
    mnist = DigitClassifier.from_engine(classifier.engine, mode="mnist")
    assert not np.array_equal(mnist.predict(shaded).probabilities, classifier.predict(shaded).probabilities)
    with pytest.raises(InputShapeError, match="item 1"):
        DigitClassifier.from_engine(classifier.engine, mode="raw").predict_batch([np.eye(28, dtype="u1"), shaded])


def test_reading_has_a_version_apart_from_the_models() -> None:
    assert PICTURE_READING.to_dict() == {"version": 13, "sha256": READING_SHA256}
    assert PICTURE_READING.sha256 != PREPROCESS.sha256


def test_rendered_photographs_give_their_golden_tensors() -> None:
    golden = np.load(GOLDEN)
    names = sorted({name.partition("/")[0] for name in golden.files})
    assert len(names) >= 4
    for name in names:
        tensor = to_pixels(golden[f"{name}/file"].tobytes())
        assert ink_box(tensor).height <= 20
        off = difference(tensor, golden[f"{name}/tensor"])
        # Decoders of JPEG differ by some grey levels from version to version.
        assert off.mean() < 3, name
