"""The user's own digits in IDX files named like EMNIST's, and in .npz files."""

from __future__ import annotations

import gc
import re
import struct
import zipfile

import numpy as np
import pytest
from tests.trainer.data.digit_samples import (
    EMNIST,
    IMAGES,
    LABELS,
    images_of,
    refusal,
    truncate,
    write_folder,
    write_idx_half,
    write_npz,
)

from edge_mnist_runtime.dataset import MNIST_SHA256, encode_idx
from edge_mnist_trainer.data.sources import load_digit_set

# IDX files.


def test_emnist_images_are_transposed_back(tmp_path):
    write_idx_half(tmp_path, images=IMAGES[..., 0].transpose(0, 2, 1))
    write_idx_half(tmp_path, "test", images=IMAGES[:7, ..., 0].transpose(0, 2, 1), labels=LABELS[:7])
    digits = load_digit_set(tmp_path)
    assert images_of(digits) == sorted(image.tobytes() for image in IMAGES)
    assert digits.test is not None
    assert np.array_equal(digits.test.images, IMAGES[:7])
    assert (digits.test.name, digits.test.split) == (tmp_path.name, "test")
    assert digits.test.labels.tolist() == LABELS[:7].tolist()


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("half", ["t10k", "test"])
def test_images_with_another_prefix_are_not_transposed(half, suffix, tmp_path):
    for name in ("train", half):
        write_idx_half(tmp_path, name, prefix="ours-", suffix=suffix)
    digits = load_digit_set(tmp_path)
    assert images_of(digits) == sorted(image.tobytes() for image in IMAGES)
    assert digits.test is not None
    assert np.array_equal(digits.test.images, IMAGES)


def test_idx_files_may_come_without_a_test_part(tmp_path):
    assert load_digit_set(write_idx_half(tmp_path)).test is None


def test_two_test_parts_are_refused(tmp_path):
    for half in ("train", "t10k", "test"):
        write_idx_half(tmp_path, half)
    assert re.search(r"two test parts.*t10k.*test", refusal(tmp_path))


def test_several_prefixes_in_one_folder_are_listed(tmp_path):
    write_idx_half(tmp_path)
    write_idx_half(tmp_path, prefix="emnist-letters-")
    assert re.search(r"emnist-digits-train.*, emnist-letters-train.*one data set", refusal(tmp_path))


def test_mnist_s_plain_names_beside_another_prefix_are_listed(tmp_path):
    write_idx_half(tmp_path)
    write_idx_half(tmp_path, prefix="")
    assert re.search(r"\(train-images.*, emnist-digits-train", refusal(tmp_path))


def test_idx_files_beside_pictures_are_refused(tmp_path):
    write_idx_half(write_folder(tmp_path))
    assert re.search(r"both", refusal(tmp_path))


def test_plain_names_with_other_content_are_not_mnist(tmp_path):
    for name in MNIST_SHA256:
        (tmp_path / name).write_bytes(encode_idx(LABELS))
    assert "not MNIST's" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("gone", "said"), [("images-idx3", "labels without images"), ("labels-idx1", "images without labels")]
)
@pytest.mark.parametrize("half", ["train", "test"])
def test_half_of_a_pair_is_refused(half, gone, said, tmp_path):
    for name in ("train", "test"):
        write_idx_half(tmp_path, name)
    (tmp_path / f"{EMNIST}{half}-{gone}-ubyte.gz").unlink()
    message = refusal(tmp_path)
    assert said in message
    assert f"{EMNIST}{half}-{gone}-ubyte[.gz]" in message


def test_test_part_alone_is_refused(tmp_path):
    assert f"{EMNIST}train-images-idx3-ubyte[.gz]" in refusal(write_idx_half(tmp_path, "test"))


def test_letters_are_refused_with_count_and_first_index(tmp_path):
    labels = LABELS.copy()
    labels[[4, 6, 30]] = (26, 11, 10)
    message = refusal(write_idx_half(tmp_path, labels=labels))
    assert "3 of 50 labels are outside 0..9, the first 26 at index 4" in message


@pytest.mark.parametrize(("n_images", "n_labels"), [(50, 48), (48, 50)])
def test_unequal_counts_are_refused_with_both_counts(n_images, n_labels, tmp_path):
    write_idx_half(tmp_path, images=IMAGES[:n_images, ..., 0], labels=LABELS[:n_labels])
    message = refusal(tmp_path)
    assert f"{n_images} images but {n_labels} labels" in message
    assert "from index 48 on" in message


def test_idx_files_without_images_are_refused(tmp_path):
    assert "no images" in refusal(write_idx_half(tmp_path, images=IMAGES[:0, ..., 0], labels=LABELS[:0]))


def test_idx_images_of_another_size_are_refused(tmp_path):
    message = refusal(write_idx_half(tmp_path, images=np.zeros((50, 20, 28), np.uint8)))
    assert "(50, 20, 28)" in message
    assert "(N, 28, 28)" in message


def test_idx_file_of_images_in_place_of_labels_is_refused(tmp_path):
    assert "expected integers (N,)" in refusal(write_idx_half(tmp_path, labels=IMAGES[..., 0]))


def test_damaged_idx_file_is_named(tmp_path):
    truncate(write_idx_half(tmp_path) / f"{EMNIST}train-images-idx3-ubyte.gz")
    assert f"{EMNIST}train-images-idx3-ubyte.gz: cannot be read" in refusal(tmp_path)


# .npz files.


