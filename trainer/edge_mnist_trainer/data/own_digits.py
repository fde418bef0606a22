"""Digits of the user's own, in any of the layouts that `--data` takes beside MNIST's.

    FOLDER/0 ... 9/             pictures of any size, through the one preprocessing definition   picture_folder.py
    FOLDER/train, FOLDER/test   each of them such a folder; val/ joins train/                    picture_folder.py
    FOLDER/NAME-train-...       IDX files as EMNIST has them                                     digit_arrays.py
    FILE.npz                    arrays as Keras has them, or `images` and `labels`               digit_arrays.py
    FILE.csv, .pkl.gz, .mat     Kaggle's train.csv, mnist.pkl.gz and their like                  labelled_files.py
    FOLDER/*.csv, FOLDER/*.npy  the same, a file a half; arrays, a file each                     labelled_files.py

A folder may be wrapped in others, as archives are.

A folder whose IDX files have MNIST's plain names is never taken for the user's own: those are proved by SHA-256.
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
from edge_mnist_trainer.data.digit_arrays import ImagesAndLabels, group_idx_files, read_idx_set
from edge_mnist_trainer.data.labelled_files import find_labelled_files, read_labelled_file, read_labelled_files
from edge_mnist_trainer.data.picture_folder import find_halves, join_folders, read_picture_folder

SHOWN_ENTRIES = 3
"""Of what a folder holds instead of digits, an error names so many."""


@dataclass(frozen=True)
class OwnDigits:
    """Digits of the user's own, read and checked, not yet cut into training and validation."""

    training: LabelledDigits
    """All images but those of the test part, in file order."""
    test: LabelledDigits | None
    """None where there is no test part."""
    left_out: tuple[str, ...]
    """Files that could not be read, one line each: path inside the folder, then the reason."""
    are_pictures: bool
    """Whether they were found in pictures, and depend on how these are read."""


def load_own_digits(path: Path) -> OwnDigits | None:
    """Read digits of the user's own.

    Args:
        path: An existing folder, or a file.

    Returns:
        The digits, named by the folder or file; None for a folder of IDX files under MNIST's plain names.

    Raises:
        DataNotFoundError: The folder holds nothing that looks like digits.
        DataError: Something is damaged, of an unexpected shape, or without a label; or labels are outside 0..9.
    """
    left_out: tuple[str, ...] = ()
    test, are_pictures = None, False
    if not is_folder(path, DataNotFoundError):
        training, test = read_labelled_file(path)
    else:
        folder = innermost_folder(path)
        entries = _list_entries(folder)
        groups = group_idx_files([entry.name for entry in entries])
        if list(groups) == [""]:
            return None
        if groups:
            training, test = read_idx_set(folder, _only_prefix(folder, groups, entries))
        elif files := find_labelled_files(entries):
            training, test, left_out = read_labelled_files(folder, files)
        else:
            halves = find_halves(folder, entries) or ((folder,), None)
            training, left_out = join_folders(map(_read_half, halves[0]))
            if halves[1]:
                test, also_left_out = _read_half(halves[1])
                left_out += also_left_out
            are_pictures = True
    if len(found := np.unique(training[1])) < 2:
        raise DataError(f"{path}: only one label, {found[0]}; expected images of at least two digits")
    name = _name_set(path)
    return OwnDigits(
        LabelledDigits(name, "train", *training),
        LabelledDigits(name, "test", *test) if test else None,
        left_out,
        are_pictures,
    )


def _read_half(folder: Path) -> tuple[ImagesAndLabels, tuple[str, ...]]:
    return read_picture_folder(folder, _label_folders(folder, _list_entries(folder)))


def _name_set(path: Path) -> str:
    name = one_line(path.resolve().name)
    # Reports tell MNIST by its name, and these digits are not proved to be MNIST's.
    return f"{name} (own digits)" if name.lower() == MNIST_NAME else name


def _list_entries(folder: Path) -> list[Path]:
    return [entry for entry in list_folder(folder, DataError) if not is_left_by_a_file_manager(entry.name)]


def _only_prefix(folder: Path, groups: dict[str, str], entries: Sequence[Path]) -> str:
    """The prefix of the folder's IDX files; `groups` holds one file name by prefix."""
    if len(groups) > 1:
        raise DataError(
            f"{folder}: IDX files of {len(groups)} data sets ({', '.join(groups.values())}); "
            "keep one data set in a folder"
        )
    prefix, file_name = next(iter(groups.items()))
    if any(_is_label_folder(entry) for entry in entries):
        raise DataError(f"{folder}: both IDX files ({file_name}) and sub-folders of pictures; keep one data set")
    return prefix


def _label_folders(folder: Path, entries: Sequence[Path]) -> list[Path]:
    """The sub-folders 0 ... 9, sorted; whatever else may hold digits is refused, so that none is passed over."""
    labels = [entry for entry in entries if _is_label_folder(entry)]
    pictures = [entry for entry in entries if entry.suffix.lower() in KNOWN and not is_folder(entry, DataError)]
    others = [entry for entry in entries if is_folder(entry, DataError) and entry not in labels]
    if pictures:
        counted = "1 picture" if len(pictures) == 1 else f"{len(pictures)} pictures"
        raise DataError(
            f"{folder}: {counted} without a label (the first: {pictures[0].name}); "
            "put each into the sub-folder of its digit, 0 ... 9"
        )
    if not labels:
        found = ", ".join(entry.name for entry in entries[:SHOWN_ENTRIES]) or "nothing"
        raise DataNotFoundError(
            f"{folder}: no digits (found {found}{', ...' if len(entries) > SHOWN_ENTRIES else ''}); expected "
            "sub-folders 0 ... 9 of pictures, or IDX files ([NAME-]train-images-idx3-ubyte[.gz] and so on); "
            "or name an .npz, .csv, .pkl.gz or .mat file"
        )
    if others:
        raise DataError(
            f"{folder}: sub-folder {others[0].name} is none of 0 ... 9; move it away, or its pictures into those"
        )
    if len(labels) < 2:
        raise DataError(f"{folder}: only digit {labels[0].name}; expected at least two of the sub-folders 0 ... 9")
    return labels


def _is_label_folder(entry: Path) -> bool:
    return entry.name in DIGIT_LABELS and is_folder(entry, DataError)
