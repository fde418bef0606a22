"""Digits of the user's own, in any of the layouts that `--data` takes beside MNIST's.

    FOLDER/0 ... 9/             pictures of any size, through the one preprocessing definition   picture_folder.py
    FOLDER/NAME-train-...       IDX files as EMNIST has them                                     digit_arrays.py
    FILE.npz                    arrays as Keras has them, or `images` and `labels`               digit_arrays.py

A folder whose IDX files have MNIST's plain names is never taken for the user's own: those are proved by SHA-256.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_mnist_runtime.commands.messages import one_line
from edge_mnist_runtime.contract import DIGIT_LABELS
from edge_mnist_runtime.dataset import MNIST_NAME, LabelledDigits
from edge_mnist_runtime.errors import DataError, DataNotFoundError
from edge_mnist_runtime.picture_folders import SUFFIXES
from edge_mnist_trainer.digit_arrays import group_idx_files, read_idx_set, read_npz
from edge_mnist_trainer.picture_folder import is_left_by_a_file_manager, read_picture_folder

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
        path: An existing folder, or an .npz file.

    Returns:
        The digits, named by the folder or file; None for a folder of IDX files under MNIST's plain names.

    Raises:
        DataNotFoundError: The folder holds nothing that looks like digits.
        DataError: Something is damaged, of an unexpected shape, or without a label; or labels are outside 0..9.
    """
    left_out: tuple[str, ...] = ()
    test, are_pictures = None, False
    if not path.is_dir():
        training, test = read_npz(path)
    else:
        entries = _list_entries(path)
        groups = group_idx_files([entry.name for entry in entries])
        if list(groups) == [""]:
            return None
        if groups:
            training, test = read_idx_set(path, _only_prefix(path, groups, entries))
        else:
            training, left_out = read_picture_folder(path, _label_folders(path, entries))
            are_pictures = True
    name = _name_set(path)
    return OwnDigits(
        LabelledDigits(name, "train", *training),
        LabelledDigits(name, "test", *test) if test else None,
        left_out,
        are_pictures,
    )


def _name_set(path: Path) -> str:
    name = one_line(path.resolve().name)
    # Reports tell MNIST by its name, and these digits are not proved to be MNIST's.
    return f"{name} (own digits)" if name.lower() == MNIST_NAME else name


def _list_entries(folder: Path) -> list[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if not is_left_by_a_file_manager(entry.name))
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror}); check its permissions") from error


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
    pictures = [entry for entry in entries if entry.suffix.lower() in SUFFIXES and not entry.is_dir()]
    others = [entry for entry in entries if entry.is_dir() and entry not in labels]
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
            "or name an .npz file"
        )
    if others:
        raise DataError(
            f"{folder}: sub-folder {others[0].name} is none of 0 ... 9; move it away, or its pictures into those"
        )
    if len(labels) < 2:
        raise DataError(f"{folder}: only digit {labels[0].name}; expected at least two of the sub-folders 0 ... 9")
    return labels


def _is_label_folder(entry: Path) -> bool:
    return entry.name in DIGIT_LABELS and entry.is_dir()
