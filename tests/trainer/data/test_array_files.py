"""Labelled digits in pickles, MATLAB's files and .npy files."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat
from tests.trainer.data.array_samples import (
    FLAT,
    IMAGES,
    LABELS,
    TEST,
    TEST_LABELS,
    assert_read,
    refusal,
    write_csv,
    write_npy,
    write_pickle,
)

from edge_mnist_runtime.errors import DataError
from edge_mnist_trainer.data.array_pickle import unpickle_arrays
from edge_mnist_trainer.data.digit_arrays import ImageClasses
from edge_mnist_trainer.data.labelled_files import read_labelled_file
from edge_mnist_trainer.data.own_digits import load_own_digits
from edge_mnist_trainer.data.sources import load_digit_set, load_export_digits

# Pickles.


@pytest.mark.parametrize("protocol", range(6))
def test_mnist_pkl_gz_is_read(protocol: int, tmp_path: Path) -> None:
    """Floats in 0..1 with 256 steps, and validation images before the test images, like deeplearning.net's file."""
    floats = (FLAT / np.float32(256)).astype(np.float32)
    parts = ((floats[:40], LABELS[:40].astype(np.int64)), (floats[40:], LABELS[40:]), (floats[:20], TEST_LABELS))
    assert_read(write_pickle(tmp_path / "mnist.pkl.gz", parts, protocol), has_test=True)


def test_pickle_of_keras_s_form_and_of_a_dictionary_is_read(tmp_path: Path) -> None:
    halves = ((IMAGES[..., 0], LABELS), (TEST[..., 0], TEST_LABELS))
    assert_read(write_pickle(tmp_path / "keras.pkl", halves), has_test=True)
    names = {"training_images": FLAT, "training_labels": LABELS, "test_images": FLAT[:20], "test_labels": TEST_LABELS}
    assert_read(write_pickle(tmp_path / "dictionary.pickle", names), has_test=True)


class Calls:
    """A pickle that would run a command."""

    def __init__(self, function: Callable[..., object], *arguments: object, state: object = None) -> None:
        self.call = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("function", [os.system, exec, eval, getattr, np.load, np.lib.npyio.NpzFile])
def test_nothing_of_a_pickle_is_run(function: Callable[..., object], protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    path = write_pickle(tmp_path / "evil.pkl", ((IMAGES, LABELS), Calls(function, f"touch {mark}")), protocol)
    assert "nothing of it was run" in refusal(path)
    assert not mark.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_every_order_and_dtype_are_read(protocol: int, tmp_path: Path) -> None:
    names = {"x_train": np.asfortranarray(IMAGES[..., 0]), "y_train": LABELS.astype(">i4")}
    assert_read(write_pickle(tmp_path / "order.pkl", names, protocol), has_test=False)
    names = {"x_train": (FLAT > 0) * 1.0, "y_train": list(LABELS.astype(np.int64))}  # type: ignore[dict-item]
    path = write_pickle(tmp_path / "scalars.pkl", names, protocol)
    assert_read(path, has_test=False, images=((IMAGES > 0) * 255).astype(np.uint8))


def test_pickle_of_many_numpy_numbers_is_read() -> None:
    numbers = list(np.arange(20_000))
    assert unpickle_arrays(pickle.dumps(numbers), origin="ours.pkl") == numbers


def test_pickle_of_python_2_is_read(tmp_path: Path) -> None:
    """Python 2 writes bytes as text, one byte per character, and NumPy's package has its old name."""

    def pickled(array: np.ndarray) -> bytes:
        shape = b"".join(b"J" + size.to_bytes(4, "little") for size in array.shape)
        start = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(" + shape + b"t"
        dtype = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        return start + dtype + b"\x89T" + array.nbytes.to_bytes(4, "little") + array.tobytes() + b"tb"

    data = b"\x80\x02}(U\x07x_train" + pickled(FLAT) + b"U\x07y_train" + pickled(LABELS) + b"u."
    (tmp_path / "python2.pkl").write_bytes(data)
    assert_read(tmp_path / "python2.pkl", has_test=False)


RECONSTRUCT: Any = np.arange(1).__reduce__()[0]
STRUCTURE = Calls(np.dtype, "V8", state=(3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0))
"""A dtype of eight raw bytes that becomes a pointer by its state."""

OVER_BYTES = Calls(np.ndarray, (4, 2), "O", b"A" * 64)
"""An array of invalid pointers."""


def rebuilt(dtype: object, data: object = b"A" * 64, shape: object = (4, 2)) -> Calls:
    return Calls(RECONSTRUCT, np.ndarray, (0,), b"b", state=(1, shape, dtype, False, data))


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize(
    "evil",
    [
        pytest.param(((IMAGES, OVER_BYTES), (IMAGES, LABELS)), id="objects over bytes"),
        pytest.param({"x_train": IMAGES, "y_train": OVER_BYTES}, id="labels of objects"),
        pytest.param(Calls(np.ndarray, Calls(np.ndarray, (1,), "O", b"A" * 8)), id="shape of objects"),
        pytest.param({"x_train": IMAGES, "y_train": rebuilt(STRUCTURE)}, id="structure"),
        pytest.param({"x_train": IMAGES, "y_train": rebuilt(np.dtype("O"), [1] * 8)}, id="objects"),
        pytest.param({"x_train": IMAGES, "y_train": rebuilt(np.dtype("u8"), b"A" * 8)}, id="too few bytes"),
        pytest.param({"x_train": IMAGES, "y_train": rebuilt(np.dtype("u1"), b"", (2**62, 4))}, id="huge shape"),
        pytest.param({"x_train": IMAGES, "y_train": rebuilt(np.dtype("u1"), b"", (-1,))}, id="negative shape"),
        pytest.param({"x_train": IMAGES, "y_train": np.array([{}] * 50)}, id="dictionaries"),
        pytest.param({"x_train": IMAGES, "y_train": np.zeros(50, "u1,u1")}, id="plain structure"),
    ],
)
def test_pickle_of_pointers_is_refused_without_a_crash(evil: object, protocol: int, tmp_path: Path) -> None:
    assert_refused_elsewhere(write_pickle(tmp_path / "evil.pkl", evil, protocol))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x80\x02}(" + b")" + b"\x85" * 300_000 + b"K\x01u.", id="deep key"),
        pytest.param(b"\x80\x02]r\xff\xff\xff\x7f.", id="huge memo"),
        pytest.param(b"\x80\x02]q\x00h\x00a.", id="list in itself"),
        pytest.param(b"\x80\x04cnumpy\nndarray\n}U\x04callcnumpy\ndtype\nsb.", id="state of a function"),
        pytest.param(b"\x80\x04cnumpy\nndarray\n)\x81.", id="new object"),
        pytest.param(b"\x80\x04\x8c\x05numpy\x8c\x12ndarray.__class__\x93.", id="attribute"),
    ],
)
def test_hand_made_pickle_is_refused_without_a_crash(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "evil.pkl").write_bytes(data)
    assert_refused_elsewhere(tmp_path / "evil.pkl")


