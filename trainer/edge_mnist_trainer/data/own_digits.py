"""Load the user's own digits from a folder or a file.

    FOLDER/0 ... 9/             pictures of any size, preprocessed like a device does it         picture_folder.py
    FOLDER/train, FOLDER/test   such a folder for each part; val/ joins train/                   picture_folder.py
    FOLDER/NAME-train-...       IDX files named like EMNIST's                                    digit_arrays.py
    FILE.npz                    arrays named like Keras's, or `images` and `labels`              digit_arrays.py
    FILE.csv, .pkl.gz, .mat     Kaggle's train.csv, mnist.pkl.gz and similar files               labelled_files.py
    FOLDER/*.csv, FOLDER/*.npy  one table for each part; one file for each array; or one file    array_folders.py

A folder may lie inside others, as in unpacked archives. Validation images join the training images.

A folder of IDX files with MNIST's plain names is MNIST, which is checked by SHA-256; it is never read as own digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_mnist_runtime.commands.terminal import one_line
from edge_mnist_runtime.contract import DIGIT_LABELS
from edge_mnist_runtime.dataset import MNIST_NAME, LabelledDigits, innermost_folder, is_left_by_a_file_manager
from edge_mnist_runtime.errors import DataError, DataNotFoundError
from edge_mnist_runtime.images.folders import KNOWN
from edge_mnist_runtime.paths import is_folder, list_folder
from edge_mnist_trainer.data.array_folders import read_array_folder
from edge_mnist_trainer.data.digit_arrays import ImagesAndLabels, group_idx_files, lie_on_their_side
from edge_mnist_trainer.data.labelled_files import ARCHIVES, find_kind, read_labelled_file
from edge_mnist_trainer.data.picture_folder import read_picture_folder, read_picture_parts

SHOWN_ENTRIES = 3
"""An error lists so many entries of a folder without digits."""

SIDEWAYS_NOTE = "its ones lie on their side; if rows and columns are swapped, as in EMNIST, swap them back"


@dataclass(frozen=True)
class OwnDigits:
    """The user's own digits, read and checked, not yet split into training and validation."""

    training: LabelledDigits
    """All images except the test part, in file order."""
    test: LabelledDigits | None
    """The test part; None if there is none."""
    left_out: tuple[str, ...]
    """Files that could not be read or are not used, one line each: path inside the folder, then the reason."""
    notes: tuple[str, ...]
    """Changes made while reading, such as transposed images, one sentence each."""
    are_pictures: bool
    """Whether the digits were found in pictures, so that they depend on the parameters of picture reading."""


def load_own_digits(path: Path) -> OwnDigits | None:
    """Load the user's own digits.

    Args:
        path: An existing folder, or a file.

    Returns:
        The digits, with the name of the folder or file; None for a folder of IDX files with MNIST's plain names.

    Raises:
        DataNotFoundError: The folder holds no digits.
        DataError: Something is damaged, has an unexpected shape, or has no label; or labels are outside 0..9.
    """
    if not is_folder(path, DataNotFoundError):
        parts, are_pictures = read_labelled_file(path), False
    else:
        folder = innermost_folder(path)
        entries = _list_entries(folder)
        if list(group_idx_files([entry.name for entry in entries])) == [""]:
            return None
        arrays = read_array_folder(folder, entries, DIGIT_LABELS)
        parts, are_pictures = arrays or read_picture_parts(folder, entries, _read_part), arrays is None
    if len(found := np.unique(parts.training[1])) < 2:
        raise DataError(f"{path}: only one label, {found[0]}; expected images of at least two digits")
    name = _name_set(path)
    notes = (*parts.notes, f"{name}: {SIDEWAYS_NOTE}") if lie_on_their_side(parts.training) else parts.notes
    return OwnDigits(
        LabelledDigits(name, "train", *parts.training),
        LabelledDigits(name, "test", *parts.test) if parts.test else None,
        parts.left_out,
        notes,
        are_pictures,
    )


def _read_part(folder: Path) -> tuple[ImagesAndLabels, tuple[str, ...]]:
    return read_picture_folder(folder, _label_folders(folder, _list_entries(folder)))


def _name_set(path: Path) -> str:
    name = one_line(path.resolve().name)
    # Reports identify MNIST by its name, and these digits were not proved to be MNIST's.
    return f"{name} (own digits)" if name.lower() == MNIST_NAME else name


def _list_entries(folder: Path) -> list[Path]:
    return [entry for entry in list_folder(folder, DataError) if not is_left_by_a_file_manager(entry.name)]


def _label_folders(folder: Path, entries: Sequence[Path]) -> list[Path]:
    """Find the sub-folders 0 ... 9, sorted. Refuse anything else that may hold digits, so that none is ignored."""
    labels = [entry for entry in entries if _is_label_folder(entry)]
    pictures = [entry for entry in entries if entry.suffix.lower() in KNOWN and not is_folder(entry, DataError)]
    others = [entry for entry in entries if is_folder(entry, DataError) and entry not in labels]
    if pictures:
        counted = "1 picture" if len(pictures) == 1 else f"{len(pictures)} pictures"
        raise DataError(
            f"{folder}: {counted} without a label (the first: {pictures[0].name}); "
            "put each into the sub-folder of its digit, 0 ... 9"
        )
    archives = [entry.name for entry in entries if find_kind(entry.name) in ARCHIVES]
    if not labels and archives:
        raise DataNotFoundError(f"{folder}: no digits, only the archive {archives[0]}; unpack it first")
    if not labels:
        found = ", ".join(entry.name for entry in entries[:SHOWN_ENTRIES]) or "nothing"
        raise DataNotFoundError(
            f"{folder}: no digits (found {found}{', ...' if len(entries) > SHOWN_ENTRIES else ''}); expected "
            "sub-folders 0 ... 9 of pictures, or IDX files ([NAME-]train-images-idx3-ubyte[.gz] and so on); "
            "or name an .npz, .csv, .pkl.gz or .mat file"
        )
    if others:
        raise DataError(
            f"{folder}: sub-folder {others[0].name} is not one of 0 ... 9; move it away, or its pictures into those"
        )
    return labels


def _is_label_folder(entry: Path) -> bool:
    return entry.name in DIGIT_LABELS and is_folder(entry, DataError)