@pytest.mark.parametrize("keys", [("x_train", "y_train"), ("images", "labels")])
@pytest.mark.parametrize("images", [IMAGES, IMAGES[..., 0]], ids=["N,28,28,1", "N,28,28"])
@pytest.mark.parametrize("dtype", ["uint8", "int64", ">i4"])
def test_npz_is_read(keys, images, dtype, tmp_path):
    digits = load_digit_set(
        write_npz(tmp_path / "ours.npz", **dict(zip(keys, (images, LABELS.astype(dtype)), strict=True)))
    )
    assert images_of(digits) == sorted(image.tobytes() for image in IMAGES)
    assert (digits.training.name, digits.training.labels.dtype, digits.test) == ("ours.npz", np.uint8, None)
    assert digits.validation.images.shape == (10, 28, 28, 1)


def test_npz_with_a_test_part_gives_it(tmp_path):
    path = write_npz(tmp_path / "ours.npz", x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:4], y_test=LABELS[:4])
    test = load_digit_set(path).test
    assert test is not None
    assert (test.name, test.split) == ("ours.npz", "test")
    assert np.array_equal(test.images, IMAGES[:4])


@pytest.mark.parametrize(
    ("images", "found"),
    [
        (IMAGES.astype(np.float32), r"float32 \(50, 28, 28, 1\)"),
        (IMAGES.reshape(50, 784), r"uint8 \(50, 784\)"),
        (IMAGES.repeat(3, axis=3), r"uint8 \(50, 28, 28, 3\)"),
        (IMAGES[0], r"uint8 \(28, 28, 1\)"),
    ],
    ids=["float", "flat", "colour", "one image"],
)
def test_npz_images_of_another_kind_are_refused_with_what_was_found(images, found, tmp_path):
    message = refusal(write_npz(tmp_path / "ours.npz", x_train=images, y_train=LABELS))
    assert re.search(rf"x_train is {found}; expected uint8 \(N, 28, 28\) or \(N, 28, 28, 1\)", message)


@pytest.mark.parametrize("labels", [LABELS.astype(float), np.eye(10, dtype=np.uint8)[LABELS], LABELS.astype(str)])
def test_npz_labels_of_another_kind_are_refused_with_what_was_found(labels, tmp_path):
    message = refusal(write_npz(tmp_path / "ours.npz", images=IMAGES, labels=labels))
    assert f"labels is {labels.dtype} {labels.shape}; expected integers (N,)" in message


def test_negative_label_is_outside(tmp_path):
    message = refusal(write_npz(tmp_path / "ours.npz", images=IMAGES, labels=LABELS.astype(int) - 1))
    assert "5 of 50 labels are outside 0..9, the first -1 at index 0" in message


def test_bad_test_part_is_refused_too(tmp_path):
    path = tmp_path / "ours.npz"
    message = refusal(write_npz(path, x_train=IMAGES, y_train=LABELS, x_test=IMAGES, y_test=LABELS[:9]))
    assert re.search(r"x_test.*50 images but 9 labels", message)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("x_train",), "images without labels"),
        (("images",), "images without labels"),
        (("y_train",), "labels without images"),
        (("x_train", "y_train", "x_test"), "images without labels"),
        (("x_test", "y_test"), "holds x_test, y_test; expected x_train and y_train"),
        (("a", "b"), "holds a, b; expected x_train and y_train"),
        ((), "holds no arrays; expected x_train and y_train"),
        (("x_train", "y_train", "images", "labels"), "holds two data sets"),
    ],
)
def test_npz_without_a_whole_data_set_is_refused(keys, said, tmp_path):
    arrays = {key: LABELS if key[0] in "yl" else IMAGES for key in keys}
    assert said in refusal(write_npz(tmp_path / "ours.npz", **arrays))


@pytest.mark.parametrize("key", ["x_train", "y_train"])
def test_npz_with_python_objects_is_refused_unopened(key, tmp_path):
    arrays = {"x_train": IMAGES, "y_train": LABELS, key: np.array([print] * 50, dtype=object)}
    assert re.search(
        rf"{key} cannot be read \(.*allow_pickle=False", refusal(write_npz(tmp_path / "ours.npz", **arrays))
    )


def test_truncated_npz_is_refused(tmp_path):
    assert "damaged, or not an .npz" in refusal(
        truncate(write_npz(tmp_path / "ours.npz", images=IMAGES, labels=LABELS))
    )


def test_npz_with_a_flipped_byte_is_refused(tmp_path):
    path = write_npz(tmp_path / "ours.npz", images=IMAGES, labels=LABELS)
    data = bytearray(path.read_bytes())
    data[2_000] ^= 0xFF
    path.write_bytes(data)
    assert "images cannot be read" in refusal(path)


@pytest.mark.parametrize("data", [b"", b"no archive at all", b"\x80\x04K\x01."], ids=["empty", "text", "pickle"])
def test_file_that_is_not_an_npz_is_refused(data, tmp_path):
    path = tmp_path / "ours.npz"
    path.write_bytes(data)
    message = refusal(path)
    assert "damaged, or not an .npz" in message
    assert "unsafe" not in message  # no advice to unpickle it


def test_damaged_npz_is_closed(tmp_path, recwarn):
    refusal(truncate(write_npz(tmp_path / "ours.npz", images=IMAGES, labels=LABELS)))
    gc.collect()  # a file left open would warn here
    assert not recwarn.list


def test_single_array_named_npz_is_refused(tmp_path):
    path = tmp_path / "ours.npz"
    with path.open("wb") as file:
        np.save(file, IMAGES)
    assert "not an .npz" in refusal(path)


def test_header_with_a_shape_larger_than_memory_is_refused(tmp_path):
    path = tmp_path / "ours.npz"
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000000, 28, 28), }\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
        archive.writestr("labels.npy", b"")
    assert "images cannot be read" in refusal(path)
