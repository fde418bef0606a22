"""Spray, halftone and chalky pens draw grain in the form of strokes: the network decides whether it is a digit."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from edge_mnist_runtime import DigitClassifier, PictureError
from edge_mnist_runtime.reading.modes import ReadingMode
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.reader import read_picture

Strokes = tuple[tuple[tuple[int, int], ...], ...]

FOUR: Strokes = (((130, 45), (70, 165), (230, 165)), ((180, 120), (172, 255)))


def spray(dot: int = 2, cover: float = 0.35, side: int = 300, strokes: Strokes = FOUR) -> Image.Image:
    """Strokes, or else a 4, of scattered black dots on white."""
    mask = Image.new("L", (300, 300))
    for stroke in strokes:
        ImageDraw.Draw(mask).line(stroke, fill=255, width=24, joint="curve")
    dots = np.random.default_rng(2).random((300 // dot, 300 // dot)) < cover
    inked = np.kron(dots, np.ones((dot, dot), np.bool_)) & (np.asarray(mask) > 0)
    return Image.fromarray(np.where(inked, 0, 255).astype(np.uint8)).resize((side, side), Image.Resampling.NEAREST)


def halftone() -> Image.Image:
    """A 4 of dots in a square grid."""
    mask = Image.new("L", (300, 300))
    for stroke in FOUR:
        ImageDraw.Draw(mask).line(stroke, fill=255, width=20, joint="curve")
    rows, columns = np.mgrid[:300, :300]
    dots = (columns % 6 - 3) ** 2 + (rows % 6 - 3) ** 2 < 6
    return Image.fromarray(np.where(dots & (np.asarray(mask) > 0), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("mode", ["auto", "photo", "mnist"])
@pytest.mark.parametrize("picture", [spray(), spray(3), halftone()], ids=["fine", "coarse", "halftone"])
def test_digit_of_dots_is_read(picture: Image.Image, mode: ReadingMode) -> None:
    assert DigitClassifier(mode=mode).predict(picture).digit == 4


def test_box_and_size_are_in_the_pixels_of_the_whole_picture(classifier: DigitClassifier) -> None:
    reading = read_picture(spray(side=3000))
    assert reading.box == pytest.approx((580, 350, 2400, 2560), abs=150)
    assert reading.quality is not None
    assert reading.quality.side_pixels == pytest.approx(2200, rel=0.1)
    assert [name for name, _ in reading.steps][:2] == ["picture", "smoothed"]
    assert classifier.predict(spray(side=3000)).digit == 4


def test_grain_is_blank_unless_the_network_is_sure(classifier: DigitClassifier) -> None:
    reading = read_picture(spray())
    assert (reading.flaw, reading.min_confidence) == ("blank", PICTURE_READING.reader.sure_of_grain)
    assert reading.is_grain
    assert reading.pixels.any()
    with pytest.raises(PictureError, match="spray: blank"):
        reading.require_ink("spray")
    scribble = spray(strokes=(((60, 60), (240, 240)), ((60, 240), (240, 60)), ((60, 150), (240, 150))))
    prediction = classifier.predict(scribble)
    assert (prediction.digit, prediction.reason) == (None, "blank")
    assert prediction.likeliest is not None


@pytest.mark.parametrize("turn", [0, 90])
def test_strokes_of_grain_that_are_no_digit_are_rejected(turn: int, classifier: DigitClassifier) -> None:
    """As tick marks, crosses and boxes are."""
    signs: tuple[Strokes, ...] = (
        (((60, 60), (240, 240)), ((60, 240), (240, 60))),
        (((60, 60), (240, 60), (240, 240), (60, 240), (60, 60)), ((60, 60), (240, 240))),
        (((80, 150), (220, 150)), ((80, 220), (220, 220)), ((80, 80), (220, 80))),
    )
    for strokes in signs:
        picture = spray(strokes=strokes).rotate(turn)
        assert read_picture(picture).flaw is not None
        assert classifier.predict(picture).digit is None


def test_light_and_turned_and_reduced_pictures_of_grain_are_read(tmp_path: Path, classifier: DigitClassifier) -> None:
    picture = spray()
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by 90 degrees
    picture.rotate(90).resize((2400, 2400)).save(tmp_path / "turned.jpg", exif=turned)
    for given in (ImageOps.invert(picture), picture.convert("RGB"), tmp_path / "turned.jpg"):
        assert classifier.predict(given).digit == 4


def test_blank_picture_without_strokes_has_no_tensor() -> None:
    for picture in (Image.new("L", (300, 300), 200), Image.new("L", (30, 30), 255)):
        reading = read_picture(picture)
        assert (reading.flaw, reading.box, reading.min_confidence) == ("blank", None, math.inf)


def test_fold_or_shadow_from_edge_to_edge_stays_blank(classifier: DigitClassifier) -> None:
    rows, columns = np.mgrid[:320, :320] / 320
    noise = np.random.default_rng(0).normal(0, 8, (320, 320))
    band = 190 - 40 * np.exp(-(((columns - 0.5 + 0.25 * (rows - 0.5)) / 0.03) ** 2)) + noise
    for values in (band, band.T):
        picture = Image.fromarray(values.clip(0, 255).astype(np.uint8))
        assert (read_picture(picture).box, classifier.predict(picture).reason) == (None, "blank")


def test_preprocess_tells_from_which_confidence_grain_is_a_digit(run_here: Callable[..., Any], tmp_path: Path) -> None:
    spray().save(tmp_path / "spray.png")
    said = "classify rejects it as blank unless its confidence is 0.98 or more"
    assert said in run_here("preprocess", tmp_path / "spray.png").out
    record = run_here("preprocess", tmp_path / "spray.png", "--json").json
    assert (record["flaw"], record["min_confidence"]) == ("blank", 0.98)
    assert run_here("classify", tmp_path / "spray.png").code == 0
