"""Labelled digits in CSV files, pickles, MATLAB files, .npy pairs, and folders of these."""

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
from PIL import Image
from scipy.io import savemat

from edge_mnist_runtime.dataset import MNIST_SHA256, encode_idx, find_idx_file, innermost_folder
from edge_mnist_runtime.errors import DataError, DataNotFoundError
from edge_mnist_trainer.augment.strokes import draw_digits
from edge_mnist_trainer.data.array_folders import find_part
from edge_mnist_trainer.data.array_pickle import unpickle_arrays
from edge_mnist_trainer.data.digit_arrays import ImageClasses
from edge_mnist_trainer.data.labelled_files import read_labelled_file
from edge_mnist_trainer.data.own_digits import load_own_digits
from edge_mnist_trainer.data.sources import load_digit_set, load_export_digits

IMAGES, LABELS = draw_digits(5, seed=3)
"""50 drawn digits: 0, 1, ..., 9, five times."""

FLAT = IMAGES.reshape(50, 784)
TEST, TEST_LABELS = IMAGES[:20], LABELS[:20]
ROWS = np.column_stack([LABELS, FLAT])
PIXELS = [f"pixel{index}" for index in range(784)]


def write_csv(path: Path, rows: np.ndarray, names: list[str] | None = None, separator: str = ",") -> Path:
    lines = [separator.join(names)] if names else []
    text = "\n".join([*lines, *(separator.join(map(str, row)) for row in rows)]) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def write_pickle(path: Path, content: object, protocol: int = 4) -> Path:
    data = pickle.dumps(content, protocol)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_npy(folder: Path, **arrays: np.ndarray) -> Path:
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def assert_read(path: Path, *, has_test: bool, images: np.ndarray = IMAGES) -> None:
    own = load_own_digits(path)
    assert own is not None
    assert np.array_equal(own.training.images, images)
    assert own.training.labels.tolist() == LABELS.tolist()
    assert (own.test is not None) == has_test
    if own.test:
        assert np.array_equal(own.test.images, TEST)
        assert own.test.labels.tolist() == TEST_LABELS.tolist()
    if has_test:
        assert np.array_equal(load_export_digits(path).evaluation.images, TEST)


def refusal(path: Path, error: type[Exception] = DataError) -> str:
    with pytest.raises(error) as caught:
        load_digit_set(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# CSV.


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".CSV"])
@pytest.mark.parametrize("names", [None, ["label", *PIXELS], ["y", *PIXELS]])
def test_csv_of_label_and_pixels_is_read(names: list[str] | None, suffix: str, tmp_path: Path) -> None:
    assert_read(write_csv(tmp_path / f"train{suffix}", ROWS, names), has_test=False)


def test_csv_may_have_the_label_last_and_other_separators(tmp_path: Path) -> None:
    rows = np.column_stack([FLAT, LABELS])
    assert_read(write_csv(tmp_path / "openml.csv", rows, [*PIXELS, "class"], ";"), has_test=False)


