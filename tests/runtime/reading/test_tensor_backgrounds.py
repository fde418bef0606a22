"""A background that is not black is taken away from tensors; on black every byte stays as it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.reading.modes import BACKGROUND_PIXELS, ReadingMode, find_tensor, find_tensors
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.reader import read_picture
from edge_mnist_runtime.reading.tensor_background import (
    _border_fraction,
    _gaussian_weights,
    has_bright_ink,
    take_background_away,
)
from edge_mnist_runtime.tensor import Pixels

DOWN, RIGHT = np.mgrid[:28, :28]

BACKGROUNDS = {
    "raised": np.full((28, 28), 90.0),
    "raised above 128": np.full((28, 28), 150.0),
    "tilted": 6.0 * RIGHT,
    "cloudy": 60 + 50 * np.sin(DOWN / 7) * np.cos(RIGHT / 9),
}


@pytest.fixture(scope="module")
def three(draw_three: Callable[..., Image.Image]) -> Pixels:
    """The tensor of a three, shape (28, 28)."""
    return read_picture(draw_three(), mode="mnist").pixels


def on(background: np.ndarray, ink: Pixels) -> Pixels:
    """Ink on a background, in the range that it leaves."""
    return np.rint(background + ink * (255 - background) / 255).astype(np.uint8)


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_digit_on_a_bright_background_is_read(name: str, three: Pixels, classifier: DigitClassifier) -> None:
    image = on(BACKGROUNDS[name], three)
    prediction = classifier.predict(image)
    assert prediction.digit == 3
    assert prediction.confidence > 0.9
    assert classifier.predict_batch(np.stack([image, three])) == [prediction, classifier.predict(three)]


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_background_becomes_black(name: str, three: Pixels) -> None:
    found = find_tensor(on(BACKGROUNDS[name], three).tobytes(), "mnist")
    assert found is not None
    tensor = np.frombuffer(found, np.uint8).reshape(28, 28)
    assert tensor[three == 0].mean() < 16
    assert tensor.max() == 255


@pytest.mark.parametrize("mode", ["auto", "mnist", "raw"])
def test_tensor_on_black_keeps_every_byte(mode: str, three: Pixels) -> None:
    at_the_edge = np.roll(three, -4, axis=0)
    assert at_the_edge[0].any()
    for image in (three, at_the_edge):
        assert find_tensor(image.tobytes(), mode) == image.tobytes()
    both = np.stack([three, at_the_edge])[..., np.newaxis]
    assert find_tensors(both, mode) is not None
    assert np.array_equal(find_tensors(both, mode), both)


def test_mode_raw_keeps_backgrounds(three: Pixels) -> None:
    image = on(BACKGROUNDS["raised"], three)
    assert find_tensor(image.tobytes(), "raw") == image.tobytes()
    assert find_tensors(image.reshape(1, 28, 28, 1), "raw").tobytes() == image.tobytes()


@pytest.mark.parametrize(("columns", "changes"), [(8, False), (9, True)])
def test_two_fifths_of_the_border_are_a_background(columns: int, changes: bool) -> None:
    image = np.zeros((1, 28, 28, 1), np.uint8)
    image[:, :, :columns] = 100
    image[:, 10:18, 20:22] = 255
    assert (take_background_away(image).tobytes() != image.tobytes()) == changes


@pytest.mark.parametrize(("level", "changes"), [(15, False), (16, True)])
def test_grain_is_no_background(level: int, changes: bool, three: Pixels) -> None:
    image = np.maximum(three, np.uint8(level)).reshape(1, 28, 28, 1)
    assert (take_background_away(image).tobytes() != image.tobytes()) == changes


@pytest.mark.parametrize(("bright", "dark", "is_bright"), [(100, 95, False), (100, 94, True), (0, 50, False)])
def test_background_under_bright_ink_is_nine_tenths_as_rough(bright: int, dark: int, is_bright: bool) -> None:
    image = np.full((1, 28, 28, 1), 120, np.uint8)
    image[:, 10:18, 4:7] += np.uint8(bright)  # strokes that an opening takes away, and a closing leaves
    image[:, 10:18, 20:23] -= np.uint8(dark)
    assert has_bright_ink(image) == is_bright


@pytest.mark.parametrize(("width", "least"), [(8, 255), (9, 0)])
def test_stroke_of_eight_pixels_is_not_taken_for_background(width: int, least: int) -> None:
    image = np.full((1, 28, 28, 1), 90, np.uint8)
    image[:, 4:24, 10 : 10 + width] = 255
    assert take_background_away(image)[0, 14, 10 : 10 + width].min() == least


@pytest.mark.parametrize(("contrast", "level"), [(23, 0), (24, 255), (30, 255)])
def test_ink_of_24_levels_above_its_background_becomes_white(contrast: int, level: int) -> None:
    image = np.full((1, 28, 28, 1), 90, np.uint8)
    image[:, 4:24, 10:14] += np.uint8(contrast)
    assert take_background_away(image).max() == level


def test_pixel_brighter_than_the_rest_of_the_ink_is_white() -> None:
    image = np.full((1, 28, 28, 1), 60, np.uint8)
    image[:, 4:24, 10:14] = 120
    image[:, 14, 10:14] = 200
    assert (take_background_away(image)[0, 4:24, 10:14] == 255).all()


def test_every_border_pixel_counts_as_much_as_any_other() -> None:
    one_pixel = np.eye(784, dtype=np.uint8).reshape(784, 28, 28)
    is_border = np.pad(np.zeros((26, 26), np.bool_), 1, constant_values=True)
    assert np.array_equal(_border_fraction(one_pixel), is_border.reshape(-1) / 108)


def test_background_is_smoothed_by_a_gaussian_as_if_it_went_on_beyond_its_edges() -> None:
    row = np.random.default_rng(0).random(20)
    far = np.arange(-15, 16)
    kernel = np.exp(-((far / 2.5) ** 2) / 2)
    beyond = np.pad(row, 15, mode="reflect", reflect_type="odd")
    expected = np.convolve(beyond, kernel / kernel.sum(), mode="valid")
    assert _gaussian_weights(20, 2.5) @ row == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("angle", range(0, 360, 15))
@pytest.mark.parametrize(("darkest", "brightest"), [(0, 255), (60, 200), (120, 255), (0, 60)])
def test_tilted_background_without_ink_is_blank(
    angle: int, darkest: int, brightest: int, classifier: DigitClassifier
) -> None:
    along = np.cos(np.radians(angle)) * RIGHT + np.sin(np.radians(angle)) * DOWN
    tilted = darkest + (brightest - darkest) * (along - along.min()) / np.ptp(along)
    assert classifier.predict(np.rint(tilted).astype(np.uint8)).reason == "blank"


@pytest.mark.parametrize("angle", range(0, 360, 15))
@pytest.mark.parametrize("soft", [0.01, 1, 3])
def test_step_of_the_background_is_no_ink(angle: int, soft: float, classifier: DigitClassifier) -> None:
    along = np.cos(np.radians(angle)) * (RIGHT - 13.5) + np.sin(np.radians(angle)) * (DOWN - 13.5)
    step = 240 - 130 * np.clip((along + 3) / soft, 0, 1)
    assert classifier.predict(np.rint(step).astype(np.uint8)).reason == "blank"


@pytest.mark.parametrize("mode", ["auto", "mnist"])
@pytest.mark.parametrize("name", ["tilted", "cloudy"])
def test_dark_ink_on_an_uneven_background_is_read(
    name: str, mode: ReadingMode, three: Pixels, classifier: DigitClassifier
) -> None:
    reading = read_picture(Image.fromarray(255 - on(BACKGROUNDS[name], three)), mode=mode)
    assert not reading.light_on_dark
    assert np.abs(reading.pixels.astype(int) - three)[three == 0].mean() < 16
    assert classifier.predict(reading.pixels).digit == 3


@pytest.mark.parametrize("part", [0.3, 0.6])
def test_dark_ink_keeps_its_contrast_and_size(part: float, three: Pixels) -> None:
    small = np.zeros((28, 28), np.uint8)
    small[8:20, 10:18] = np.asarray(Image.fromarray(three[4:24, 6:22]).resize((8, 12)))
    light = 255 - BACKGROUNDS["tilted"]
    reading = read_picture(Image.fromarray(np.rint(light * (1 - part * (small / 255))).astype(np.uint8)), mode="mnist")
    assert reading.quality is not None
    assert reading.quality.contrast == pytest.approx(part, abs=0.1)
    assert reading.quality.side_pixels <= 13


def test_ink_that_covers_a_tilted_background_stays_even() -> None:
    """White ink has the same level everywhere, so where the background is brighter less is left of it."""
    ink = np.zeros((28, 28), np.uint8)
    ink[4:24, 6:9] = ink[4:24, 18:21] = 255
    found = find_tensor(on(BACKGROUNDS["tilted"], ink).tobytes(), "auto")
    assert found is not None
    left, right = np.frombuffer(found, np.uint8).reshape(28, 28)[14, [7, 19]]
    assert left > 245
    assert right > 190  # 168 if the background were only subtracted


def test_background_that_changes_at_a_line_is_smoothed() -> None:
    image = np.full((1, 28, 28, 1), 60, np.uint8)
    image[:, :, 14:] = 120
    image[:, :, 24] = 255
    beside = take_background_away(image)[0, 14, 14:24, 0]
    assert 30 < beside[0] < 60
    assert beside[0] / 10 < beside[2] < beside[0] / 5  # sigma is 1.5 pixels


def test_blot_wider_than_any_stroke_is_no_bright_ink() -> None:
    image = np.zeros((1, 28, 28, 1), np.uint8)
    image[:, 4:24, 9:18] = image[:, 9:18, 4:24] = 255
    assert not has_bright_ink(image)
    assert not has_bright_ink(255 - image)


def test_dark_ink_on_light_is_a_picture(three: Pixels) -> None:
    assert find_tensor((255 - three).tobytes(), "auto") is None


@pytest.mark.parametrize("model", BUNDLED_MODELS)
@pytest.mark.parametrize("mode", ["auto", "mnist", "photo", "raw"])
def test_uniform_image_is_blank_for_every_model_in_every_mode(model: str, mode: str) -> None:
    classifier = DigitClassifier(model, mode=mode)
    for level in (0, 7, 127, 255):
        image = np.full((28, 28), level, np.uint8)
        prediction = classifier.predict(image)
        assert (prediction.digit, prediction.reason, prediction.likeliest) == (None, "blank", None)
        assert classifier.predict_batch(np.stack([image, image])) == [prediction, prediction]
        assert [*classifier.predict_stream([image])] == [prediction]


def test_image_with_one_other_pixel_is_not_uniform() -> None:
    image = np.zeros((28, 28), np.uint8)
    image[14, 14] = 255
    prediction = DigitClassifier(mode="raw").predict(image)
    assert prediction.confidence > 0
    assert DigitClassifier(mode="raw").predict_batch(image[np.newaxis]) == [prediction]


def test_rejected_tensor_is_read_with_its_digit_in_the_place_of_mnists(
    draw_three: Callable[..., Image.Image], classifier: DigitClassifier
) -> None:
    corner = 255 - np.asarray(draw_three((28, 28), (2, 2), 10))
    assert not DigitClassifier(mode="raw").predict(corner).accepted
    prediction = classifier.predict(corner)
    assert prediction.digit == 3
    assert prediction.confidence >= 0.98
    assert classifier.predict_batch(corner[np.newaxis]) == [prediction]


@pytest.mark.parametrize("n_bright", [BACKGROUND_PIXELS - 1, BACKGROUND_PIXELS])
def test_single_image_and_batch_agree_on_what_may_be_a_background(n_bright: int) -> None:
    image = np.full((28, 28), 90, np.uint8)
    image[10:20, 12:16] = 255
    border = [(0, i) for i in range(28)] + [(27, i) for i in range(28)] + [(i, 0) for i in range(1, 27)]
    border += [(i, 27) for i in range(1, 27)]
    for place in border[n_bright:]:
        image[place] = 0
    single, batch = find_tensor(image.tobytes(), "auto"), find_tensors(image[np.newaxis, ..., np.newaxis], "auto")
    assert batch is not None
    assert single == batch.tobytes()
    assert (single != image.tobytes()) == (n_bright / 108 >= PICTURE_READING.tensor_background.min_bright_border)


def test_image_with_black_outer_rows_is_unchanged_beside_one_with_a_background() -> None:
    image = np.zeros((28, 28), np.uint8)
    image[2:26, [0, 1, 26, 27]] = 90
    image[10:20, 12:16] = 255
    raised = np.full((28, 28), 90, np.uint8)
    raised[10:20, 12:16] = 255
    batch = find_tensors(np.stack([image, raised])[..., np.newaxis], "auto")
    assert batch is not None
    assert [one.tobytes() for one in batch] == [find_tensor(one.tobytes(), "auto") for one in (image, raised)]
    assert (batch[0].tobytes() == image.tobytes(), batch[1].tobytes() == raised.tobytes()) == (True, False)
