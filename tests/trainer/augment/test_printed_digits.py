"""Digits in printed fonts: which family is for what, and what a face draws."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from edge_mnist_runtime.reading.modes import find_tensor
from edge_mnist_trainer.augment.fonts import FAMILIES, font_faces, render_digits
from edge_mnist_trainer.augment.framing import MIN_PEAK

SPLITS = tuple(FAMILIES)
FAMILY_NAMES = [(split, family) for split in SPLITS for family in FAMILIES[split]]
UNKNOWN = "\U000f1234"
"""A private character: what a face draws where it has no glyph."""


def draw(face, text: str) -> bytes:
    """A text's pixels at 48 pixels to the em, with their size."""
    mask = face.at_size(48).getmask(text, "L")
    return bytes(str(mask.size), "ascii") + bytes(mask)


@pytest.mark.parametrize(("one", "other"), tuple(combinations(SPLITS, 2)))
def test_splits_share_no_family_and_no_shape(one, other):
    assert not FAMILIES[one].keys() & FAMILIES[other].keys()
    drawn = [{draw(face, "0123456789") for face in font_faces(split)} for split in (one, other)]
    assert not drawn[0] & drawn[1]
    data = [{face.data for face in font_faces(split)} for split in (one, other)]
    assert not data[0] & data[1]


@pytest.mark.parametrize("split", SPLITS)
def test_every_family_of_a_split_has_faces_and_no_other_has(split):
    assert {face.family for face in font_faces(split)} == FAMILIES[split].keys()


@pytest.mark.parametrize("split", SPLITS)
def test_no_face_comes_twice(split):
    faces = font_faces(split)
    assert len({(face.family, face.style) for face in faces}) == len(faces)
    assert len({face.data for face in faces}) == len(faces)


@pytest.mark.parametrize(("split", "family"), FAMILY_NAMES)
def test_every_face_of_a_family_draws_ten_different_digits(split, family):
    for face in font_faces(split):
        if face.family == family:
            drawn = {draw(face, character) for character in (*"0123456789", UNKNOWN)}
            assert len(drawn) == 11, face.style


def test_faces_come_in_the_same_order_each_time():
    assert font_faces("validation") == font_faces("validation")


@pytest.fixture(scope="module")
def rendered():
    return render_digits("validation", variants=3)


@pytest.fixture(scope="module")
def varied():
    return render_digits("validation", variants=3, varied=True)


@pytest.mark.parametrize("how", ["rendered", "varied"])
def test_rendered_digits_are_tensors(how, request):
    digits = request.getfixturevalue(how)
    n_faces = len(font_faces("validation"))
    assert (digits.images.shape, digits.images.dtype) == ((n_faces * 10 * 3, 28, 28, 1), np.uint8)
    assert (digits.images.max((1, 2, 3)) >= MIN_PEAK).all()


def test_rendered_digits_are_tensors_with_dark_corners(rendered):
    for image in rendered.images:
        assert find_tensor(image.tobytes(), "auto") == image.tobytes()
        rows, columns = np.nonzero(image[..., 0])
        assert max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
        assert image.max() == 255


def test_some_varied_digits_are_of_other_sizes_than_mnists(varied):
    heights = np.array([np.ptp(np.nonzero(image.any((1, 2)))[0]) + 1 for image in varied.images])
    assert 0.1 < (heights > 21).mean() < 0.4


def test_every_digit_of_every_face_is_rendered_as_often_as_asked(rendered):
    assert (rendered.name, rendered.split, rendered.labels.dtype) == ("fonts", "validation", np.uint8)
    assert rendered.labels.tolist() == [
        digit for _ in font_faces("validation") for digit in range(10) for _ in range(3)
    ]


def test_varied_digits_are_lighter_and_bolder_narrower_and_wider_than_the_faces(rendered, varied):
    def spreads(digits):
        ink = (digits.images[..., 0] > 60).sum(axis=(1, 2))
        columns = (digits.images[..., 0] > 60).any(axis=1).sum(axis=1)
        return ink[digits.labels != 1], columns[digits.labels != 1]

    for plain, changed in zip(spreads(rendered), spreads(varied), strict=True):
        assert changed.min() < plain.min()
        assert changed.max() > plain.max()


def test_variants_of_a_digit_differ(rendered):
    assert len(np.unique(rendered.images, axis=0)) == len(rendered)


def test_rendering_is_repeatable_by_seed():
    faces = font_faces("test")[:2]
    first, again, other = (render_digits("test", variants=1, seed=seed, faces=faces).images for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_named_faces_replace_those_of_the_split():
    faces = font_faces("test")[:2]
    digits = render_digits("test", variants=2, faces=faces)
    assert len(digits) == 2 * 10 * 2
    again = render_digits("test", variants=2, faces=faces[:1])
    assert np.array_equal(digits.images[:20], again.images)


def test_another_face_draws_another_digit():
    plain, thin = (render_digits("test", variants=1, faces=(face,)).images for face in font_faces("test")[-2:])
    assert (plain != thin).any(axis=(1, 2, 3)).all()