def test_kaggle_s_folder_is_read_and_its_test_file_is_reported(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", ROWS, ["label", *PIXELS])
    write_csv(tmp_path / "test.csv", FLAT, PIXELS)
    assert_read(tmp_path, has_test=False)
    assert "test.csv: pixels without labels" in (load_export_digits(tmp_path).notice or "")


def test_folder_of_a_training_and_a_test_csv_is_read(tmp_path: Path) -> None:
    write_csv(tmp_path / "mnist_train.csv", ROWS)
    write_csv(tmp_path / "mnist_test.csv", ROWS[:20])
    assert_read(tmp_path, has_test=True)


def test_emnist_csv_is_transposed_back(tmp_path: Path) -> None:
    flat = IMAGES.swapaxes(1, 2).reshape(50, 784)
    assert_read(write_csv(tmp_path / "emnist-digits-train.csv", np.column_stack([LABELS, flat])), has_test=False)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (FLAT, "784 columns and no label"),
        (ROWS[:, :100], "100 columns"),
        (np.where(ROWS.max() == ROWS, 300, ROWS.astype(int)), r"0\.0\.\.300\.0"),
        (np.where(np.arange(785) == 0, 11, ROWS), r"outside 0\.\.9"),
        (np.array([["label", *["x"] * 784], ["3", *["ink"] * 784]]), "is not a number"),
    ],
)
def test_csv_of_something_else_is_refused(rows: np.ndarray, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        load_digit_set(write_csv(tmp_path / "ours.csv", rows))


def test_csv_without_names_may_have_the_label_last(tmp_path: Path) -> None:
    assert_read(write_csv(tmp_path / "last.csv", np.column_stack([FLAT, LABELS])), has_test=False)


@pytest.mark.parametrize("names", [None, ["label", *PIXELS]])
def test_quoted_csv_is_read(names: list[str] | None, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "quoted.csv", ROWS, names)
    path.write_text("\n".join(f'"{line}"'.replace(",", '","') for line in path.read_text().splitlines()))
    assert_read(path, has_test=False)


@pytest.mark.parametrize("names", [None, ["label", *PIXELS]])
def test_digits_of_one_class_are_refused(names: list[str] | None, tmp_path: Path) -> None:
    rows = np.column_stack([np.zeros(50, int), FLAT])
    assert "one label" in refusal(write_csv(tmp_path / "ours.csv", rows, names))
    folder = write_npy(tmp_path / "arrays", images=IMAGES, labels=np.full(50, 3))
    assert "one label, 3" in refusal(folder)


@pytest.mark.filterwarnings("error")
def test_csv_with_only_a_header_is_refused(tmp_path: Path) -> None:
    assert "no rows" in refusal(write_csv(tmp_path / "ours.csv", ROWS[:0], ["label", *PIXELS]))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("3" + ",0" * 783, "line 4: 784 columns; expected 785"),
        ("3" + ",0" * 785, "line 4: 786 columns; expected 785"),
        ("3,," + ",".join("0" * 783), "line 4, column 2: '' is not a number"),
        ("#" + ",0" * 784, "line 4, column 1: '#' is not a number"),
    ],
)
def test_unreadable_row_is_reported_with_its_line(line: str, said: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "ours.csv", ROWS, ["label", *PIXELS])
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "", *lines[1:2], line, *lines[2:]]))
    assert said in refusal(path)
    assert "usecols" not in refusal(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32-le"])
@pytest.mark.parametrize("names", [None, ["label", *PIXELS]])
def test_csv_in_utf_16_is_read_if_it_has_a_byte_order_mark(
    names: list[str] | None, encoding: str, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "ours.csv", ROWS, names)
    path.write_text(path.read_text(), encoding=encoding)
    if encoding == "utf-16":  # Python writes the mark
        assert_read(path, has_test=False)
    else:
        assert "save it as UTF-8" in refusal(path)


def test_tsv_is_read(tmp_path: Path) -> None:
    assert_read(write_csv(tmp_path / "ours.tsv", ROWS, ["label", *PIXELS], "\t"), has_test=False)
    write_csv(tmp_path / "train.tsv", ROWS, None, "\t")
    write_csv(tmp_path / "test.tsv", ROWS[:20], None, "\t")
    (tmp_path / "ours.tsv").unlink()
    assert_read(tmp_path, has_test=True)


def test_csv_whose_rows_differ_in_length_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "ours.csv", ROWS)
    path.write_text(path.read_text()[:-40])
    assert "columns" in refusal(path)
    path.write_text("")
    assert "empty" in refusal(path)


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


# Folders.


def write_pictures(folder: Path, images: np.ndarray, labels: np.ndarray) -> None:
    for number, (image, label) in enumerate(zip(images[..., 0], labels, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / str(label) / f"{number:03}.png")


@pytest.mark.parametrize("names", [("train", "test"), ("training", "testing"), ("MNIST - JPG - training", "testSet")])
@pytest.mark.parametrize("wrapped", [False, True])
def test_folders_of_training_and_test_are_read(names: tuple[str, str], wrapped: bool, tmp_path: Path) -> None:
    inside = tmp_path / "mnist_png" if wrapped else tmp_path
    write_pictures(inside / names[0] / (names[0] if wrapped else ""), IMAGES, LABELS)
    write_pictures(inside / names[1], TEST, TEST_LABELS)
    digits = load_digit_set(tmp_path)
    assert digits.test is not None
    assert sorted(digits.test.labels.tolist()) == sorted(TEST_LABELS.tolist())
    assert len(digits.training) + len(digits.validation) == 50
    assert load_export_digits(tmp_path).evaluation is not None


def test_two_training_folders_are_refused(tmp_path: Path) -> None:
    for name in ("train", "training"):
        write_pictures(tmp_path / name, TEST, TEST_LABELS)
    assert "training beside train" in refusal(tmp_path)


def test_another_folder_beside_training_and_test_is_refused(tmp_path: Path) -> None:
    for name in ("train", "test", "extra"):
        write_pictures(tmp_path / name, TEST, TEST_LABELS)
    assert "extra beside train" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["val", "validation", "Valid"])
