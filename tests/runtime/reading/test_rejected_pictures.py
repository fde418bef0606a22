"""Pictures without a readable digit are rejected with a reason, not an exception."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from edge_mnist_runtime import DigitClassifier, PictureError
from edge_mnist_runtime.reading.ink import outline_on_edges, pick_ink
from edge_mnist_runtime.reading.page import Segmentation
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.reader import read_picture

Draw = Callable[..., Image.Image]


def side_by_side(*pictures: Image.Image) -> Image.Image:
    row = Image.new("L", (sum(one.width for one in pictures), pictures[0].height))
    for index, picture in enumerate(pictures):
        row.paste(picture, (sum(one.width for one in pictures[:index]), 0))
    return row


def shaded(picture: Image.Image) -> Image.Image:
    """In uneven light, so that it is read as a photograph."""
    light = np.linspace(1, 0.5, picture.width)[np.newaxis]
    return Image.fromarray(np.rint(np.asarray(picture) * light).astype(np.uint8))


def test_blank_picture_is_rejected_without_the_network(classifier: DigitClassifier) -> None:
    prediction = classifier.predict(Image.new("RGB", (300, 200), "white"))
    assert (prediction.digit, prediction.confidence, prediction.reason) == (None, 0.0, "blank")
    assert prediction.probabilities == pytest.approx(np.full(10, 0.1))
    assert not prediction.probabilities.flags.writeable
    assert prediction.quality is None


@pytest.mark.parametrize("make", [lambda picture: picture, shaded], ids=["drawing", "photograph"])
@pytest.mark.parametrize("invert", [False, True])
def test_two_digits_are_several(make: Any, invert: bool, draw_three: Draw, classifier: DigitClassifier) -> None:
    both = side_by_side(draw_three((120, 200), (25, 50)), draw_three((120, 200), (25, 50)))
    picture = make(ImageOps.invert(both) if invert else both)
    assert classifier.predict(picture).reason == "several digits"


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("digit_first", [False, True])
def test_digit_that_runs_out_of_the_picture_is_cut_off(turn: int, digit_first: bool, draw_three: Draw) -> None:
    cut = draw_three((300, 200), (-30 if digit_first else 270, 60), 90)
    picture = cut if not digit_first else cut.crop((0, 0, 200, 200))
    assert read_picture(picture.rotate(turn, expand=True)).flaw == "cut off"


@pytest.mark.parametrize("margin", [0, 1, 3])
def test_digit_that_fills_the_frame_is_not_cut_off(margin: int, draw_three: Draw, classifier: DigitClassifier) -> None:
    picture = draw_three((400, 400), (100, 100), 200)
    left, top, right, bottom = ImageOps.invert(picture).getbbox()
    tight = picture.crop((left - margin, top - margin, right + margin, bottom + margin))
    assert classifier.predict(tight).digit == 3


@pytest.mark.parametrize(("height", "flaw"), [(5, "too small"), (6, "too small"), (14, None), (40, None)])
def test_digit_of_few_pixels_is_too_small(height: int, flaw: str | None, draw_three: Draw) -> None:
    assert read_picture(draw_three((60, 60), (20, 15), height)).flaw == flaw


def test_quality_is_in_the_pictures_own_pixels(draw_three: Draw) -> None:
    large = draw_three((2400, 2400), (800, 600), 1200)
    buffer = io.BytesIO()
    large.save(buffer, "JPEG")
    from edge_mnist_runtime.classifier import read_any

    for picture in (large, buffer.getvalue()):  # the JPEG is decoded at a reduced scale
        quality = read_any(picture).quality
        assert quality is not None
        assert quality.side_pixels == pytest.approx(1344, rel=0.03)
        assert quality.contrast > 0.9


def test_faint_ink_has_little_contrast(draw_three: Draw) -> None:
    quality = read_picture(draw_three(ink=150, ground=250)).quality
    assert quality is not None
    assert quality.contrast == pytest.approx(0.4, abs=0.05)


def test_batch_rejects_what_predict_rejects(draw_three: Draw, classifier: DigitClassifier) -> None:
    pictures = [draw_three(), Image.new("L", (90, 90), 200), np.zeros((28, 28), np.uint8), shaded(draw_three())]
    together = classifier.predict_batch(pictures)
    assert [one.digit for one in together][:2] == [3, None]
    assert together[1].reason == "blank"
    assert together[2].quality is None
    for one, picture in zip(together, pictures, strict=True):
        alone = classifier.predict(picture)
        assert (one.digit, one.reason, one.quality) == (alone.digit, alone.reason, alone.quality)


# Always the same examples, because a rare picture of faint, tiny noise passes these rules (see the next test).
@given(st.integers(30, 200), st.integers(30, 200), st.floats(0, 60), st.booleans(), st.integers(0, 2**32 - 1))
@settings(max_examples=30, derandomize=True)
def test_noise_is_rejected_at_any_size(height: int, width: int, deviation: float, colour: bool, seed: int) -> None:
    shape = (height, width, 3) if colour else (height, width)
    noise = np.random.default_rng(seed).normal(128, deviation, shape).clip(0, 255).astype(np.uint8)
    reading = read_picture(Image.fromarray(noise))
    assert reading.flaw is not None
    assert reading.pixels.shape == (28, 28)


def test_noise_that_looks_like_ink_is_rejected_by_the_network(classifier: DigitClassifier) -> None:
    noise = np.random.default_rng(504).normal(128, 11.25, (30, 30, 3)).clip(0, 255).astype(np.uint8)
    assert read_picture(Image.fromarray(noise)).flaw is None  # three of the four signs of grain
    prediction = classifier.predict(Image.fromarray(noise))
    assert (prediction.digit, prediction.reason) == (None, "no digit")


def test_gradient_is_blank() -> None:
    rows, columns = np.mgrid[:300, :400]
    for ramp in (rows * 0.8, 250 - rows * 0.5 - columns * 0.2, 60 + ((rows - 100) ** 2 + (columns - 150) ** 2) / 700):
        assert read_picture(Image.fromarray(ramp.clip(0, 255).astype(np.uint8))).flaw == "blank"


def test_unreadable_picture_is_still_an_error(classifier: DigitClassifier) -> None:
    with pytest.raises(PictureError):
        classifier.predict(b"no picture")
    with pytest.raises(PictureError):
        classifier.predict("absent.png")


def test_classify_says_why_and_exits_with_8(run_here: Callable[..., Any], tmp_path: Path) -> None:
    Image.new("L", (300, 200), 200).save(tmp_path / "blank.png")
    finished = run_here("classify", tmp_path / "blank.png")
    assert (finished.code, finished.err) == (8, "")
    assert finished.out == f"-    0.00%  {tmp_path / 'blank.png'}  (blank)\n"


def test_preprocess_shows_quality_and_rejection_reason(
    run_here: Callable[..., Any], draw_three: Draw, tmp_path: Path
) -> None:
    side_by_side(draw_three((120, 200), (25, 50)), draw_three((120, 200), (25, 50))).save(tmp_path / "two.png")
    assert "classify rejects it as several digits" in run_here("preprocess", tmp_path / "two.png").out
    record = run_here("preprocess", tmp_path / "two.png", "--json").json
    assert record["flaw"] == "several digits"
    assert record["quality"]["contrast"] == 1.0


def test_limits_are_part_of_the_reading_definition() -> None:
    assert PICTURE_READING.flaws.min_side_pixels == 9


def strokes(box: tuple[int, int, int, int]) -> np.ndarray:
    """Full ink in a box of a page of 60 x 60, top, bottom, left and right."""
    darkness = np.zeros((60, 60), np.float32)
    darkness[box[0] : box[1], box[2] : box[3]] = 0.8
    return darkness


@pytest.mark.parametrize("box", [(10, 50, 20, 30), (0, 60, 20, 30), (1, 59, 0, 10), (1, 59, 1, 59)])
def test_outline_counts_only_if_there_is_background_beside_it(box: tuple[int, int, int, int]) -> None:
    darkness = strokes(box)
    if box[1] - box[0] == box[3] - box[2]:
        darkness[10:50, 10:50] = 0  # a thick 0 that the picture was cut close to
    ink = pick_ink(darkness, 0.0)
    assert ink is not None
    assert outline_on_edges((250 * (1 - darkness)).astype(np.uint8), ink) == 1
    assert outline_on_edges(np.full((60, 60), 250, np.uint8), ink) == 0  # a shadow without an edge


def test_hairs_score_lower_than_a_thin_pen() -> None:
    def score(width: int) -> float:
        darkness = np.zeros((400, 400), np.float32)
        darkness[20:380, 200 : 200 + width] = 0.8
        ink = pick_ink(darkness, 0.0)
        assert ink is not None
        return Segmentation(ink, darkness, 0, False, 1.0).score

    assert score(2) < 0.5 * score(8)
    assert score(8) == pytest.approx(score(16), rel=0.1)
