"""Labelled images in the files that people have: CSV, pickles of arrays, MATLAB's files, pairs of .npy files.

    FILE.csv[.gz]          a label and the pixels in each row, with or without names in the first: Kaggle's train.csv
    FILE.pkl[.gz]          mnist.pkl.gz: (training, validation, test) or (training, test), or a dictionary of arrays
    FILE.mat               arrays by name, or EMNIST's structure
    FOLDER/NAME.npy        x_train.npy and y_train.npy, and x_test.npy and y_test.npy where there is a test part
    FOLDER/NAME.csv        a training and a test file, by their names

Pixels may be bytes, whole numbers in 0..255, or numbers in 0..1; images may be flat. No code of any file is run.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.dataset import read_unpacked
from edge_mnist_runtime.errors import DataError, DataNotFoundError, first_line
from edge_mnist_trainer.data.array_pickle import unpickle_arrays
from edge_mnist_trainer.data.digit_arrays import (
    DIGITS,
    ImageClasses,
    ImagesAndLabels,
    is_transposed,
    read_npz,
    transpose_back,
)
from edge_mnist_trainer.data.named_arrays import Halves, take_named, take_pair

LABEL_COLUMNS: Final = ("label", "labels", "class", "target", "y", "digit")
"""How a CSV file calls the column of labels, in small letters; it is the first one where there are no names."""


def read_labelled_file(path: Path, expected: ImageClasses = DIGITS) -> Halves:
    """Read a file of labelled images; its suffix says of which kind.

    Raises:
        DataNotFoundError: No file of that suffix is read.
        DataError: It is damaged, its images have another shape, or images and labels do not match.
    """
    suffix = path.with_suffix("").suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    reader = READERS.get(suffix)
    if reader is None:
        raise DataNotFoundError(
            f"{path}: no digits that can be read; expected a folder, or a file ending in {', '.join(READERS)}"
        )
    training, test = reader(path, expected)
    if is_transposed(path.name) and suffix != ".npz":
        return (transpose_back(training[0]), training[1]), test and (transpose_back(test[0]), test[1])
    return training, test


def find_labelled_files(entries: list[Path]) -> list[Path]:
    """The .csv and .npy files among a folder's entries."""
    return [path for path in entries if re.search(r"\.(csv(\.gz)?|npy)$", path.name, re.IGNORECASE)]


def read_labelled_files(
    folder: Path, files: list[Path], expected: ImageClasses = DIGITS
) -> tuple[ImagesAndLabels, ImagesAndLabels | None, tuple[str, ...]]:
    """Read the .csv or .npy files of a folder, which `find_labelled_files` found.

    Returns:
        The training part, the test part where there is one, and a line for each file that was left out.

    Raises:
        DataError: As `read_labelled_file`; or which file is what cannot be told from the names.
    """
    arrays = {path.stem: path for path in files if path.suffix.lower() == ".npy"}
    if arrays:
        loaded = {name: _load_npy(path) for name, path in arrays.items()}
        return *take_named(loaded, folder, expected), ()
    by_half = {half: [path for path in files if half_of(path.name) == half] for half in ("train", "test")}
    training = by_half["train"] or (files if len(files) == 1 else [])
    if len(training) != 1 or len(by_half["test"]) > 1:
        raise DataError(
            f"{folder}: {len(files)} CSV files, the first {files[0].name}; name one of them, or keep one with `train` "
            "in its name and one with `test`"
        )
    left_out: list[str] = []
    test = None
    for path in by_half["test"]:
        if _count_columns(path) == int(np.prod(expected.image_shape)):
            left_out.append(f"{path.name}: pixels without labels")  # as Kaggle's test.csv is
        else:
            test = read_labelled_file(path, expected)[0]
    return read_labelled_file(training[0], expected)[0], test, tuple(left_out)