def test_validation_folder_joins_the_training_images(name: str, tmp_path: Path) -> None:
    for part, first, last in (("train", 0, 30), (name, 30, 50), ("test", 0, 20)):
        write_pictures(tmp_path / part, IMAGES[first:last], LABELS[first:last])
    (tmp_path / name / "0" / "bad.png").write_bytes(b"no picture")
    own = load_own_digits(tmp_path)
    assert own is not None
    assert own.test is not None
    assert (len(own.training), len(own.test), len(own.left_out)) == (50, 20, 1)
    assert sorted(own.training.labels.tolist()) == sorted(LABELS.tolist())


@pytest.mark.parametrize(
    ("name", "half"),
    [
        ("train", "train"),
        ("trainingSet", "train"),
        ("mnist_test.csv", "test"),
        ("t10k", "test"),
        ("val", "validation"),
        ("value", None),
        ("latest", None),
        ("0", None),
    ],
)
def test_part_is_found_by_whole_words_of_a_name(name: str, half: str | None) -> None:
    assert find_part(name) == half


# Validation parts and unused files.


def write_split(folder: Path, kind: str) -> Path:
    """30 training, 20 validation and 20 test images, as files of one kind."""
    parts = {"train": (IMAGES[:30], LABELS[:30]), "val": (IMAGES[30:], LABELS[30:]), "test": (TEST, TEST_LABELS)}
    arrays = {f"{axis}_{part}": pair[place] for part, pair in parts.items() for place, axis in enumerate("xy")}
    if kind == "csv":
        for part, (images, labels) in parts.items():
            write_csv(folder / f"{part}.csv", np.column_stack([labels, images.reshape(-1, 784)]))
    elif kind == "npy":
        write_npy(folder, **arrays)
    elif kind == "npz":
        np.savez(folder / "ours.npz", **arrays)
        return folder / "ours.npz"
    elif kind == "mat":
        savemat(folder / "ours.mat", arrays)
        return folder / "ours.mat"
    else:
        for part, (images, labels) in parts.items():
            (folder / f"ours-{part}-images-idx3-ubyte").write_bytes(encode_idx(images[..., 0]))
            (folder / f"ours-{part}-labels-idx1-ubyte").write_bytes(encode_idx(labels))
    return folder


@pytest.mark.parametrize("kind", ["csv", "npy", "npz", "mat", "idx"])
def test_validation_images_join_the_training_images(kind: str, tmp_path: Path) -> None:
    path = write_split(tmp_path, kind)
    assert_read(path, has_test=True)
    assert load_digit_set(path).remarks == ()


@pytest.mark.parametrize("extra", ["extra.csv", "mnist.pkl.gz", "old.zip", "extra-images-idx3-ubyte"])
@pytest.mark.parametrize("kind", ["csv", "idx"])
def test_unused_file_is_reported(kind: str, extra: str, tmp_path: Path) -> None:
    (tmp_path / extra).write_bytes(b"")
    (tmp_path / "README.txt").write_text("Ours.")
    write_split(tmp_path, kind)
    (line,) = load_digit_set(tmp_path).remarks
    assert line.startswith(f"left out: {extra}: not used beside ")


def test_folder_and_csv_beside_npy_files_are_reported(tmp_path: Path) -> None:
    write_split(tmp_path, "npy")
    write_csv(tmp_path / "train.csv", ROWS)
    (tmp_path / "more").mkdir()
    assert load_digit_set(tmp_path).left_out == (
        "train.csv: not used beside the .npy files",
        "more: not used beside train.csv",
    )
    assert "2 files were left out: train.csv" in (load_export_digits(tmp_path).notice or "")


def test_unused_array_is_reported(tmp_path: Path) -> None:
    np.savez(tmp_path / "ours.npz", x_train=IMAGES, y_train=LABELS, x_extra=IMAGES)
    assert load_digit_set(tmp_path / "ours.npz").left_out == ("x_extra: not used beside x_train",)
    savemat(tmp_path / "ours.mat", {"X_train": FLAT, "y_train": LABELS, "X_test": FLAT})
    assert load_digit_set(tmp_path / "ours.mat").left_out == ("X_test: not used beside X_train",)


