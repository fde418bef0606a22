"""Pictures of what is no digit."""

from __future__ import annotations

import numpy as np
import pytest

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.augment.fonts import FAMILIES
from edge_mnist_trainer.augment.letter_forms import GREEK, LATIN, letter_strokes
from edge_mnist_trainer.augment.negatives import (
    GREEK_FAMILIES,
    KINDS,
    LETTERS,
    TEST_KINDS,
    TRAINING_KINDS,
    draw_no_digits,
    draw_training_no_digits,
)
from edge_mnist_trainer.augment.settings import Augmentation
from edge_mnist_trainer.fit import transfer_set

pytestmark = pytest.mark.slow

SPLITS = ("train", "validation", "test")


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("kind", [*KINDS, *TRAINING_KINDS])
def test_every_kind_is_drawn_as_tensors_repeatable_by_seed(kind, split):
    first, again, other = (draw_no_digits(kind, 6, split=split, seed=seed) for seed in (1, 1, 2))
    assert (first.shape, first.dtype) == ((6, 28, 28, 1), np.uint8)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_splits_hold_other_pictures():
    train, validation, test = (draw_no_digits("letters", 6, split=split, seed=0) for split in SPLITS)
    assert not np.array_equal(train, validation)
    assert not np.array_equal(validation, test)


def test_letters_that_look_like_digits_are_left_out():
    assert not {*"BDGIJOQSTYZbgijloqsyz"} & {*LETTERS}


def test_training_sees_no_test_kind(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "edge_mnist_trainer.augment.negatives.draw_no_digits",
        lambda kind, n, **_: drawn.append(kind) or np.zeros((n, 28, 28, 1), np.uint8),
    )
    draw_training_no_digits(100, seed=0)
    assert {*drawn} == {*KINDS, *TRAINING_KINDS} - TEST_KINDS


def test_no_family_of_greek_letters_is_in_two_splits():
    splits = [{*GREEK_FAMILIES[split]} for split in SPLITS]
    assert all(splits)
    assert not splits[0] & splits[1]
    assert not splits[0] & splits[2]
    assert not splits[1] & splits[2]
    assert splits[0] <= {*FAMILIES["train"]}
    assert splits[1] | splits[2] <= {*FAMILIES["validation"]}


def test_written_letters_look_like_no_digit():
    assert {*LATIN} <= {*LETTERS}
    for letter in (*LATIN, *GREEK):
        points = np.concatenate([np.array(stroke) for stroke in letter_strokes(letter)])
        assert points.min() >= 0
        assert points.max() <= 1


def test_transfer_set_says_of_no_digit_that_every_digit_is_alike(tmp_path, monkeypatch):
    class Sure:
        """A teacher that is sure of everything."""

        def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
            return np.tile(np.eye(10)[3], (len(images), 1))

    monkeypatch.setattr("edge_mnist_trainer.augment.batches.NO_DIGIT_PICTURES", 40)
    digits = LabelledDigits("tens", "train", np.zeros((80, 28, 28, 1), np.uint8), np.full(80, 3, np.uint8))
    made = transfer_set.make_transfer_set(
        digits, {"a": Sure()}, Augmentation(no_digit_part=0.2), tmp_path, views=2, seed=0
    )
    alike = np.isclose(made.probabilities, 0.1, atol=1e-3).all(axis=1)
    assert alike.sum() == 2 * 20
    assert (made.probabilities[~alike].argmax(axis=1) == 3).all()
