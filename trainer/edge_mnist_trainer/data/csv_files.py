"""Labelled images in the rows of a text file: a label and the pixels in each, as Kaggle's train.csv has them.

Columns are separated by commas, semicolons or tabs. The first row may have their names.
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
"""How a CSV file calls the column of labels, in small letters; it is the first one where there are no names."""

UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How a file begins that says it is UTF-16; so does UTF-32."""

LOOKED_AT: Final = 1_000
"""So many letters of a text show whether it was read as another one."""


def read_csv(path: Path, expected: ImageClasses, label_column: int | None = None) -> LabelledParts:
    """Read a .csv or .tsv file, which may be compressed.

    Args:
        path: The file.
        expected: What its images are to be.
        label_column: Where rows without names have their label; None to find out.

    Raises:
        DataError: A row is no row of numbers, or images and labels are not what is expected.
    """
    text = _read_text(path)
    first, separator = _first_row(path, text)
    names = None if _are_numbers(first) else [name.lower() for name in first]
    n_pixels = int(np.prod(expected.image_shape))
    if len(first) != n_pixels + 1:
        without = " and no label" if len(first) == n_pixels else ""
        raise DataError(f"{path}: {len(first)} columns{without}; expected a label and {n_pixels:,} pixels in each row")
    if names and not text.partition("\n")[2].strip():
        raise DataError(f"{path}: no rows below the names; expected a label and the pixels in each")
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
    """How many columns a file's first row has."""
    return len(_first_row(path, _read_text(path))[0])


def _find_labels(path: Path, names: list[str] | None, table: npt.NDArray[np.float32], n_classes: int) -> int:
    """The column of labels. Without names it is the first; or the last, where the first always holds one value."""
    if names:
        return next((names.index(name) for name in LABEL_COLUMNS if name in names), 0)
    first, last = np.unique(table[:, 0]), np.unique(table[:, -1])
    classes = range(n_classes)
    if len(first) > 1 or first[0] not in classes:  # what is out of range is reported with the other checks
        return 0
    if len(last) > 1 and set(last.tolist()) <= set(classes):
        return int(table.shape[1]) - 1
    raise DataError(
        f"{path}: only one label, {first[0]:g}, in the first column, and no labels in the last; "
        'put a row of names on top, with "label" over the column of labels'
    )


def _find_bad_row(text: str, separator: str, n_columns: int, *, is_named: bool) -> str | None:
    """What is wrong in the first line that is no row of numbers; None where each line by itself is one."""
    for number, line in enumerate(text.split("\n"), start=1):
        cells = _split_row(line, separator)
        if not line.strip() or (is_named and number == 1):
            continue
        if len(cells) != n_columns:
            return f"line {number}: {len(cells)} columns; expected {n_columns}"
        for column, cell in enumerate(cells, start=1):
            if not _are_numbers([cell]):
                return f"line {number}, column {column}: {cell[:20]!r} is no number"
    return None


def _read_text(path: Path) -> str:
    data = read_unpacked(path)
    text = data.decode("utf-16" if data.startswith(UTF_16) else "utf-8-sig", errors="replace")
    if "\0" in text[:LOOKED_AT]:
        raise DataError(f"{path}: UTF-16 or UTF-32 that does not say so, or no text at all; save it as UTF-8")
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