def test_file_beside_folders_of_pictures_is_reported(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train", IMAGES, LABELS)
    write_pictures(tmp_path / "test", TEST, TEST_LABELS)
    for path in (tmp_path / "mnist.npz", tmp_path / "train" / "ours.mat"):
        path.write_bytes(b"")
    assert load_digit_set(tmp_path).left_out == (
        "ours.mat: not used beside the sub-folders of pictures",
        "mnist.npz: not used beside the sub-folders of pictures",
    )


def test_csv_beside_folders_of_digits_is_refused(tmp_path: Path) -> None:
    write_pictures(tmp_path, IMAGES, LABELS)
    write_csv(tmp_path / "ours.csv", ROWS)
    assert "both ours.csv and sub-folders of pictures" in refusal(tmp_path)


@pytest.mark.parametrize("names", [None, ["label", *PIXELS]])
@pytest.mark.parametrize("is_last", [False, True])
def test_test_file_may_hold_a_single_digit(is_last: bool, names: list[str] | None, tmp_path: Path) -> None:
    for name, of_name in (("train", LABELS >= 0), ("test", LABELS == 7)):
        columns = [LABELS[of_name], FLAT[of_name]][:: -1 if is_last else 1]
        titles = names and (names[::-1] if is_last else names)
        write_csv(tmp_path / f"{name}.csv", np.column_stack(columns), titles)
    own = load_own_digits(tmp_path)
    assert own is not None
    assert own.test is not None
    assert own.test.labels.tolist() == [7] * 5
    assert np.array_equal(np.sort(own.test.images, axis=None), np.sort(IMAGES[LABELS == 7], axis=None))


def test_test_folder_may_hold_a_single_digit(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train", IMAGES, LABELS)
    write_pictures(tmp_path / "test", IMAGES[LABELS == 7], LABELS[LABELS == 7])
    digits = load_digit_set(tmp_path)
    assert digits.test is not None
    assert digits.test.labels.tolist() == [7] * 5


@pytest.mark.parametrize("name", ["mnist.pkl.gz", "ours.mat", "ours.npz", "test.csv"])
def test_single_file_of_a_folder_is_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / "inside" / name
    path.parent.mkdir()
    names = {"x_train": IMAGES, "y_train": LABELS}
    if name.endswith(".csv"):
        write_csv(path, ROWS)
    elif name.endswith(".npz"):
        np.savez(path, **names)
    elif name.endswith(".mat"):
        savemat(path, names)
    else:
        write_pickle(path, names)
    assert_read(tmp_path, has_test=False)


@pytest.mark.parametrize("name", ["digits.zip", "digits.tar.gz"])
def test_archive_is_refused_with_a_hint(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    for path in (tmp_path, tmp_path / name):
        assert "unpack it first" in refusal(path, DataNotFoundError)


# MNIST's files in other layouts.


def write_idx_layout(folder: Path, layout: str) -> Path:
    for name in MNIST_SHA256:
        values = IMAGES[..., 0] if "images" in name else LABELS
        dotted = name.replace("-idx", ".idx")
        path = {
            "torchvision": folder / "MNIST" / "raw" / name,
            "dots": folder / dotted,
            "test": folder / name.replace("t10k", "test"),
            "nested": folder / name / name,
            "nested dots": folder / "archive" / dotted / dotted,
        }[layout]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_idx(values))
    return folder


@pytest.mark.parametrize("layout", ["torchvision", "dots", "nested", "nested dots"])
def test_idx_files_are_found_in_every_layout(layout: str, tmp_path: Path) -> None:
    inner = innermost_folder(write_idx_layout(tmp_path, layout))
    for name in MNIST_SHA256:
        path = find_idx_file(inner, name)
        assert path is not None
        assert path.is_file()
    # Files with MNIST's names must be MNIST.
    assert "not MNIST's" in refusal(tmp_path)


def test_torchvision_s_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "FashionMNIST" / "raw").mkdir(parents=True)
    assert innermost_folder(write_idx_layout(tmp_path, "torchvision")) == tmp_path / "MNIST" / "raw"


@pytest.mark.parametrize("layout", ["torchvision", "dots", "nested", "nested dots", "test"])
def test_mnist_is_verified_in_every_layout(layout: str, mnist_folder: Path, tmp_path: Path) -> None:
    write_idx_layout(tmp_path, layout)
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        found = find_idx_file(mnist_folder, path.name.replace(".idx", "-idx").replace("test", "t10k"))
        assert found is not None
        data = found.read_bytes()
        path.write_bytes(gzip.decompress(data) if found.suffix == ".gz" else data)
    digits = load_digit_set(tmp_path)
    assert digits.test is not None
    assert (digits.training.name, len(digits.test)) == ("mnist", 10_000)


# Paths that are not data.


@pytest.mark.parametrize("name", ["digits.parquet", "digits"])
def test_file_of_an_unknown_kind_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    said = refusal(tmp_path / name, DataNotFoundError)
    assert "no such" not in said
    assert ".csv" in said


def test_url_is_refused() -> None:
    assert "edge-mnist does not download" in refusal(Path("https://example.org/mnist.csv"), DataNotFoundError)


def test_more_classes_are_read_if_the_model_has_them(tmp_path: Path) -> None:
    rows = np.column_stack([np.arange(50) % 47, FLAT])
    parts = read_labelled_file(write_csv(tmp_path / "balanced.csv", rows), ImageClasses(n_classes=47))
    assert parts.training[1].max() == 46
