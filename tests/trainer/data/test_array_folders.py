"""Folders of labelled files: parts, unused files, layouts of MNIST."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from tests.trainer.data.array_samples import (
    FLAT,
    IMAGES,
    LABELS,
    PIXELS,
    ROWS,
    TEST,
    TEST_LABELS,
    assert_read,
    refusal,
    write_csv,
    write_npy,
    write_pickle,
    write_pictures,
)

from edge_mnist_runtime.dataset import MNIST_SHA256, encode_idx, find_idx_file, innermost_folder
from edge_mnist_runtime.errors import DataNotFoundError
from edge_mnist_trainer.data.array_folders import find_part
from edge_mnist_trainer.data.digit_arrays import ImageClasses
from edge_mnist_trainer.data.labelled_files import read_labelled_file
from edge_mnist_trainer.data.own_digits import load_own_digits
from edge_mnist_trainer.data.sources import load_digit_set, load_export_digits

# Folders.


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
