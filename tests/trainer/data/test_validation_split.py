"""The split of MNIST's training images into training and validation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.data.splits import indices_sha256, is_validation, split_train_validation


@pytest.fixture(scope="module")
def numbered() -> LabelledDigits:
    """60,000 images with their own number in the first four pixels."""
    images = np.zeros((60_000, 28, 28, 1), np.uint8)
    images.reshape(60_000, -1)[:, :4] = np.arange(60_000, dtype="<u4").view(np.uint8).reshape(-1, 4)
    return LabelledDigits("numbered", "train", images, (np.arange(60_000) % 10).astype(np.uint8))


def numbers(digits: LabelledDigits) -> np.ndarray:
    return np.ascontiguousarray(digits.images.reshape(len(digits), -1)[:, :4]).view("<u4").ravel()


def test_split_gives_55000_training_and_5000_validation_images(numbered):
    training, validation = split_train_validation(numbered)
    assert (len(training), training.split) == (55_000, "train")
    assert (len(validation), validation.split) == (5_000, "validation")


def test_split_is_disjoint_and_loses_no_image(numbered):
    training, validation = (set(numbers(part)) for part in split_train_validation(numbered))
    assert not training & validation
    assert training | validation == set(range(60_000))


def test_split_keeps_labels_with_their_images(numbered):
    for part in split_train_validation(numbered):
        assert np.array_equal(part.labels, numbers(part) % 10)


def test_validation_is_five_blocks_of_consecutive_images():
    starts = np.flatnonzero(np.diff(is_validation(60_000).astype(int)) == 1) + 1
    assert starts.tolist() == [11_000, 23_000, 35_000, 47_000, 59_000]


def test_split_does_not_depend_on_the_global_seed(numbered):
    np.random.seed(1)
    first = split_train_validation(numbered)[1]
    np.random.seed(2)
    assert np.array_equal(numbers(first), numbers(split_train_validation(numbered)[1]))


@given(st.integers(0, 60_000), st.integers(0, 60_000))
def test_rule_does_not_depend_on_how_many_images_there_are(fewer, more):
    shortest = min(fewer, more)
    assert np.array_equal(is_validation(fewer)[:shortest], is_validation(more)[:shortest])


def test_hash_of_the_validation_indices_has_not_changed():
    assert (
        indices_sha256(np.flatnonzero(is_validation(60_000)))
        == "e759c0ba0e8e495efb5ffc63e987efcd3712d7cea3fe22631356de10078aaf2c"
    )


@pytest.mark.parametrize("dtype", ["int32", "int64", ">i8", "uint16"])
def test_hash_of_indices_does_not_depend_on_their_dtype(dtype):
    indices = np.array([0, 3, 500])
    assert indices_sha256(indices.astype(dtype)) == indices_sha256(indices)


def test_hash_of_indices_depends_on_their_order():
    assert indices_sha256(np.array([1, 2])) != indices_sha256(np.array([2, 1]))
