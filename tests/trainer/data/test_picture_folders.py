"""The user's own digits in folders of pictures."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image
from tests.trainer.data.digit_samples import (
    images_of,
    refusal,
    truncate,
    write_folder,
    write_picture,
)

from edge_mnist_runtime.classifier import to_pixels
from edge_mnist_runtime.errors import DataNotFoundError
from edge_mnist_trainer.data.own_digits import load_own_digits
from edge_mnist_trainer.data.sources import load_digit_set


def test_pictures_are_labelled_by_their_folder_and_preprocessed(tmp_path):
    folder = write_folder(tmp_path / "ours", digits=(0, 4, 9))
    digits = load_own_digits(folder)
    assert digits is not None
    files = sorted(folder.rglob("*.png"))
    assert digits.training.labels.tolist() == [int(file.parent.name) for file in files]
    for image, file in zip(digits.training.images, files, strict=True):
        assert np.array_equal(image[..., 0], to_pixels(file))


def test_folder_of_pictures_has_training_and_validation_but_no_test_part(tmp_path):
    digits = load_digit_set(write_folder(tmp_path / "ours"))
    assert (digits.training.name, digits.training.split, len(digits.training)) == ("ours", "train", 4)
    assert (digits.validation.name, digits.validation.split, len(digits.validation)) == ("ours", "validation", 2)
    assert (digits.training.images.shape, digits.training.images.dtype) == ((4, 28, 28, 1), np.uint8)
    assert (digits.test, digits.left_out) == (None, ())


@pytest.mark.parametrize("name", ["odd.jpg", "odd.JPEG"])
def test_jpeg_of_odd_size_is_read(name, tmp_path):
    folder = write_folder(tmp_path / "ours")
    picture = write_picture(folder / "3" / name, 3, size=(173, 91))
    assert to_pixels(picture).tobytes() in images_of(load_digit_set(folder))


def test_pictures_in_folders_below_a_label_are_read(tmp_path):
    folder = write_folder(tmp_path / "ours")
    write_picture(folder / "3" / "writer-b" / "00.png", 3, seed=9)
    assert load_digit_set(folder).training.labels.tolist().count(3) == 3


@pytest.mark.parametrize(
    "junk", [".DS_Store", "3/.DS_Store", "3/._00.png", "3/Thumbs.db", "Thumbs.db", "3/desktop.ini"]
)
def test_files_that_file_managers_leave_are_ignored(junk, tmp_path):
    folder = write_folder(tmp_path / "ours")
    (folder / junk).write_bytes(b"\0\0\0\1Bud1")
    assert load_digit_set(folder).left_out == ()


@pytest.mark.parametrize("junk", [".cache", "__MACOSX", "3/.cache"])
def test_folders_that_file_managers_leave_are_ignored(junk, tmp_path):
    folder = write_folder(tmp_path / "ours")
    write_picture(folder / junk / "00.png", 3)
    digits = load_digit_set(folder)
    assert (len(digits.training), digits.left_out) == (4, ())


def test_truncated_picture_is_left_out_and_reported(tmp_path):
    folder = write_folder(tmp_path / "ours")
    truncate(folder / "3" / "01.png")
    digits = load_digit_set(folder)
    assert len(digits.training) + len(digits.validation) == 5
    (line,) = digits.left_out
    assert re.match(r"3/01\.png: damaged picture \(.+\)", line)


def test_files_that_are_not_pictures_are_reported(tmp_path):
    folder = write_folder(tmp_path / "ours", each=4)
    (folder / "3" / "a.txt").write_text("notes")
    (folder / "3" / "b.png").write_bytes(b"")
    (folder / "7" / "c.png").symlink_to(tmp_path / "absent.png")
    Image.new("L", (40, 40), 200).save(folder / "7" / "d.png")
    (folder / "7" / "e").symlink_to(folder / "3")
    starts = (
        "3/a.txt: not a picture",
        "3/b.png: empty",
        "7/c.png: no such file",
        "7/d.png: blank",
        "7/e: is a folder",
    )
    left_out = load_digit_set(folder).left_out
    assert len(left_out) == len(starts)
    assert all(line.startswith(start) for line, start in zip(left_out, starts, strict=True))


def test_file_name_with_a_line_break_is_reported_in_one_line(tmp_path):
    folder = write_folder(tmp_path / "ours")
    (folder / "3" / "two\nlines.png").write_bytes(b"")
    assert "\n" not in load_digit_set(folder).left_out[0]


def test_label_without_one_readable_picture_is_refused(tmp_path):
    folder = write_folder(tmp_path / "ours", digits=(1, 3, 7))
    for file in (folder / "3").iterdir():
        truncate(file)
    assert re.search(r"no picture of 3 can be read \(3 tried\).*3/00\.png: damaged", refusal(folder))


def test_empty_folder_of_a_label_is_refused(tmp_path):
    folder = write_folder(tmp_path / "ours")
    (folder / "5").mkdir()
    assert re.search(r"sub-folder 5 holds no picture", refusal(folder))


def test_folder_with_more_bad_pictures_than_good_ones_is_refused(tmp_path):
    folder = write_folder(tmp_path / "ours", each=5)
    for number in range(3):
        truncate(folder / "3" / f"{number:02}.png")
        truncate(folder / "7" / f"{number:02}.png")
    assert re.search(r"6 of 10 pictures cannot be read.*3/00\.png", refusal(folder))


def test_folder_with_half_of_its_pictures_bad_is_read(tmp_path):
    folder = write_folder(tmp_path / "ours", each=4)
    for number in range(2):
        truncate(folder / "3" / f"{number:02}.png")
        truncate(folder / "7" / f"{number:02}.png")
    assert len(load_digit_set(folder).left_out) == 4


def test_folder_of_a_single_label_is_refused(tmp_path):
    assert re.search(r"only one label, 3.*at least two", refusal(write_folder(tmp_path / "ours", digits=(3,))))


@pytest.mark.parametrize("name", ["10", "03", "three", "٣"])
def test_folder_that_is_not_a_digit_is_refused(name, tmp_path):
    folder = write_folder(tmp_path / "ours")
    (folder / name).mkdir()
    assert name in refusal(folder)


def test_picture_beside_the_labels_is_refused(tmp_path):
    folder = write_folder(tmp_path / "ours")
    write_picture(folder / "stray.png", 3)
    assert "stray.png" in refusal(folder)


def test_text_file_beside_the_labels_is_ignored(tmp_path):
    folder = write_folder(tmp_path / "ours")
    (folder / "README.txt").write_text("Ours.")
    assert load_digit_set(folder).left_out == ()


def test_pictures_without_labels_are_refused_and_counted(tmp_path):
    write_picture(tmp_path / "ours" / "a.png", 3)
    write_picture(tmp_path / "ours" / "b.jpg", 7)
    assert re.search(r"2 pictures without a label \(the first: a\.png\).*0 \.\.\. 9", refusal(tmp_path / "ours"))


@pytest.mark.parametrize("content", ["", "train", "a.txt"])
def test_folder_without_digits_is_refused_with_the_expected_layouts(content, tmp_path):
    if content:
        (tmp_path / content).mkdir()
    with pytest.raises(DataNotFoundError, match=r"no digits.*0 \.\.\. 9.*train-images-idx3-ubyte.*\.npz") as caught:
        load_digit_set(tmp_path)
    assert content in str(caught.value)
