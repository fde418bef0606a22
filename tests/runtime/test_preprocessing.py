"""Preprocessing: any picture of a digit becomes the tensor that the network reads."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageChops, ImageOps

from edge_mnist_runtime.classifier import to_pixels
from edge_mnist_runtime.errors import PictureError
from edge_mnist_runtime.preprocess import PREPROCESS, otsu_threshold

DEFINITION_SHA256 = "efd962230d7ea24fec493f67aa187199de9b4a1db18064a707874f993bfe1e2d"
"""The hash stored in every artefact. A change needs proof that older models read as well, or makes them unreadable."""

GOLDEN = Path(__file__).with_name("golden_tensors.npz")
"""Tensors of the sample pictures, which the project drew itself."""

Draw = Callable[..., Image.Image]

PICTURES = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=80))
TWO_LEVELS = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=80),
    elements=st.sampled_from([0, 255]),
    fill=st.just(0),
)


def png(picture: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", **options)
    return buffer.getvalue()


def difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one.astype(int) - other.astype(int))


def assert_same_digit_shape(one: np.ndarray, other: np.ndarray) -> None:
    """Equal except for anti-aliasing and a shift of one pixel from rounding the centre of mass."""
    shifted = [np.roll(other, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    assert min(difference(one, candidate).mean() for candidate in shifted) < 4


def assert_tensor_or_refused(picture: Image.Image) -> None:
    """The picture becomes a tensor, or a PictureError in one line; any other exception fails."""
    try:
        pixels = to_pixels(picture)
    except PictureError as error:
        message = str(error)
    else:
        assert (pixels.dtype, pixels.shape) == (np.uint8, (28, 28))
        return
    assert "\n" not in message


def test_definition_is_the_one_that_artefacts_carry() -> None:
    assert PREPROCESS.sha256 == DEFINITION_SHA256
    assert PREPROCESS.to_dict() == {"version": 2, "sha256": DEFINITION_SHA256}


def test_sample_pictures_read_as_drawings_give_their_golden_tensors(sample_pictures: dict[str, bytes]) -> None:
    golden = np.load(GOLDEN)
    assert set(golden.files) == set(sample_pictures)
    for name, data in sample_pictures.items():
        off = difference(to_pixels(data, "mnist"), golden[name])
        assert off.max() <= 12, name
        assert (off <= 2).mean() >= 0.99, name


@pytest.mark.parametrize("form", ["array", "array with channel", "picture", "png"])
def test_mnist_shaped_image_passes_unchanged(form: str) -> None:
    tensor = np.zeros((28, 28), np.uint8)
    tensor[3:25, 10:19] = np.arange(198, dtype=np.uint8).reshape(22, 9)  # off centre on purpose
    forms = {
        "array": tensor,
        "array with channel": tensor[..., np.newaxis],
        "picture": Image.fromarray(tensor),
        "png": png(Image.fromarray(tensor)),
    }
    assert np.array_equal(to_pixels(forms[form]).reshape(28, 28), tensor)


def test_dark_on_light_and_light_on_dark_give_the_same_tensor(draw_three: Draw) -> None:
    dark, light = draw_three(), ImageOps.invert(draw_three())
    assert difference(to_pixels(dark), to_pixels(light)).max() <= 3


def test_28_x_28_picture_on_light_background_is_inverted(sample_pictures: dict[str, bytes]) -> None:
    tensor = to_pixels(sample_pictures["7-mnist-shaped.png"])
    found = to_pixels(255 - tensor)
    assert found[[0, 0, -1, -1], [0, -1, 0, -1]].max() == 0
    assert found.sum() == pytest.approx(tensor.sum(), rel=0.25)


@pytest.mark.parametrize("contrast", [(100, 180), (60, 255), (180, 60), (255, 120)])
def test_contrast_does_not_change_the_tensor(contrast: tuple[int, int], draw_three: Draw) -> None:
    ink, ground = contrast
    assert difference(to_pixels(draw_three(ink=ink, ground=ground)), to_pixels(draw_three())).max() <= 6


@pytest.mark.parametrize("left_top", [(12, 12), (61, 52), (110, 12), (12, 85), (110, 85)])
def test_position_of_the_digit_does_not_change_the_tensor(left_top: tuple[int, int], draw_three: Draw) -> None:
    moved, middle = draw_three(left_top=left_top), draw_three()
    assert difference(to_pixels(moved), to_pixels(middle)).max() <= 3


@pytest.mark.parametrize("scale", [0.35, 0.5, 0.75, 1.5, 2, 3, 5, 10])
def test_size_of_the_digit_does_not_change_the_tensor(scale: float, draw_three: Draw) -> None:
    picture = draw_three(*(tuple(int(side * scale) for side in sides) for sides in ((200, 200), (60, 50))), 100 * scale)
    assert_same_digit_shape(to_pixels(picture), to_pixels(draw_three()))


@pytest.mark.parametrize("size", [(150, 150), (300, 130), (130, 300), (700, 200)])
def test_tensor_has_the_size_and_position_of_mnists_digits(size: tuple[int, int], draw_three: Draw) -> None:
    pixels = to_pixels(draw_three(size, (20, 15), 100))
    assert (pixels.dtype, pixels.shape) == (np.uint8, (28, 28))
    rows, columns = np.flatnonzero((pixels >= 64).any(1)), np.flatnonzero((pixels >= 64).any(0))
    assert abs(max(np.ptp(rows), np.ptp(columns)) + 1 - 20) <= 1
    mass = pixels.astype(float)
    assert np.average(np.arange(28), weights=mass.sum(1)) == pytest.approx(14, abs=0.6)
    assert np.average(np.arange(28), weights=mass.sum(0)) == pytest.approx(14, abs=0.6)
    assert pixels.max() == 255


STORED_BY_ORIENTATION = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How a camera stores an upright picture, for each EXIF orientation."""