def half_of(name: str) -> str | None:
    """`train`, `validation` or `test`, where one of a name's words says which part of a data set it is."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = set(re.findall(r"t10k|[a-z]+", spaced.lower()))
    if words & {"train", "training", "trainset", "trainingset"}:
        return "train"
    if words & {"val", "valid", "validation", "valset", "validset", "validationset"}:
        return "validation"
    return "test" if words & {"test", "testing", "testset", "t10k"} else None


def _read_csv(path: Path, expected: ImageClasses) -> Halves:
    text = read_unpacked(path).decode("utf-8-sig", errors="replace")
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
    place = _find_labels(path, names, table, expected.n_classes)
    images, labels = np.delete(table, place, axis=1), table[:, place]
    return take_pair(images, labels, f"{path}: pixels", f"{path}: labels", expected), None


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
        "put a row of names on top, with `label` over the column of labels"
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


def _first_row(path: Path, text: str) -> tuple[list[str], str]:
    line = text[: text.find("\n")] if "\n" in text else text
    if not line.strip():
        raise DataError(f"{path}: empty; expected a label and the pixels in each row")
    separator = max(",;\t", key=line.count)
    return _split_row(line, separator), separator


def _split_row(line: str, separator: str) -> list[str]:
    return [cell.strip(" \"'") for cell in line.strip("\r\n ").split(separator)]


def _count_columns(path: Path) -> int:
    return len(_first_row(path, read_unpacked(path).decode("utf-8-sig", errors="replace"))[0])


def _are_numbers(cells: list[str]) -> bool:
    try:
        [float(cell) for cell in cells]
    except ValueError:
        return False
    return True


def _read_pickle(path: Path, expected: ImageClasses) -> Halves:
    content = unpickle_arrays(read_unpacked(path), origin=str(path))
    if isinstance(content, Mapping):
        return take_named({str(name): value for name, value in content.items()}, path, expected)
    pairs = [part for part in content if _is_pair(part)] if isinstance(content, (tuple, list)) else []
    if len(pairs) not in (2, 3) or len(pairs) != len(content):
        raise DataError(
            f"{path}: a {type(content).__name__}; expected (training, test) or (training, validation, test), each a "
            "pair of images and labels, or a dictionary of arrays"
        )
    origins = (f"{path}: images", f"{path}: labels")
    parts = [take_pair(images, labels, *origins, expected) for images, labels in pairs]
    if len(parts) == 2:
        return parts[0], parts[1]
    # The trainer cuts its own validation images: those of the file belong to the training images, as MNIST has them.
    training = tuple(np.concatenate(both) for both in zip(parts[0], parts[1], strict=True))
    return (training[0], training[1]), parts[2]


def _is_pair(part: object) -> bool:
    return isinstance(part, (tuple, list)) and len(part) == 2 and all(isinstance(one, np.ndarray) for one in part)


def _read_mat(path: Path, expected: ImageClasses) -> Halves:
    from scipy.io import loadmat

    try:
        content = loadmat(path)
    except NotImplementedError as error:
        raise DataError(f"{path}: a MATLAB 7.3 file, which SciPy does not read; save it with -v7") from error
    except Exception as error:  # SciPy raises ValueError, TypeError, MatReadError, OSError, ...
        raise DataError(f"{path}: cannot be read as a MATLAB file ({first_line(error)}); fetch it again") from error
    arrays = {name: value for name, value in content.items() if not name.startswith("__")}
    if "dataset" in arrays and arrays["dataset"].dtype.names:  # EMNIST's
        whole = arrays["dataset"][0, 0]
        arrays = {
            f"{half}_{kind}": whole[half][0, 0][kind]
            for half in ("train", "test")
            if half in (whole.dtype.names or ())
            for kind in ("images", "labels")
        }
    return take_named(arrays, path, expected)


def _load_npy(path: Path) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = np.load(path, allow_pickle=False)
    except Exception as error:  # NumPy raises OSError, ValueError, EOFError, ...
        raise DataError(f"{path}: damaged, or no .npy file; save it again with numpy.save") from error
    return array


def _refuse_npy(path: Path, _: ImageClasses) -> Halves:
    raise DataError(f"{path}: one array; name the folder that holds it and its labels: x_train.npy and y_train.npy")


READERS: Final[dict[str, Callable[[Path, ImageClasses], Halves]]] = {
    ".npz": read_npz,
    ".csv": _read_csv,
    ".pkl": _read_pickle,
    ".pickle": _read_pickle,
    ".mat": _read_mat,
    ".npy": _refuse_npy,
}
"""By suffix, before .gz."""
