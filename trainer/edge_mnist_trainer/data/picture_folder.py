"""Read pictures from one sub-folder for each digit, in the way a device reads them."""

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
from edge_mnist_trainer.data.array_folders import PARTS, find_part, list_unused
from edge_mnist_trainer.data.digit_arrays import ImagesAndLabels, LabelledParts, join_images

DIGITS_BY_NAME: Final = {name: int(name) for name in DIGIT_LABELS}

ReadPicture: TypeAlias = Callable[[Path, str], Pixels]
"""Maps (file, its name for messages) to the tensor of one image. Raises PictureError."""

ReadFolder: TypeAlias = Callable[[Path], tuple[ImagesAndLabels, tuple[str, ...]]]
"""Maps a folder to its images and labels, and a line for each file that was left out."""


def read_digit(file: Path, origin: str) -> Pixels:
    """Preprocess a picture of one digit as a device does: uint8, shape (28, 28, 1)."""
    return to_pixels(file, origin=origin)[..., np.newaxis]


def read_picture_folder(
    folder: Path,
    label_folders: Sequence[Path],
    *,
    read: ReadPicture = read_digit,
    labels_by_name: Mapping[str, int] = DIGITS_BY_NAME,
) -> tuple[ImagesAndLabels, tuple[str, ...]]:
    """Read all pictures in the sub-folders of a folder.

    Args:
        folder: The folder that the user named. Paths in messages are relative to it.
        label_folders: Its sub-folders, each named after a label.
        read: Reads one picture.
        labels_by_name: The label for each name.

    Returns:
        Images and labels, sorted by path; and one line, path and reason, for each file that could not be read, and
        for each file beside the sub-folders that may hold images.

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
    """Read the pictures of one label. Return their tensors, and a line for each file that could not be read."""
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


def find_part_folders(folder: Path, entries: Sequence[Path]) -> tuple[tuple[Path, ...], Path | None] | None:
    """Find the sub-folders of the training and test parts.

    Validation images join the training part, from which the trainer takes its own validation images.

    Returns:
        The sub-folders, each replaced by the innermost one that it wraps; None if there is no training part.

    Raises:
        DataError: Two sub-folders could be the same part, or there is another sub-folder.
    """
    folders = [entry for entry in entries if is_folder(entry, DataError)]
    by_part = {part: [entry for entry in folders if find_part(entry.name) == part] for part in PARTS}
    if not by_part["train"]:
        return None
    others = [entry.name for entry in folders if find_part(entry.name) is None]
    for names in (*([entry.name for entry in found] for found in by_part.values() if len(found) > 1), others):
        if names:
            first = by_part["train"][0].name
            raise DataError(f"{folder}: sub-folder {names[-1]} beside {first}; keep one each of train, val and test")
    training = tuple(innermost_folder(entry, DIGIT) for entry in (*by_part["train"], *by_part["validation"]))
    return training, innermost_folder(by_part["test"][0], DIGIT) if by_part["test"] else None


def read_picture_parts(folder: Path, entries: Sequence[Path], read: ReadFolder) -> LabelledParts:
    """Read a folder of pictures, which may have sub-folders for training and test.

    Args:
        folder: The folder.
        entries: Everything in it.
        read: Reads the pictures of one part, as `read_picture_folder` does.

    Raises:
        DataError: The parts are ambiguous, as in `find_part_folders`, or `read` fails.
    """
    parts = find_part_folders(folder, entries)
    if parts is None:
        images, lines = read(folder)
        return LabelledParts(images, left_out=lines)
    training = [read(part) for part in parts[0]]
    test = [read(parts[1])] if parts[1] else []
    left_out = [line for _, lines in (*training, *test) for line in lines]
    return LabelledParts(
        join_images(images for images, _ in training),
        test[0][0] if test else None,
        (*left_out, *_list_unused_files(entries)),
    )


def find_files(folder: Path) -> list[Path]:
    """Find every file below a folder, sorted by path.

    Files with other suffixes and links that cannot be opened are included, so that they are reported.
    """
    found: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not is_left_by_a_file_manager(name)]
        links = [name for name in folders if Path(parent, name).is_symlink()]
        found += [Path(parent, name) for name in files + links if not is_left_by_a_file_manager(name)]
    return sorted(found)


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename}: cannot be read ({error.strerror}); check its permissions") from error
