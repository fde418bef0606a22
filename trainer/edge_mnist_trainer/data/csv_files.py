"""Read CSV files with a label and the pixels of one image in each row, like Kaggle's train.csv.

Columns are separated by commas, semicolons or tabs. The first row may be a header with their names.
"""

from __future__ import annotations

import codecs
import io
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.dataset import read_unpacked
from edge_mnist_runtime.errors import DataError, first_line
from edge_mnist_trainer.data.digit_arrays import ImageClasses, LabelledParts
from edge_mnist_trainer.data.named_arrays import take_pair

LABEL_COLUMNS: Final = ("label", "labels", "class", "target", "y", "digit")
"""Names of the label column, in lower case. Without a header, the first column is used."""

UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""Byte-order marks of UTF-16. UTF-32 (little endian) begins with the same two bytes."""

CHECKED_CHARACTERS: Final = 1_000
"""A NUL in the first characters shows that the encoding was guessed wrong."""


def read_csv(path: Path, expected: ImageClasses, label_column: int | None = None) -> LabelledParts:
    """Read a .csv or .tsv file, which may be compressed.

    Args:
        path: The file.
        expected: Expected shape and classes.
        label_column: Index of the label column if there is no header; None to detect it.

    Raises:
        DataError: A row is not numeric, or images and labels are not what is expected.
    """
    text = _read_text(path)
    first, separator = _first_row(path, text)
    names = None if _are_numbers(first) else [name.lower() for name in first]
    n_pixels = int(np.prod(expected.image_shape))
    if len(first) != n_pixels + 1:
        without = " and no label" if len(first) == n_pixels else ""
        raise DataError(f"{path}: {len(first)} columns{without}; expected a label and {n_pixels:,} pixels in each row")
    if names and not text.partition("\n")[2].strip():
        raise DataError(f"{path}: no rows below the header; expected a label and the pixels in each")
    try:
        # Exact for whole numbers up to 2**24, and half the memory of float64.
        table = np.loadtxt(
            io.StringIO(text),
            np.float32,
            comments=None,
            delimiter=separator,
            quotechar='"',
            skiprows=int(names is not None),
            ndmin=2,
        )
    except ValueError as error:
        found = _find_bad_row(text, separator, len(first), is_named=names is not None) or first_line(error)
        raise DataError(f"{path}: {found}; correct that row or remove it") from error
    place = label_column
    if names or place is None:
        place = _find_labels(path, names, table, expected.n_classes)
    images, labels = np.delete(table, place, axis=1), table[:, place]
    taken = take_pair(images, labels, f"{path}: pixels", f"{path}: labels", expected)
    return LabelledParts(taken, label_column=place)


def count_columns(path: Path) -> int:
    """Count the columns of a file's first row."""
    return len(_first_row(path, _read_text(path))[0])


def _find_labels(path: Path, names: list[str] | None, table: npt.NDArray[np.float32], n_classes: int) -> int:
    """Find the label column. Without a header it is the first one, or the last if the first has only one value."""
    if names:
        return next((names.index(name) for name in LABEL_COLUMNS if name in names), 0)
    first, last = np.unique(table[:, 0]), np.unique(table[:, -1])
    classes = range(n_classes)
    if len(first) > 1 or first[0] not in classes:  # `check_labelled` reports labels that are out of range
        return 0
    if len(last) > 1 and set(last.tolist()) <= set(classes):
        return int(table.shape[1]) - 1
    raise DataError(
        f"{path}: only one label, {first[0]:g}, in the first column, and no labels in the last; "
        'add a header with "label" above the column of labels'
    )


def _find_bad_row(text: str, separator: str, n_columns: int, *, is_named: bool) -> str | None:
    """Describe the first line that is not a row of numbers; None if every line is one."""
    for number, line in enumerate(text.split("\n"), start=1):
        cells = _split_row(line, separator)
        if not line.strip() or (is_named and number == 1):
            continue
        if len(cells) != n_columns:
            return f"line {number}: {len(cells)} columns; expected {n_columns}"
        for column, cell in enumerate(cells, start=1):
            if not _are_numbers([cell]):
                return f"line {number}, column {column}: {cell[:20]!r} is not a number"
    return None


def _read_text(path: Path) -> str:
    data = read_unpacked(path)
    text = data.decode("utf-16" if data.startswith(UTF_16) else "utf-8-sig", errors="replace")
    if "\0" in text[:CHECKED_CHARACTERS]:
        raise DataError(f"{path}: not text, or UTF-16 or UTF-32 without a byte-order mark; save it as UTF-8")
    return text


def _first_row(path: Path, text: str) -> tuple[list[str], str]:
    line = text[: text.find("\n")] if "\n" in text else text
    if not line.strip():
        raise DataError(f"{path}: empty; expected a label and the pixels in each row")
    separator = max(",;\t", key=line.count)
    return _split_row(line, separator), separator


def _split_row(line: str, separator: str) -> list[str]:
    return [cell.strip(" \"'") for cell in line.strip("\r\n ").split(separator)]


def _are_numbers(cells: list[str]) -> bool:
    try:
        [float(cell) for cell in cells]
    except ValueError:
        return False
    return True
