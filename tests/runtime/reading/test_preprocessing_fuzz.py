"""Property tests: any picture gives a tensor or a named error, and irrelevant changes do not change the tensor."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageDraw, ImageFilter

from edge_mnist_runtime import InputError
from edge_mnist_runtime.classifier import to_pixels
from edge_mnist_runtime.reading.modes import READING_MODES, ReadingMode
from edge_mnist_trainer.augment.strokes import OTHER_HANDS, draw_ink

FIXED = settings(derandomize=True, max_examples=100, suppress_health_check=[HealthCheck.data_too_large])
"""The same examples in every run, so that a failure comes from the tested change and not from chance."""

MODES = (
    "1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB", "I", "I;16", "F",
)  # fmt: skip
"""Every Pillow mode of a picture."""

SIDES = st.integers(1, 90)
SHAPES = st.one_of(
    st.tuples(SIDES, SIDES),
    st.tuples(SIDES, SIDES, st.sampled_from([3, 4])),
    st.sampled_from([(1, 700), (700, 1), (3, 900), (40, 6000), (28, 28), (28, 28, 3), (40, 40), (520, 30)]),
)
BYTES = st.one_of(st.integers(0, 255), st.sampled_from([0, 255]), st.sampled_from([120, 130]))
ARRAYS = SHAPES.flatmap(lambda shape: hnp.arrays(np.uint8, shape, elements=BYTES))

TRANSPOSED_BY = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transposition for each EXIF orientation (Exif 2.3, section 4.6.4)."""


@st.composite
def drawings(draw: st.DrawFn) -> np.ndarray:
    """A digit in white ink on black, at least 20 pixels high."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    hand = draw(st.sampled_from([None, *range(len(OTHER_HANDS))]))
    return draw_ink(draw(st.integers(0, 9)), rng, side_pixels=draw(st.integers(40, 220)), hand=hand)


def draw_scene(seed: int) -> Image.Image:
    """Lines, rings, boxes and specks of up to three grey levels or colours on any ground; some blurred or noisy."""
    rng = np.random.default_rng(seed)
    width, height = np.exp(rng.uniform(np.log(24), np.log(400), 2)).astype(int)
    picture = Image.new("RGB", (width, height), (int(rng.choice([0, 255, rng.integers(256)])),) * 3)
    canvas, side = ImageDraw.Draw(picture), min(width, height)
    inks = [
        tuple(ink.tolist()) for ink in rng.integers(0, 256, (3, 3 if rng.random() < 0.3 else 1)).repeat(3, 1)[:, :3]
    ]
    for _ in range(rng.integers(1, 9)):
        ink, pen = inks[rng.integers(3)], max(1, int(side * rng.uniform(0.005, 0.15)))
        x, y = rng.uniform(-0.1, 1.1, 2) * (width, height)
        far_x, far_y = (x, y) + rng.uniform(0.01, 0.6, 2) * side
        match rng.integers(5):
            case 0 | 1:
                points = rng.uniform(-0.1, 1.1, (rng.integers(2, 6), 2)) * (width, height)
                canvas.line([(x, y) for x, y in points], ink, pen, joint="curve")
            case 2:
                canvas.ellipse((x, y, far_x, far_y), fill=None if rng.random() < 0.5 else ink, outline=ink, width=pen)
            case 3:
                canvas.rectangle((x, y, far_x, far_y), fill=None if rng.random() < 0.5 else ink, outline=ink, width=pen)
            case _:
                for x, y in rng.uniform(0, 1, (rng.integers(3, 60), 2)) * (width, height):
                    canvas.rectangle((x, y, x + rng.integers(5), y + rng.integers(5)), fill=ink)
    if rng.random() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.05 * side + 0.4)))
    if rng.random() < 0.2:
        noise = rng.normal(0, rng.uniform(1, 40), (height, width, 1))
        picture = Image.fromarray((np.asarray(picture) + noise).clip(0, 255).astype(np.uint8))
    return picture if rng.random() < 0.5 else picture.convert("L")


def in_mode(array: np.ndarray, mode: str) -> Image.Image:
    """An array converted to a picture of any mode."""
    picture = Image.fromarray(array)
    if mode == "I;16":
        return Image.fromarray(np.asarray(picture.convert("L"), np.uint16) * 257)
    if mode in ("La", "RGBa"):
        return picture.convert(mode.upper()).convert(mode)
    if mode in ("PA", "LAB"):
        size = picture.size
        return Image.frombytes(mode, size, np.resize(array, size[0] * size[1] * len(Image.new(mode, (1, 1)).tobytes())))
    if mode == "HSV":
        return picture.convert("RGB").convert(mode)
    return picture.convert("RGB" if mode == "YCbCr" else "L" if mode in ("I", "F") else mode).convert(mode)


def outcome(picture: Image.Image, mode: ReadingMode) -> np.ndarray | str:
    """The tensor, or why there is none."""
    try:
        pixels = to_pixels(picture, mode=mode)
    except InputError as error:
        message = str(error)
    else:
        assert (pixels.dtype, pixels.shape) == (np.uint8, (28, 28))
        return pixels
    assert "\n" not in message
    assert "damaged" not in message  # an internal exception would give this message
    return message


def assert_same_tensor(one: np.ndarray, other: np.ndarray) -> None:
    """Equal, except for rounding on other processors."""
    assert np.abs(one.astype(int) - other).max() <= 3


@given(array=ARRAYS, colours=st.sampled_from(MODES), mode=st.sampled_from(READING_MODES))
@settings(FIXED, max_examples=400)
def test_any_pixels_in_any_colour_mode_become_a_tensor_or_are_refused(
    array: np.ndarray, colours: str, mode: ReadingMode
) -> None:
    outcome(in_mode(array, colours), mode)


@pytest.mark.parametrize(("mode", "scenes"), [("auto", 500), ("mnist", 150), ("photo", 150)])
def test_any_scene_becomes_a_tensor_or_is_refused(mode: ReadingMode, scenes: int) -> None:
    """These pictures reach the rules for strokes, lines and grounds; `ARRAYS` are noise to most of them."""
    for seed in range(scenes):
        outcome(draw_scene(seed), mode)


@given(
    values=hnp.arrays(np.float32, st.tuples(SIDES, SIDES), elements=st.floats(width=32)),
    mode=st.sampled_from(READING_MODES),
)
@FIXED
def test_any_floats_become_a_tensor_or_are_refused(values: np.ndarray, mode: ReadingMode) -> None:
    """A TIFF may hold NaN, infinities and values outside every display's range."""
    outcome(Image.fromarray(values), mode)


