"""Pictures sorted into one sub-folder a digit, read as a device would read them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from edge_mnist_runtime.commands.messages import one_line
from edge_mnist_runtime.errors import DataError, PictureError
from edge_mnist_runtime.pictures import open_picture
from edge_mnist_runtime.preprocess import Pixels, picture_to_pixels
from edge_mnist_trainer.digit_arrays import ImagesAndLabels

LEFT_BY_FILE_MANAGERS: Final = ("thumbs.db", "desktop.ini", "__macosx")
"""Names, in lower case, that Windows and macOS leave in folders and archives. They hide the others behind a dot."""


def is_left_by_a_file_manager(name: str) -> bool:
    """Whether a file or folder of that name is hidden, or nobody's picture."""
    return name.startswith(".") or name.lower() in LEFT_BY_FILE_MANAGERS


def read_picture_folder(folder: Path, label_folders: Sequence[Path]) -> tuple[ImagesAndLabels, tuple[str, ...]]:
    """Read every picture of every label.

    Args:
        folder: What the user named; paths in messages begin below it.
        label_folders: Its sub-folders, each named by a digit.

    Returns:
        Images and labels, sorted by path; and one line, path and reason, for each file that could not be read.

    Raises:
        DataError: A label has no readable picture, or more than half of all files cannot be read.
    """
    images: list[Pixels] = []
    labels: list[int] = []
    left_out: list[str] = []
    for label_folder in label_folders:
        of_label, bad = _read_label(folder, label_folder)
        images += of_label
        labels += [int(label_folder.name)] * len(of_label)
        left_out += bad
    n_files = len(images) + len(left_out)
    if len(left_out) > n_files / 2:
        raise DataError(f"{folder}: {len(left_out)} of {n_files} pictures cannot be read, the first: {left_out[0]}")
    return (np.stack(images)[..., np.newaxis], np.array(labels, np.uint8)), tuple(left_out)


def _read_label(folder: Path, label_folder: Path) -> tuple[list[Pixels], list[str]]:
    """The tensors, uint8, shape (28, 28) each, of one label, and a line for each file that gave none."""
    images, left_out = [], []
    for file in _find_files(label_folder):
        origin = one_line(file.relative_to(folder).as_posix())
        try:
            images.append(picture_to_pixels(open_picture(file, origin=origin), origin=origin))
        except PictureError as error:
            left_out.append(one_line(str(error)))
    digit = label_folder.name
    if not images and not left_out:
        raise DataError(f"{folder}: sub-folder {digit} holds no picture; fill it or remove it")
    if not images:
        raise DataError(
            f"{folder}: no picture of digit {digit} can be read ({len(left_out)} tried), the first: {left_out[0]}"
        )
    return images, left_out


def _find_files(label_folder: Path) -> list[Path]:
    """Every file below the folder that may be meant as a picture, sorted by path.

    A file of another suffix is among them, and so is a link that leads nowhere or to a folder: opening it fails, and
    then it is named.
    """
    found: list[Path] = []
    for parent, folders, files in os.walk(label_folder, onerror=_refuse):
        folders[:] = [name for name in folders if not is_left_by_a_file_manager(name)]
        links = [name for name in folders if Path(parent, name).is_symlink()]
        found += [Path(parent, name) for name in files + links if not is_left_by_a_file_manager(name)]
    return sorted(found)


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename}: cannot be read ({error.strerror}); check its permissions") from error
