"""Read a folder of files with labelled images: IDX files, .npy files, or training, validation and test files.

FOLDER/NAME.npy    x_train.npy and y_train.npy; optionally x_val.npy, y_val.npy, x_test.npy and y_test.npy
FOLDER/NAME.csv    a file with `train` in its name; optionally others with `val` and `test`
FOLDER/FILE        a single file of any kind
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from edge_mnist_runtime.bundles.manifest import GOLDEN_FILE, MANIFEST_FILE
from edge_mnist_runtime.commands.terminal import one_line
from edge_mnist_runtime.errors import DataError, DataNotFoundError
from edge_mnist_runtime.paths import is_folder
from edge_mnist_trainer.data.array_files import load_npy
from edge_mnist_trainer.data.csv_files import count_columns
from edge_mnist_trainer.data.digit_arrays import (
    DIGITS,
    IDX_NAME,
    ImageClasses,
    LabelledParts,
    group_idx_files,
    join_images,
    name_unused,
    read_idx_set,
)
from edge_mnist_trainer.data.labelled_files import ARCHIVES, READERS, ROWS, find_kind, read_labelled_file
from edge_mnist_trainer.data.named_arrays import take_named

PARTS: Final = ("train", "validation", "test")
"""Parts of a data set that `find_part` recognises in names."""


def find_labelled_files(entries: Sequence[Path]) -> list[Path]:
    """Find the .csv, .tsv and .npy files of a folder; if it has none and no sub-folders, other labelled files."""
    kinds = {path: find_kind(path.name) for path in entries}
    return [path for path, kind in kinds.items() if kind in (*ROWS, ".npy")] or [
        path
        for path, kind in kinds.items()
        if kind in READERS and not any(is_folder(entry, DataError) for entry in entries)
    ]


def read_array_folder(
    folder: Path, entries: Sequence[Path], label_names: Collection[str], expected: ImageClasses = DIGITS
) -> LabelledParts | None:
    """Read a folder's IDX files, else its files of labelled images.

    Args:
        folder: The folder.
        entries: Everything in it.
        label_names: Names that sub-folders of pictures would have.
        expected: Expected shape and classes.

    Returns:
        The images; None if the folder has no such files.

    Raises:
        DataNotFoundError: The folder is a bundle.
        DataError: There are several data sets, or the files are damaged, as in `read_idx_set` and
            `read_labelled_files`.
    """
    if {MANIFEST_FILE, GOLDEN_FILE} <= {entry.name for entry in entries}:
        raise DataNotFoundError(
            f"{folder}: a bundle, not a folder of digits; its {GOLDEN_FILE} is for `edge-mnist verify`"
        )
    groups = group_idx_files([entry.name for entry in entries])
    if len(groups) > 1:
        raise DataError(
            f"{folder}: IDX files of {len(groups)} data sets ({', '.join(groups.values())}); "
            "keep one data set in a folder"
        )
    files = find_labelled_files(entries)
    used = [entry for entry in entries if IDX_NAME.fullmatch(entry.name)] or files
    if not used:
        return None
    if any(entry.name in label_names and is_folder(entry, DataError) for entry in entries):
        raise DataError(f"{folder}: both {used[0].name} and sub-folders of pictures; keep one data set")
    parts = (
        read_idx_set(folder, next(iter(groups)), expected) if groups else read_labelled_files(folder, files, expected)
    )
    return _leave_out(parts, list_unused(entries, used, used[0].name))


def list_unused(entries: Iterable[Path], used: Collection[Path], beside: str) -> tuple[str, ...]:
    """List a folder's unused files and sub-folders that may hold images, one line each.

    Args:
        entries: Everything in the folder.
        used: The files that are used.
        beside: What is used, for the lines.
    """
    known = (*ROWS, *READERS, *ARCHIVES)
    may_hold = (
        path.name
        for path in entries
        if path not in used and (find_kind(path.name) in known or "-ubyte" in path.name or is_folder(path, DataError))
    )
    return name_unused(may_hold, beside)


def read_labelled_files(folder: Path, files: list[Path], expected: ImageClasses = DIGITS) -> LabelledParts:
    """Read the files that `find_labelled_files` found in a folder.

    Raises:
        DataError: A file is damaged, as in `read_labelled_file`; or the names do not say which file is which part.
    """
    arrays = {path.stem: path for path in files if find_kind(path.name) == ".npy"}
    if arrays:
        parts = take_named({name: load_npy(path) for name, path in arrays.items()}, folder, expected)
        return _leave_out(parts, list_unused(files, arrays.values(), "the .npy files"))
    if len(files) == 1:
        return read_labelled_file(files[0], expected)
    by_part = {part: [path for path in files if find_part(path.name) == part] for part in PARTS}
    if len(by_part["train"]) != 1 or any(len(found) > 1 for found in by_part.values()):
        raise DataError(
            f"{folder}: {len(files)} files of images, the first {files[0].name}; name one of them, or keep one each "
            "with train, val and test in their names"
        )
    first = by_part["train"][0]
    training = read_labelled_file(first, expected)
    others = {path: _read_beside(path, expected, training) for part in PARTS[1:] for path in by_part[part]}
    found = {part: [one for path in by_part[part] if (one := others[path][0])] for part in PARTS[1:]}
    return LabelledParts(
        join_images([training.training, *(part.training for part in found["validation"])]),
        found["test"][0].training if found["test"] else training.test,
        (
            *training.left_out,
            *(line for _, lines in others.values() for line in lines),
            *list_unused(files, [first, *others], first.name),
        ),
        (*training.notes, *(note for parts in found.values() for part in parts for note in part.notes)),
    )


def _read_beside(
    path: Path, expected: ImageClasses, training: LabelledParts
) -> tuple[LabelledParts | None, tuple[str, ...]]:
    """Read the validation or test file beside a training file. Return its images, and lines for what is left out."""
    name = one_line(path.name)
    if find_kind(path.name) in ROWS and count_columns(path) == int(np.prod(expected.image_shape)):
        return None, (f"{name}: pixels without labels",)  # like Kaggle's test.csv
    parts = read_labelled_file(path, expected, label_column=training.label_column)
    also = (f"{name}: its own test part is not used",) if parts.test else ()
    return parts, (*parts.left_out, *also)


def _leave_out(parts: LabelledParts, lines: tuple[str, ...]) -> LabelledParts:
    return replace(parts, left_out=(*parts.left_out, *lines))


def find_part(name: str) -> str | None:
    """Find `train`, `validation` or `test` among the words of a name; None if there is none."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = set(re.findall(r"t10k|[a-z]+", spaced.lower()))
    if words & {"train", "training", "trainset", "trainingset"}:
        return "train"
    if words & {"val", "valid", "validation", "valset", "validset", "validationset"}:
        return "validation"
    return "test" if words & {"test", "testing", "testset", "t10k"} else None