@given(values=hnp.arrays(np.int32, st.tuples(SIDES, SIDES)), mode=st.sampled_from(READING_MODES))
@FIXED
def test_any_integers_become_a_tensor_or_are_refused(values: np.ndarray, mode: ReadingMode) -> None:
    outcome(Image.fromarray(values), mode)


@given(array=ARRAYS, mode=st.sampled_from(READING_MODES))
@FIXED
def test_same_picture_gives_the_same_tensor_and_is_left_as_it_was(array: np.ndarray, mode: ReadingMode) -> None:
    picture = Image.fromarray(array)
    before = picture.tobytes()
    one, other = outcome(picture, mode), outcome(picture, mode)
    assert np.array_equal(one, other)
    assert picture.tobytes() == before


@given(ink=hnp.arrays(np.uint8, (26, 26)), mode=st.sampled_from(["auto", "mnist", "raw"]), as_picture=st.booleans())
@FIXED
def test_mnist_shaped_tensor_passes_unchanged(ink: np.ndarray, mode: ReadingMode, as_picture: bool) -> None:
    tensor = np.pad(ink, 1)  # its corners are dark, whatever is between them
    found = to_pixels(Image.fromarray(tensor), mode=mode) if as_picture else to_pixels(tensor, mode)
    assert np.array_equal(found, tensor)


@given(ink=drawings(), mode=st.sampled_from(["auto", "mnist", "photo"]))
@FIXED
def test_inverted_drawing_gives_the_same_tensor(ink: np.ndarray, mode: ReadingMode) -> None:
    light, dark = (to_pixels(Image.fromarray(values), mode=mode) for values in (ink, 255 - ink))
    assert_same_tensor(light, dark)


@given(
    ink=drawings(),
    more=st.tuples(*[st.integers(0, 140)] * 4),
    background=st.sampled_from([0, 255]),
    mode=st.sampled_from(["auto", "mnist", "photo"]),
)
@FIXED
def test_more_background_around_a_drawing_does_not_change_the_tensor(
    ink: np.ndarray, more: tuple[int, int, int, int], background: int, mode: ReadingMode
) -> None:
    drawing = ink if background == 0 else 255 - ink
    padded = np.pad(drawing, (more[:2], more[2:]), constant_values=background)
    # Pictures are smoothed from 64 pixels on, and averaged down from 512 on, which changes the tensor on purpose.
    assume((max(drawing.shape) >= 64) == (max(padded.shape) >= 64))
    one, other = (to_pixels(Image.fromarray(values), mode=mode) for values in (drawing, padded))
    assert_same_tensor(one, other)


@given(
    drawing=st.one_of(drawings(), hnp.arrays(np.uint8, st.tuples(SIDES, SIDES), elements=BYTES)),
    orientation=st.sampled_from([*TRANSPOSED_BY]),
    mode=st.sampled_from(["auto", "mnist", "photo"]),
)
@FIXED
def test_exif_orientation_equals_turning_the_pixels(drawing: np.ndarray, orientation: int, mode: ReadingMode) -> None:
    picture = Image.fromarray(drawing)
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    picture.save(file, "PNG", exif=exif)
    turn = TRANSPOSED_BY[orientation]
    turned = picture if turn is None else picture.transpose(turn)
    assume(picture.size != (28, 28))  # a tensor passes as it is, and has no EXIF
    assert np.array_equal(outcome(Image.open(file), mode), outcome(turned, mode))
