"""Pictures sorted into one sub-folder a digit, read as a device would read them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from edge_mnist_runtime.commands.terminal import one_line
from edge_mnist_runtime.contract import DIGIT_LABELS
from edge_mnist_runtime.dataset import DIGIT, innermost_folder, is_left_by_a_file_manager
from edge_mnist_runtime.errors import DataError, PictureError
from edge_mnist_runtime.inputs import to_pixels
from edge_mnist_runtime.paths import is_folder, list_folder
from edge_mnist_runtime.tensor import Pixels
from edge_mnist_trainer.data.array_folders import PARTS, half_of, list_unused
from edge_mnist_trainer.data.digit_arrays import ImagesAndLabels, LabelledParts, join_images

DIGITS_BY_NAME: Final = {name: int(name) for name in DIGIT_LABELS}

ReadPicture: TypeAlias = Callable[[Path, str], Pixels]
"""(file, its name for messages) to the tensor of one image; raises PictureError."""

ReadFolder: TypeAlias = Callable[[Path], tuple[ImagesAndLabels, tuple[str, ...]]]
"""A folder to its images and labels, and a line for each file that was left out."""


def read_digit(file: Path, origin: str) -> Pixels:
    """The tensor, uint8, shape (28, 28, 1), of one picture of a digit, as a device would make it."""
    return to_pixels(file, origin=origin)[..., np.newaxis]


def read_picture_folder(
    folder: Path,
    label_folders: Sequence[Path],
    *,
    read: ReadPicture = read_digit,
    labels_by_name: Mapping[str, int] = DIGITS_BY_NAME,
) -> tuple[ImagesAndLabels, tuple[str, ...]]:
    """Read every picture of every label.

    Args:
        folder: What the user named; paths in messages begin below it.
        label_folders: Its sub-folders, each named by a label.
        read: Makes a picture a tensor.
        labels_by_name: What each name stands for.

    Returns:
        Images and labels, sorted by path; and one line, path and reason, for each file that could not be read, and
        for each beside the sub-folders that may hold images, too.

    Raises:
        DataError: A label has no readable picture, or more than half of all files cannot be read.
    """
    images: list[Pixels] = []
    labels: list[int] = []
    left_out: list[str] = []
    for label_folder in label_folders:
        of_label, bad = _read_label(folder, label_folder, read)
        images += of_label
        labels += [labels_by_name[label_folder.name]] * len(of_label)
        left_out += bad
    n_files = len(images) + len(left_out)
    if len(left_out) > n_files / 2:
        raise DataError(f"{folder}: {len(left_out)} of {n_files} pictures cannot be read, the first: {left_out[0]}")
    unused = _list_unused_files(list_folder(folder, DataError))
    return (np.stack(images), np.array(labels, np.uint8 if max(labels) < 256 else np.uint16)), (*left_out, *unused)


def _list_unused_files(entries: Iterable[Path]) -> tuple[str, ...]:
    files = [entry for entry in entries if not is_folder(entry, DataError)]
    seen = [file for file in files if not is_left_by_a_file_manager(file.name)]
    return list_unused(seen, (), "the sub-folders of pictures")


def _read_label(folder: Path, label_folder: Path, read: ReadPicture) -> tuple[list[Pixels], list[str]]:
    """The tensors of one label, and a line for each file that gave none."""
    images, left_out = [], []
    for file in find_files(label_folder):
        origin = one_line(file.relative_to(folder).as_posix())
        try:
            images.append(read(file, origin))
        except PictureError as error:
            left_out.append(one_line(str(error)))
    digit = label_folder.name
    if not images and not left_out:
        raise DataError(f"{folder}: sub-folder {digit} holds no picture; fill it or remove it")
    if not images:
        raise DataError(
            f"{folder}: no picture of {digit} can be read ({len(left_out)} tried), the first: {left_out[0]}"
        )
    return images, left_out


def find_halves(folder: Path, entries: Sequence[Path]) -> tuple[tuple[Path, ...], Path | None] | None:
    """The sub-folders of a training and of a test part, each unwrapped; None where there is no training part.

    A sub-folder of validation images belongs to the training part, from which the trainer cuts its own.

    Raises:
        DataError: Two sub-folders may be the same half, or there is something else beside them.
    """
    folders = [entry for entry in entries if is_folder(entry, DataError)]
    by_half = {half: [entry for entry in folders if half_of(entry.name) == half] for half in PARTS}
    if not by_half["train"]:
        return None
    others = [entry.name for entry in folders if half_of(entry.name) is None]
    for names in (*([entry.name for entry in found] for found in by_half.values() if len(found) > 1), others):
        if names:
            first = by_half["train"][0].name
            raise DataError(f"{folder}: sub-folder {names[-1]} beside {first}; keep one each of train, val and test")
    training = tuple(innermost_folder(entry, DIGIT) for entry in (*by_half["train"], *by_half["validation"]))
    return training, innermost_folder(by_half["test"][0], DIGIT) if by_half["test"] else None


def read_halves(folder: Path, entries: Sequence[Path], read: ReadFolder) -> LabelledParts:
    """Read a folder of pictures, or those of its training and test part.

    Args:
        folder: What was named.
        entries: What it holds.
        read: Reads the pictures of one part, as `read_picture_folder` does.

    Raises:
        DataError: As `find_halves`, and as `read`.
    """
    halves = find_halves(folder, entries)
    if halves is None:
        images, lines = read(folder)
        return LabelledParts(images, left_out=lines)
    training = [read(part) for part in halves[0]]
    test = [read(halves[1])] if halves[1] else []
    left_out = [line for _, lines in (*training, *test) for line in lines]
    return LabelledParts(
        join_images(images for images, _ in training),
        test[0][0] if test else None,
        (*left_out, *_list_unused_files(entries)),
    )


def find_files(folder: Path) -> list[Path]:
    """Every file below a folder that may be meant as a picture, sorted by path.

    A file of another suffix is among them, and so is a link that leads nowhere or to a folder: opening it fails, and
    then it is named.
    """
    found: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not is_left_by_a_file_manager(name)]
        links = [name for name in folders if Path(parent, name).is_symlink()]
        found += [Path(parent, name) for name in files + links if not is_left_by_a_file_manager(name)]
    return sorted(found)


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename}: cannot be read ({error.strerror}); check its permissions") from error
