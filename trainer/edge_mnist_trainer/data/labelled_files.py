"""Read one file with labelled images: CSV, a pickle of arrays, a MATLAB file or .npz.

    FILE.csv[.gz], .tsv    a label and the pixels in each row                csv_files.py
    FILE.pkl[.gz], .mat    arrays of images and labels                       array_files.py
    FILE.npz               arrays by name                                    digit_arrays.py

Pixels may be bytes, whole numbers in 0..255, or numbers in 0..1; images may be flat. No code in a file is run.
`array_folders` reads folders of such files.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge_mnist_runtime.errors import DataError, DataNotFoundError
from edge_mnist_trainer.data.array_files import read_mat, read_pickle
from edge_mnist_trainer.data.csv_files import read_csv
from edge_mnist_trainer.data.digit_arrays import (
    DIGITS,
    ImageClasses,
    LabelledParts,
    is_transposed,
    read_npz,
    transpose_back,
)

ROWS: Final = (".csv", ".tsv")
"""Suffixes of files with an image in each row."""

ARCHIVES: Final = (".zip", ".tar", ".tgz", ".7z", ".rar")


def read_labelled_file(
    path: Path, expected: ImageClasses = DIGITS, *, label_column: int | None = None
) -> LabelledParts:
    """Read a file of labelled images. Its suffix decides how.

    Args:
        path: The file.
        expected: Expected shape and classes.
        label_column: Index of the label column in a CSV file without a header; None to detect it.

    Raises:
        DataNotFoundError: The suffix is unknown, or that of an archive.
        DataError: It is damaged, its images have another shape, or images and labels do not match.
    """
    kind = find_kind(path.name)
    if kind in ARCHIVES:
        raise DataNotFoundError(f"{path}: an archive; unpack it first, and name the folder or file in it")
    if kind in ROWS:
        parts = read_csv(path, expected, label_column)
    elif kind in READERS:
        parts = READERS[kind](path, expected)
    else:
        known = ", ".join((*ROWS, *READERS))
        raise DataNotFoundError(f"{path}: not a known file of digits; expected a folder or {known}")
    is_swapped = kind not in (".npz", ".mat") and is_transposed(path.name)
    return transpose_back(parts) if is_swapped else parts


def find_kind(name: str) -> str:
    """The suffix of a file name without .gz, in lower case."""
    path = Path(name.lower())
    return path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix


def _refuse_npy(path: Path, _: ImageClasses) -> LabelledParts:
    raise DataError(f"{path}: a single array; name the folder of images and labels: x_train.npy and y_train.npy")


READERS: Final[dict[str, Callable[[Path, ImageClasses], LabelledParts]]] = {
    ".npz": read_npz,
    ".pkl": read_pickle,
    ".pickle": read_pickle,
    ".mat": read_mat,
    ".npy": _refuse_npy,
}
"""Readers by suffix (without .gz), for files that are not tables."""