def assert_refused_elsewhere(path: Path) -> None:
    """Unpickle in a separate process, so that a crash is noticed."""
    code = (
        "import sys, pathlib, edge_mnist_trainer.data.own_digits as own; own.load_own_digits(pathlib.Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=60, check=False)
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1, done.stderr
    assert last.startswith(f"edge_mnist_runtime.errors.DataError: {path}: "), last


@pytest.mark.parametrize("data", [b"", b"\x80\x04", b"no pickle", pickle.dumps(3), pickle.dumps([(1, 2)] * 3)])
def test_pickle_of_something_else_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "ours.pkl").write_bytes(data)
    assert "ours.pkl" in refusal(tmp_path / "ours.pkl")


# MATLAB's files.


def test_mat_with_labels_in_a_column_is_read(tmp_path: Path) -> None:
    savemat(tmp_path / "mnist-original.mat", {"data": FLAT.T, "label": LABELS[np.newaxis].astype(float)})
    assert_read(tmp_path / "mnist-original.mat", has_test=False)


@pytest.mark.parametrize("images", [IMAGES, IMAGES[..., 0]], ids=["four axes", "three axes"])
def test_mat_with_images_along_the_last_axis_is_read(images: np.ndarray, tmp_path: Path) -> None:
    savemat(tmp_path / "ours.mat", {"images": np.moveaxis(images, 0, -1), "labels": LABELS})
    assert_read(tmp_path / "ours.mat", has_test=False)


def test_message_on_emnist_s_letters_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "letters.mat"
    savemat(path, {"images": FLAT[:26], "labels": np.arange(1, 27)})
    assert "the labels of EMNIST's letters" in refusal(path)
    with pytest.raises(DataError, match="EMNIST letters begin at 1: subtract 1"):
        read_labelled_file(path, ImageClasses(n_classes=26))


@pytest.mark.parametrize("name", ["emnist-digits.mat", "matlab_digits.mat", "ours.mat.gz"])
def test_emnist_s_mat_is_read_under_any_name(name: str, tmp_path: Path) -> None:
    turned = IMAGES.swapaxes(1, 2).reshape(50, 784)
    half = {"images": turned, "labels": LABELS[:, np.newaxis]}
    test = {"images": turned[:20], "labels": TEST_LABELS[:, np.newaxis]}
    written = io.BytesIO()
    savemat(written, {"dataset": {"train": half, "test": test, "mapping": np.eye(2)}})
    data = written.getvalue()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert_read(tmp_path / name, has_test=True)
    assert load_digit_set(tmp_path / name).remarks == ()


