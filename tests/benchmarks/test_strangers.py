"""Pictures and disturbances that judge: the same each time, of every kind, and none that training draws."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from benchmarks.judging import Judged, judge, part_rejected
from benchmarks.rendering.pens import shape_from_strokes
from benchmarks.rendering.school_hands import HANDS, TROUBLESOME, shape_from_form
from benchmarks.rendering.strange_signs import SIGNS, take_signs
from benchmarks.rendering.strangers import DEVELOPMENT, FINAL, KINDS, cover, take_strangers
from benchmarks.rendering.unseen_corruptions import UNSEEN, corrupt_unseen
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.augment.corruptions import apply_corruption
from edge_mnist_trainer.augment.disturbances import TRAINING_KINDS
from edge_mnist_trainer.augment.strokes import draw_digits


def own_shape(digit: int, rng: np.random.Generator):
    return shape_from_strokes(digit, rng, hand=None)


@pytest.fixture(scope="module")
def digits() -> LabelledDigits:
    images, labels = draw_digits(3, seed=0)
    return LabelledDigits("drawn", "test", images, labels)


@pytest.fixture(scope="module")
def classifier() -> DigitClassifier:
    return DigitClassifier("robust")


def decode(shown) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(shown))) if isinstance(shown, bytes) else shown


@pytest.mark.parametrize("kind", KINDS)
def test_kind_renders_pictures_with_ink_repeatable_by_seed(kind):
    first, again = (
        list(take_strangers(2, seed=1, split="validation", find_shape=own_shape, kinds=(kind,))) for _ in range(2)
    )
    assert [one.label for one in first] == [KINDS[kind][0][number % len(KINDS[kind][0])] for number in range(2)]
    for one, same in zip(first, again, strict=True):
        pixels = decode(one.picture)
        assert np.array_equal(pixels, decode(same.picture))
        assert min(pixels.shape[:2]) >= 22
        assert np.ptp(pixels) > 30
    assert not np.array_equal(decode(first[0].picture), decode(first[1].picture))


def test_a_kinds_pictures_do_not_depend_on_other_kinds():
    alone = list(take_strangers(1, seed=1, split="test", find_shape=own_shape, kinds=("gaps",)))
    both = list(take_strangers(1, seed=1, split="test", find_shape=own_shape, kinds=("canvas, shrunk", "gaps")))
    assert alone[0].picture == both[1].picture


def test_development_and_final_pictures_differ_in_seed_and_split():
    assert DEVELOPMENT[0] != FINAL[0]
    assert DEVELOPMENT[1] != FINAL[1]


@pytest.mark.parametrize("school", HANDS)
def test_every_school_writes_every_digit(school):
    assert [*HANDS[school]] == list(range(10))


@pytest.mark.parametrize(("digit", "forms"), TROUBLESOME.values(), ids=[*TROUBLESOME])
def test_troublesome_forms_are_those_of_one_digit(digit, forms):
    assert 0 <= digit <= 9
    assert len(forms) >= 3


@pytest.mark.parametrize("width", [0.5, 1.0])
@pytest.mark.parametrize("side", [28, 300, 1000])
def test_hairlines_hang_together_at_every_size(side, width):
    shape = shape_from_form("50,0 50,100", np.random.default_rng(0))
    ink = cover(shape, (side, side), (side / 2, side / 2), 0.8 * side, width)
    rows = ink.max(1) > 0.3 * ink.max()
    assert rows.sum() == pytest.approx(0.8 * side, rel=0.1)


@pytest.mark.parametrize("kind", SIGNS)
def test_signs_are_pictures_repeatable_by_seed(kind, digits):
    first, again = (list(take_signs(2, seed=1, split="test", digits=digits, kinds=(kind,))) for _ in range(2))
    assert [name for _, name in first] == [kind, kind]
    for (shown, _), (same, _) in zip(first, again, strict=True):
        assert np.array_equal(decode(shown), decode(same))


def test_no_kind_of_disturbance_both_trains_and_judges():
    assert not UNSEEN.keys() & TRAINING_KINDS.keys()
    assert not {one.apply for one in UNSEEN.values()} & {one.apply for one in TRAINING_KINDS.values()}


@pytest.mark.parametrize("kind", UNSEEN)
def test_judges_disturbances_change_every_image_and_are_repeatable(kind, digits):
    first, again = (corrupt_unseen(digits, kind, seed=2) for _ in range(2))
    assert np.array_equal(first.images, again.images)
    assert np.array_equal(first.labels, digits.labels)
    assert (first.images != digits.images).any(axis=(1, 2, 3)).mean() > 0.9


@pytest.mark.parametrize("kind", UNSEEN)
def test_harder_disturbances_change_more(kind, digits):
    mild, _, hard = (
        np.abs(
            apply_corruption(digits.images, UNSEEN[kind], np.full(30, strength), np.random.default_rng(0)).astype(int)
            - digits.images
        ).mean()
        for strength in UNSEEN[kind].severities
    )
    assert 0 < mild < 1.01 * hard  # coarser dots of a halftone change no more


def test_judging_counts_right_wrong_and_rejected(classifier, digits):
    tensors, labels = [*digits.images[..., 0]], digits.labels.tolist()
    judged = judge(classifier, tensors, labels)
    assert judged.n == 30
    assert judged.right + judged.wrong <= 30
    assert judged.likeliest >= judged.right >= 28
    others = judge(classifier, tensors, [(label + 1) % 10 for label in labels])
    assert (others.right, others.wrong) == (judged.wrong and others.right, judged.right + judged.wrong - others.right)


def test_rejected_pictures_still_have_a_likeliest_digit(classifier, digits):
    cut = np.zeros((200, 100), np.uint8)
    cut[:, 45:60] = 255  # a stem that goes on beyond both edges
    file = io.BytesIO()
    Image.fromarray(cut).save(file, "PNG")
    judged = judge(classifier, [file.getvalue()], [1])
    assert judged.n == 1
    blank = judge(classifier, [np.full((90, 90), 255, np.uint8)], [1])
    assert blank == Judged(1, 0, 0, 0)


def test_blank_pictures_are_rejected(classifier):
    assert part_rejected(classifier, [np.full((60, 60), 200, np.uint8)] * 2) == 1.0
