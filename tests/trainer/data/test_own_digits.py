"""Validation images, sources and notices of the user's own digits."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from tests.trainer.data.digit_samples import (
    EMNIST,
    IMAGES,
    LABELS,
    refusal,
    truncate,
    write_folder,
    write_idx_half,
    write_npz,
    write_picture,
)

from edge_mnist_runtime.classifier import to_pixels
from edge_mnist_runtime.dataset import DATA_VARIABLE, LabelledDigits
from edge_mnist_runtime.errors import DataError, DataNotFoundError
from edge_mnist_trainer.data.sources import load_digit_set, load_export_digits, load_mnist
from edge_mnist_trainer.data.splits import split_each_label

# Validation.


@pytest.mark.parametrize(("n_images", "n_held_out"), [(2, 1), (9, 1), (10, 1), (19, 1), (20, 2), (35, 3)])
def test_validation_is_the_last_tenth_of_a_label_and_at_least_one_image(n_images, n_held_out):
    numbers = np.arange(2 * n_images)
    images = np.zeros((2 * n_images, 28, 28, 1), np.uint8)
    images[:, 0, 0, 0] = numbers
    labels = (numbers % 2 * 5).astype(np.uint8)  # 0, 5, 0, 5, ...
    training, validation = split_each_label(LabelledDigits("numbered", "all", images, labels))
    kept = 2 * (n_images - n_held_out)
    assert training.images[:, 0, 0, 0].tolist() == numbers[:kept].tolist()
    assert validation.images[:, 0, 0, 0].tolist() == numbers[kept:].tolist()
    assert np.array_equal(np.concatenate([training.labels, validation.labels]), labels)
    assert (training.split, validation.split) == ("train", "validation")


def test_validation_of_a_folder_is_its_last_files(tmp_path):
    folder = write_folder(tmp_path / "ours", each=4)
    validation = load_digit_set(folder).validation
    assert validation.labels.tolist() == [3, 7]
    for image, digit in zip(validation.images, (3, 7), strict=True):
        assert np.array_equal(image[..., 0], to_pixels(folder / str(digit) / "03.png"))


def test_label_with_a_single_image_is_refused(tmp_path):
    folder = write_folder(tmp_path / "ours")
    write_picture(folder / "8" / "00.png", 8)
    assert re.search(r"a single image of digit 8.*two", refusal(folder))


# Sources and notices.


@pytest.mark.parametrize("kind", ["pictures", "idx", "npz"])
def test_environment_may_name_own_digits(kind, tmp_path, monkeypatch):
    if kind == "pictures":
        path = write_folder(tmp_path / "ours")
    elif kind == "idx":
        path = write_idx_half(tmp_path)
    else:
        path = write_npz(tmp_path / "ours.npz", images=IMAGES, labels=LABELS)
    monkeypatch.setenv(DATA_VARIABLE, str(path))
    assert load_digit_set().training.name == path.name


def test_missing_npz_is_named(tmp_path):
    with pytest.raises(DataNotFoundError, match=r"absent\.npz: no such file \(from `data`\)"):
        load_digit_set(tmp_path / "absent.npz")


def test_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "ours.txt").write_bytes(b"")
    with pytest.raises(DataNotFoundError, match=r"ours\.txt: not a known file of digits.*\.csv"):
        load_digit_set(tmp_path / "ours.txt")


def test_npz_is_not_accepted_as_mnist(tmp_path):
    with pytest.raises(DataNotFoundError, match=r"ours\.npz: no train-images-idx3-ubyte"):
        load_mnist("train", write_npz(tmp_path / "ours.npz", images=IMAGES, labels=LABELS))


@pytest.mark.parametrize("name", ["mnist", "MNIST"])
def test_own_digits_are_never_called_mnist(name, tmp_path):
    assert load_digit_set(write_folder(tmp_path / name)).training.name == f"{name} (own digits)"


def test_data_set_in_the_working_folder_has_the_name_of_that_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(write_folder(tmp_path / "ours"))
    assert load_digit_set(Path()).training.name == "ours"


def test_export_calibrates_on_training_and_evaluates_on_the_test_part(tmp_path):
    path = write_npz(tmp_path / "ours.npz", x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:4], y_test=LABELS[:4])
    source = load_export_digits(path)
    assert (source.calibration.split, len(source.calibration)) == ("train", 40)
    assert (source.evaluation.split, len(source.evaluation)) == ("test", 4)
    assert source.notice == (
        "Own digits (ours.npz), not MNIST: calibrated on 40 training images, "
        "evaluated on the 4 images of their test part."
    )


def test_export_without_a_test_part_evaluates_on_validation_with_a_notice(tmp_path):
    source = load_export_digits(write_folder(tmp_path / "ours"))
    assert (source.evaluation.split, len(source.evaluation)) == ("validation", 2)
    assert source.notice is not None
    assert re.search(r"\(ours\).*2 validation images, because there is no test part", source.notice)


@pytest.mark.parametrize(("n_bad", "said"), [(1, "1 file was left out:"), (3, "3 files were left out:")])
def test_export_names_the_files_left_out(n_bad, said, tmp_path):
    folder = write_folder(tmp_path / "ours", each=6)
    for number in range(n_bad):
        truncate(folder / "3" / f"{number:02}.png")
    notice = load_export_digits(folder).notice or ""
    assert said in notice
    assert all(f"3/{number:02}.png: damaged" in notice for number in range(n_bad))
    assert "more" not in notice


def test_export_names_no_more_than_three_files_and_counts_the_rest(tmp_path):
    folder = write_folder(tmp_path / "ours", each=6)
    for number in range(5):
        truncate(folder / "3" / f"{number:02}.png")
    write_picture(folder / "3" / "99.png", 3)  # two good ones, so that the label can be split
    notice = load_export_digits(folder).notice or ""
    assert "5 files were left out: " in notice
    assert notice.count("damaged picture") == 3
    assert notice.endswith("; and 2 more.")


def test_bad_own_digits_are_not_replaced_by_the_stand_in(tmp_path):
    with pytest.raises(DataError, match="outside"):
        load_export_digits(write_npz(tmp_path / "ours.npz", images=IMAGES, labels=LABELS + 1))


def test_mnist_gives_its_three_splits_and_leaves_nothing_out(mnist_folder):
    digits = load_digit_set(mnist_folder)
    assert digits.test is not None
    parts = [digits.training, digits.validation, digits.test]
    assert [(part.name, part.split, len(part)) for part in parts] == [
        ("mnist", "train", 55_000),
        ("mnist", "validation", 5_000),
        ("mnist", "test", 10_000),
    ]
    assert digits.left_out == ()


def test_idx_header_of_too_many_values_is_refused(tmp_path):
    write_idx_half(tmp_path, suffix="")
    path = tmp_path / f"{EMNIST}train-images-idx3-ubyte"
    path.write_bytes(struct.pack(">IIII", 0x0803, 2**31, 28, 28) + b"\0" * 9)
    assert "file holds 9" in refusal(tmp_path)
