"""The user's own digits: folders of pictures, IDX files named like EMNIST's, .npz files."""

from __future__ import annotations

import gc
import gzip
import re
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime.classifier import to_pixels
from edge_mnist_runtime.dataset import DATA_VARIABLE, MNIST_SHA256, LabelledDigits, encode_idx
from edge_mnist_runtime.errors import DataError, DataNotFoundError
from edge_mnist_trainer.augment.strokes import draw_digits, draw_ink
from edge_mnist_trainer.data.own_digits import load_own_digits
from edge_mnist_trainer.data.sources import DigitSet, load_digit_set, load_export_digits, load_mnist
from edge_mnist_trainer.data.splits import split_each_label

IMAGES, LABELS = draw_digits(5, seed=3)
"""50 drawn digits: 0, 1, ..., 9, five times."""

EMNIST = "emnist-digits-"


def write_picture(path: Path, digit: int, *, seed: int = 0, size: tuple[int, int] = (60, 60)) -> Path:
    """Write a drawn digit, dark on light, as a picture file. The suffix decides its format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ink = draw_ink(digit, np.random.default_rng([digit, seed]), side_pixels=max(size))
    Image.fromarray(255 - ink).resize(size).save(path)
    return path


def write_folder(folder: Path, *, digits: tuple[int, ...] = (3, 7), each: int = 3) -> Path:
    for digit in digits:
        for number in range(each):
            write_picture(folder / str(digit) / f"{number:02}.png", digit, seed=number)
    return folder


def truncate(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def write_idx(path: Path, values: np.ndarray) -> None:
    data = encode_idx(values)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_idx_half(
    folder: Path,
    half: str = "train",
    *,
    prefix: str = EMNIST,
    images: np.ndarray = IMAGES[..., 0],
    labels: np.ndarray = LABELS,
    suffix: str = ".gz",
) -> Path:
    write_idx(folder / f"{prefix}{half}-images-idx3-ubyte{suffix}", images)
    write_idx(folder / f"{prefix}{half}-labels-idx1-ubyte{suffix}", labels)
    return folder


def write_npz(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


def refusal(data: Path) -> str:
    """The message of the DataError that `load_digit_set` raises for `data`: one line that names it."""
    with pytest.raises(DataError) as caught:
        load_digit_set(data)
    message = str(caught.value)
    assert "\n" not in message
    assert data.name in message
    return message


def images_of(parts: DigitSet) -> list[bytes]:
    return sorted(image.tobytes() for part in (parts.training, parts.validation) for image in part.images)


# Folders of pictures.


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
