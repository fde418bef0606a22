"""Rendered photographs: every kind renders reproducibly, with its true ink, and is read."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from benchmarks.rendering.pens import shape_from_font, shape_from_image, shape_from_strokes, thin
from benchmarks.rendering.photographs import DEVELOPMENT_SEED, FINAL_SEED, take_photograph, take_photographs
from benchmarks.rendering.picture_kinds import KINDS
from edge_mnist_runtime import DigitClassifier
from edge_mnist_trainer.augment.fonts import font_faces


@pytest.mark.parametrize("kind", KINDS)
def test_kind_renders_a_picture_and_its_ink(kind):
    photograph = take_photograph(4, kind, np.random.default_rng(0))
    picture = Image.open(io.BytesIO(photograph.data))
    picture.load()
    assert photograph.ink.shape == (picture.height, picture.width)
    assert (photograph.label, photograph.kind) == (4, kind)
    assert photograph.ink.max() > 0.5
    low, high = KINDS[kind].height
    rows = np.flatnonzero((photograph.ink > 0.5).any(1))
    columns = np.flatnonzero((photograph.ink > 0.5).any(0))
    assert 0.7 * low < (max(np.ptp(rows), np.ptp(columns)) + 1) / min(picture.size) < 1.5 * high


def test_same_seed_renders_the_same_bytes_with_any_other_kinds():
    alone = next(take_photographs(1, seed=3, kinds=("tiny",)))
    together = next(one for one in take_photographs(1, seed=3, kinds=("poor camera", "tiny")) if one.kind == "tiny")
    assert alone.data == together.data
    assert alone.data != next(take_photographs(1, seed=4, kinds=("tiny",))).data


def test_every_digit_is_equally_frequent():
    labels = [one.label for one in take_photographs(2, seed=0, kinds=("drawing",))]
    assert np.bincount(labels).tolist() == [2] * 10


def test_development_and_final_seed_differ():
    assert DEVELOPMENT_SEED != FINAL_SEED


def test_thinned_line_is_one_pixel_wide_and_connected():
    ink = np.zeros((60, 60), bool)
    ink[10:50, 20:29] = ink[41:50, 20:50] = True
    line = thin(ink)
    assert line.sum() < 80
    assert not (line & ~ink).any()
    assert ndimage.label(line, np.ones((3, 3)))[1] == 1


@pytest.mark.parametrize("width", [0.02, 0.1, 0.2])
def test_pen_draws_strokes_of_its_width(width):
    shape = shape_from_strokes(1, np.random.default_rng(0), hand=None)
    v, u = np.mgrid[-0.7:0.7:280j, -0.7:0.7:280j].astype(np.float32)
    ink = shape.coverage(u, v, width=width, pixels=200)
    across = ink[140].sum() / 200  # an upright stroke, in the middle of a 1
    assert across == pytest.approx(width, rel=0.3, abs=0.015)


@pytest.mark.parametrize("has_outline", [False, True])
@pytest.mark.parametrize("source", ["font", "image"])
def test_digit_from_a_font_or_an_image_is_connected(source, has_outline):
    rng = np.random.default_rng(0)
    for face in font_faces("test"):
        if source == "font":
            shape = shape_from_font(face, 2, rng, has_outline=has_outline)
        else:
            image = np.zeros((28, 28), np.uint8)
            image[6:22, 13:15] = image[20:22, 8:20] = 255
            shape = shape_from_image(image, has_outline=has_outline)
        v, u = np.mgrid[-0.7:0.7:280j, -0.7:0.7:280j].astype(np.float32)
        ink = shape.coverage(u, v, width=0.04, pixels=200) > 0.5
        assert ndimage.label(ink)[1] == 1
        if source == "image":
            break


@pytest.mark.slow
def test_bundled_model_reads_98_of_100_rendered_pictures():
    """Five digits of each kind. `python -m benchmarks.pictures` reads all, of several seeds."""
    classifier = DigitClassifier()
    photographs = [
        take_photograph(digit, kind, np.random.default_rng((DEVELOPMENT_SEED, index, digit)))
        for index, kind in enumerate(KINDS)
        for digit in range(index % 2, 10, 2)
    ]
    assert len(photographs) >= 100
    wrong = [f"{one.kind}: {one.label}" for one in photographs if classifier.predict(one.data).digit != one.label]
    assert len(wrong) <= 0.02 * len(photographs), wrong