@pytest.mark.parametrize("orientation", STORED_BY_ORIENTATION)
def test_exif_orientation_is_undone(orientation: int, draw_three: Draw) -> None:
    upright, method = draw_three(), STORED_BY_ORIENTATION[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = png(upright if method is None else upright.transpose(method), exif=exif)
    assert np.array_equal(to_pixels(data), to_pixels(upright))


@pytest.mark.parametrize("ink", [0, 255])
def test_digit_on_a_transparent_background_is_found(ink: int, draw_three: Draw) -> None:
    alpha = draw_three(ink=255, ground=0)
    picture = Image.merge("LA", (Image.new("L", alpha.size, ink), alpha))
    assert difference(to_pixels(png(picture)), to_pixels(alpha)).max() <= 3
    assert difference(to_pixels(png(picture.convert("RGBA"))), to_pixels(alpha)).max() <= 3


def test_16_bit_picture_keeps_its_grey_levels(draw_three: Draw) -> None:
    grey = draw_three(ink=40, ground=230)
    deep = Image.fromarray(np.asarray(grey, np.uint16) * 257)
    assert difference(to_pixels(png(deep)), to_pixels(grey)).max() <= 3


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "RGBA", "RGBX", "LA", "PA", "CMYK", "YCbCr", "HSV", "I", "F"])
def test_every_mode_gives_the_tensor_of_the_grey_picture(mode: str, draw_three: Draw) -> None:
    grey = draw_three()
    source = grey if mode in ("1", "P", "LA", "I", "F", "PA") else grey.convert("RGB")
    picture = source.convert("P").convert("PA") if mode == "PA" else source.convert(mode)
    assert_same_digit_shape(to_pixels(picture), to_pixels(grey))


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_camera_depths_inside_16_bit_files_keep_their_grey_levels(bits: int, draw_three: Draw) -> None:
    grey = draw_three(ink=255, ground=0)
    deep = Image.fromarray((np.asarray(grey, np.uint32) * (2**bits - 1) // 255).astype(np.uint16))
    assert difference(to_pixels(png(deep)), to_pixels(grey)).max() <= 8


@pytest.mark.parametrize("mode", ["LAB", "La", "RGBa", "I;16B"])
def test_rare_mode_is_read_or_refused(mode: str, draw_three: Draw) -> None:
    grey = draw_three()
    steps = {"LAB": ("RGB", "LAB"), "La": ("LA", "La"), "RGBa": ("RGBA", "RGBa"), "I;16B": ("I", "I;16B")}
    picture = grey
    for step in steps[mode]:
        picture = Image.new("LAB", grey.size) if step == "LAB" else picture.convert(step)
    assert_tensor_or_refused(picture)


def test_palette_with_a_transparent_entry_is_seen(draw_three: Draw) -> None:
    grey = draw_three()
    palette = ImageChops.invert(grey).point(lambda level: level > 128).convert("P")
    data = png(palette, transparency=0)
    assert_same_digit_shape(to_pixels(data), to_pixels(grey))


def test_cmyk_jpeg_file_is_read(draw_three: Draw) -> None:
    buffer = io.BytesIO()
    draw_three().convert("CMYK").save(buffer, "JPEG", quality=95)
    assert_same_digit_shape(to_pixels(buffer.getvalue()), to_pixels(draw_three()))


def test_blank_picture_of_every_grey_is_refused() -> None:
    for grey in range(256):
        with pytest.raises(PictureError, match="blank"):
            to_pixels(Image.new("L", (64, 48), grey))


@pytest.mark.parametrize("mode", ["L", "RGB", "LA", "RGBA", "CMYK", "1", "P", "I;16", "F"])
def test_blank_picture_of_every_mode_is_refused(mode: str) -> None:
    with pytest.raises(PictureError, match="blank"):
        to_pixels(Image.new(mode, (64, 48)))


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0)])
def test_picture_without_pixels_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(PictureError):
        to_pixels(Image.new("L", size))


@given(st.one_of(PICTURES, TWO_LEVELS))
@example(np.zeros((1, 1), np.uint8))
@example(np.array([[0, 255]], np.uint8))
@example(np.array([[0], [24]], np.uint8))
@example(np.eye(80, dtype=np.uint8) * 255)
@settings(max_examples=300)
def test_any_grey_picture_becomes_a_tensor_or_is_refused(array: np.ndarray) -> None:
    assert_tensor_or_refused(Image.fromarray(array))


@given(PICTURES)
def test_otsu_threshold_separates_two_levels(array: np.ndarray) -> None:
    threshold = otsu_threshold(array)
    assert 0 <= threshold <= 254
    if array.min() < array.max():
        assert (array > threshold).any()
        assert (array <= threshold).any()