@pytest.mark.parametrize("dataset", [{"train": 3}, {"train": {"images": FLAT}}, {"mapping": 3}, {"test": {"a": 1}}])
def test_structure_that_is_not_emnist_s_is_refused(dataset: dict[str, object], tmp_path: Path) -> None:
    savemat(tmp_path / "ours.mat", {"dataset": dataset})
    assert "ours.mat: holds" in refusal(tmp_path / "ours.mat")


def test_images_on_their_side_get_a_note(tmp_path: Path) -> None:
    turned = np.column_stack([LABELS, IMAGES.swapaxes(1, 2).reshape(50, 784)])
    path = write_csv(tmp_path / "ours.csv", turned)
    (remark,) = load_digit_set(path).remarks
    assert "ones lie on their side" in remark
    assert remark.removeprefix("note: ") in (load_export_digits(path).notice or "")


@pytest.mark.parametrize("is_turned", [False, True])
def test_mat_with_label_10_for_zero_is_read(is_turned: bool, tmp_path: Path) -> None:
    """Andrew Ng's course has such files: labels 1..10, and images column by column."""
    images = (IMAGES.swapaxes(1, 2) if is_turned else IMAGES).reshape(50, 784) / 255
    savemat(tmp_path / "ours.mat", {"X": images, "y": np.where(LABELS == 0, 10, LABELS)[:, np.newaxis]})
    assert_read(tmp_path / "ours.mat", has_test=False)
    remarks = load_digit_set(tmp_path / "ours.mat").remarks
    assert "10 was read as 0" in remarks[0]
    assert len(remarks) == 1 + is_turned


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (LABELS + 1, "if 10 means 0, as in MATLAB files, write 0 in its place"),
        (np.where(LABELS == 3, 11, LABELS), "correct these labels"),
    ],
)
def test_message_on_labels_out_of_range_says_how_to_correct_them(labels: np.ndarray, said: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "ours.npz", images=IMAGES, labels=labels)
    assert said in refusal(tmp_path / "ours.npz")
    savemat(tmp_path / "ours.mat", {"X": FLAT, "y": np.where(LABELS == 3, 10, LABELS)})  # 0 and 10
    assert "outside 0..9" in refusal(tmp_path / "ours.mat")


def test_mat_of_images_of_another_size_is_refused_by_its_shape(tmp_path: Path) -> None:
    savemat(tmp_path / "ours.mat", {"X": FLAT[:, :400] / 255 - 0.1, "y": LABELS})
    assert "(50, 400); expected" in refusal(tmp_path / "ours.mat")


@pytest.mark.parametrize("has_test", [False, True])
def test_mat_with_one_array_for_each_digit_is_read(has_test: bool, tmp_path: Path) -> None:
    arrays = {f"train{digit}": FLAT[digit == LABELS] for digit in range(10)}
    if has_test:
        arrays |= {f"test{digit}": FLAT[:20][digit == TEST_LABELS] for digit in range(10)}
    savemat(tmp_path / "mnist_all.mat", arrays)
    own = load_own_digits(tmp_path / "mnist_all.mat")
    assert own is not None
    by_label = np.argsort(LABELS, kind="stable")
    assert np.array_equal(own.training.images, IMAGES[by_label])
    assert own.training.labels.tolist() == LABELS[by_label].tolist()
    assert (own.test is not None) == has_test
    assert own.left_out == ()


def test_damaged_mat_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ours.mat").write_bytes(b"MATLAB 5.0 MAT-file" + bytes(200))
    assert "MATLAB" in refusal(tmp_path / "ours.mat")
    savemat(tmp_path / "other.mat", {"volts": FLAT})
    assert "holds volts" in refusal(tmp_path / "other.mat")


# .npy files.


@pytest.mark.parametrize("names", [("x_train", "y_train", "x_test", "y_test"), ("trainX", "trainY", "testX", "testY")])
def test_pairs_of_npy_files_are_read(names: tuple[str, ...], tmp_path: Path) -> None:
    one_hot = np.eye(10)[TEST_LABELS]
    arrays = dict(zip(names, (IMAGES[..., 0] / 255, LABELS, TEST, one_hot), strict=True))
    assert_read(write_npy(tmp_path / "arrays", **arrays), has_test=True)


def test_single_npy_is_refused_with_a_hint(tmp_path: Path) -> None:
    folder = write_npy(tmp_path / "arrays", images=IMAGES)
    assert "y_train.npy" in refusal(folder / "images.npy")
    assert "holds images" in refusal(folder)


def test_npy_of_objects_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", np.array([Calls(os.system, "false")], object), allow_pickle=True)
    np.save(tmp_path / "labels.npy", LABELS)
    assert "damaged" in refusal(tmp_path)
