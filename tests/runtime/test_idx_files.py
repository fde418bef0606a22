"""MNIST's IDX files are read and verified, and never silently replaced."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge_mnist_runtime import dataset
from edge_mnist_runtime.dataset import (
    DATA_VARIABLE,
    LabelledDigits,
    decode_idx,
    encode_idx,
    load_mnist_half,
)
from edge_mnist_runtime.dataset import (
    find_mnist_folder as named_folder,
)
from edge_mnist_runtime.errors import DataError, DataNotFoundError

IDX_ARRAYS = st.sampled_from([1, 3]).flatmap(
    lambda rank: hnp.arrays(np.uint8, hnp.array_shapes(min_dims=rank, max_dims=rank, min_side=0, max_side=9))
)
LABELS = encode_idx(np.arange(10, dtype=np.uint8))
LABELS_FILE = "t10k-labels-idx1-ubyte"
IMAGES_FILE = "t10k-images-idx3-ubyte"


@given(IDX_ARRAYS)
def test_decode_gives_back_what_was_encoded(values: np.ndarray) -> None:
    decoded = decode_idx(encode_idx(values), origin="test")
    assert decoded.dtype == np.uint8
    assert decoded.shape == values.shape
    assert np.array_equal(decoded, values)


@given(st.binary(max_size=64))
@settings(max_examples=300)
def test_any_bytes_are_decoded_or_refused_by_a_data_error(data: bytes) -> None:
    try:
        decode_idx(data, origin="test")
    except DataError as error:
        message = str(error)
    else:
        return
    assert message.startswith("test: ")


@pytest.mark.parametrize("data", [b"", b"\0\0\x08", LABELS[:3]])
def test_file_without_a_header_is_too_short(data: bytes) -> None:
    with pytest.raises(DataError, match="too short"):
        decode_idx(data, origin="labels")


@pytest.mark.parametrize("kept", [4, 7, 8, 17])
def test_truncated_file_is_refused(kept: int) -> None:
    with pytest.raises(DataError, match="labels"):
        decode_idx(LABELS[:kept], origin="labels")


def test_file_with_extra_bytes_is_refused() -> None:
    with pytest.raises(DataError, match="promises 10 values, file holds 11"):
        decode_idx(LABELS + b"\0", origin="labels")


@pytest.mark.parametrize("magic", [0x00000000, 0x00000802, 0x00000D03, 0x01000801, 0xFFFFFFFF])
def test_wrong_magic_number_is_refused(magic: int) -> None:
    with pytest.raises(DataError, match="magic"):
        decode_idx(struct.pack(">I", magic) + LABELS[4:], origin="labels")


def test_sizes_whose_product_overflows_are_refused() -> None:
    header = struct.pack(">IIII", 0x0803, 2**31, 2**31, 4)  # the product, 2^64, is 0 in 64 bits
    with pytest.raises(DataError, match="images"):
        decode_idx(header, origin="images")


def test_file_of_other_digits_is_not_mnist(tmp_path: Path) -> None:
    (tmp_path / IMAGES_FILE).write_bytes(encode_idx(np.zeros((10, 28, 28), np.uint8)))
    (tmp_path / LABELS_FILE).write_bytes(LABELS)
    with pytest.raises(DataError, match="is not MNIST's") as caught:
        load_mnist_half(tmp_path, "t10k")
    assert IMAGES_FILE in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [b"", b"no gzip at all", gzip.compress(LABELS)[:-9], gzip.compress(LABELS) + b"rest"],
    ids=["empty", "no gzip", "truncated", "with more behind it"],  # gzip writes the time: never in a test's name
)
def test_damaged_gz_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / f"{IMAGES_FILE}.gz").write_bytes(data)
    with pytest.raises(DataError, match=r"idx3-ubyte\.gz"):
        load_mnist_half(tmp_path, "t10k")


def test_gz_with_a_flipped_byte_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(bytes(range(256)) * 64))
    packed[len(packed) // 2] ^= 0xFF
    (tmp_path / f"{IMAGES_FILE}.gz").write_bytes(packed)
    with pytest.raises(DataError, match=r"idx3-ubyte\.gz"):
        load_mnist_half(tmp_path, "t10k")


def test_file_in_the_place_of_a_folder_holds_no_mnist(tmp_path: Path) -> None:
    (tmp_path / "file.csv").write_bytes(b"")
    assert named_folder(tmp_path / "file.csv") == tmp_path / "file.csv"
    with pytest.raises(DataNotFoundError, match=f"no {IMAGES_FILE}"):
        load_mnist_half(tmp_path / "file.csv", "t10k")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match=IMAGES_FILE) as caught:
        load_mnist_half(tmp_path, "t10k")
    assert str(tmp_path) in str(caught.value)


def test_argument_that_names_no_folder_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "there"
    there.mkdir()
    monkeypatch.setenv(DATA_VARIABLE, str(there))  # a good folder in the variable must not stand in for a bad argument
    named = tmp_path / "absent"
    with pytest.raises(DataNotFoundError, match=r"no such folder.*`data`") as caught:
        named_folder(named)
    assert str(named) in str(caught.value)


def test_variable_that_names_no_folder_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "absent"))
    with pytest.raises(DataNotFoundError, match=DATA_VARIABLE):
        named_folder()


def test_argument_goes_before_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "absent"))
    assert named_folder(tmp_path) == tmp_path


@pytest.mark.parametrize("value", [None, ""])
def test_no_folder_is_named_by_an_unset_or_empty_variable(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    if value is not None:
        monkeypatch.setenv(DATA_VARIABLE, value)
    assert named_folder() is None


def test_hash_of_digits_changes_with_every_pixel_and_label() -> None:
    images, labels = np.zeros((2, 28, 28, 1), np.uint8), np.array([3, 4], np.uint8)
    whole = LabelledDigits("made-up", "all", images, labels)
    other_image = images.copy()
    other_image[1, 27, 27, 0] = 1
    hashes = {
        whole.sha256,
        LabelledDigits("made-up", "all", other_image, labels).sha256,
        LabelledDigits("made-up", "all", images, labels[::-1]).sha256,
    }
    assert len(hashes) == 3
    assert whole.take(np.array([1]), "part").labels.tolist() == [4]


@pytest.mark.parametrize(("half", "split", "n"), [("train", "train", 60_000), ("t10k", "test", 10_000)])
def test_real_mnist_has_its_counts(half: dataset.Half, split: str, n: int, mnist_folder: Path) -> None:
    digits = load_mnist_half(mnist_folder, half)
    assert (digits.name, digits.split, len(digits)) == ("mnist", split, n)
    assert digits.images.shape == (n, 28, 28, 1)
    assert digits.images.dtype == digits.labels.dtype == np.uint8
    histogram = np.bincount(digits.labels, minlength=10)
    assert len(histogram) == 10
    assert histogram.sum() == n
    assert histogram.min() > 0.08 * n
