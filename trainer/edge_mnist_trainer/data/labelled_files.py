"""Labelled images in the files that people have: CSV, pickles of arrays, MATLAB's files, pairs of .npy files.

    FILE.csv[.gz], .tsv    a label and the pixels in each row, with or without names in the first: Kaggle's train.csv
    FILE.pkl[.gz]          mnist.pkl.gz: (training, validation, test) or (training, test), or a dictionary of arrays
    FILE.mat               arrays by name, an array a digit (mnist_all.mat), or EMNIST's structure
    FOLDER/NAME.npy        x_train.npy and y_train.npy, and x_val, x_test and theirs where there are such
    FOLDER/NAME.csv        a training file, and one for validation and for test where there are such, by their names;
                           or a single file of any kind

Pixels may be bytes, whole numbers in 0..255, or numbers in 0..1; images may be flat. No code of any file is run.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.commands.terminal import one_line
from edge_mnist_runtime.dataset import read_unpacked
from edge_mnist_runtime.errors import DataError, DataNotFoundError, first_line
from edge_mnist_runtime.paths import is_folder
from edge_mnist_trainer.data.array_pickle import unpickle_arrays
from edge_mnist_trainer.data.digit_arrays import (
    DIGITS,
    IDX_NAME,
    ImageClasses,
    LabelledParts,
    group_idx_files,
    is_transposed,
    join_images,
    name_unused,
    read_idx_set,
    read_npz,
    transpose_back,
)
from edge_mnist_trainer.data.named_arrays import take_named, take_pair

LABEL_COLUMNS: Final = ("label", "labels", "class", "target", "y", "digit")
"""How a CSV file calls the column of labels, in small letters; it is the first one where there are no names."""


PARTS: Final = ("train", "validation", "test")
"""What `half_of` finds in names."""

ROWS: Final = (".csv", ".tsv")
"""Suffixes of files with an image in each row."""

ARCHIVES: Final = (".zip", ".tar", ".tgz", ".7z", ".rar")

UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How a file begins that says it is UTF-16; so does UTF-32."""

LOOKED_AT: Final = 1_000
"""So many letters of a text show whether it was read as another one."""


def read_labelled_file(
    path: Path, expected: ImageClasses = DIGITS, *, label_column: int | None = None
) -> LabelledParts:
    """Read a file of labelled images; its suffix says of which kind.

    Args:
        path: The file.
        expected: What its images are to be.
        label_column: Where the rows of a CSV file without names have their label; None to find out.

    Raises:
        DataNotFoundError: No file of that suffix is read.
        DataError: It is damaged, its images have another shape, or images and labels do not match.
    """
    kind = find_kind(path.name)
    if kind in ARCHIVES:
        raise DataNotFoundError(f"{path}: an archive; unpack it first, and name the folder or file that was in it")
    if kind in ROWS:
        parts = _read_csv(path, expected, label_column)
    elif kind in READERS:
        parts = READERS[kind](path, expected)
    else:
        known = ", ".join((*ROWS, *READERS))
        raise DataNotFoundError(f"{path}: no digits that can be read; expected a folder, or a file ending in {known}")
    is_swapped = kind not in (".npz", ".mat") and is_transposed(path.name)
    return transpose_back(parts) if is_swapped else parts


def find_kind(name: str) -> str:
    """The suffix of a file's name before .gz, in small letters."""
    path = Path(name.lower())
    return path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix


def find_labelled_files(entries: Sequence[Path]) -> list[Path]:
    """The .csv, .tsv and .npy files among a folder's entries; without sub-folders, any file of labelled images."""
    kinds = {path: find_kind(path.name) for path in entries}
    return [path for path, kind in kinds.items() if kind in (*ROWS, ".npy")] or [
        path
        for path, kind in kinds.items()
        if kind in READERS and not any(is_folder(entry, DataError) for entry in entries)
    ]


def read_array_folder(
    folder: Path, entries: Sequence[Path], label_names: Collection[str], expected: ImageClasses = DIGITS
) -> LabelledParts | None:
    """Read a folder's IDX files, else its files of labelled images; None where it has neither.

    Args:
        folder: What they lie in.
        entries: All that it holds.
        label_names: How sub-folders of pictures would be called.
        expected: What the images are to be.

    Raises:
        DataError: There are several data sets; or as `read_idx_set` and `read_labelled_files`.
    """
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
    """A line for each of a folder's entries that may hold images and is not used; sub-folders are among them.

    Args:
        entries: All of them.
        used: What is.
        beside: What is used, for people.
    """
    known = (*ROWS, *READERS, *ARCHIVES)
    may_hold = (
        path.name
        for path in entries
        if path not in used and (find_kind(path.name) in known or "-ubyte" in path.name or is_folder(path, DataError))
    )
    return name_unused(may_hold, beside)


def read_labelled_files(folder: Path, files: list[Path], expected: ImageClasses = DIGITS) -> LabelledParts:
    """Read the files of a folder that `find_labelled_files` found.

    Raises:
        DataError: As `read_labelled_file`; or which file is what cannot be told from the names.
    """
    arrays = {path.stem: path for path in files if find_kind(path.name) == ".npy"}
    if arrays:
        parts = take_named({name: _load_npy(path) for name, path in arrays.items()}, folder, expected)
        return _leave_out(parts, list_unused(files, arrays.values(), "the .npy files"))
    if len(files) == 1:
        return read_labelled_file(files[0], expected)
    by_part = {part: [path for path in files if half_of(path.name) == part] for part in PARTS}
    if len(by_part["train"]) != 1 or any(len(found) > 1 for found in by_part.values()):
        raise DataError(
            f"{folder}: {len(files)} files of images, the first {files[0].name}; name one of them, or keep one each "
            "with `train`, `val` and `test` in its name"
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
    """The validation or test file beside a training file, and lines for what of it is left out."""
    name = one_line(path.name)
    if find_kind(path.name) in ROWS and _count_columns(path) == int(np.prod(expected.image_shape)):
        return None, (f"{name}: pixels without labels",)  # as Kaggle's test.csv is
    parts = read_labelled_file(path, expected, label_column=training.label_column)
    also = (f"{name}: its own test part is not used",) if parts.test else ()
    return parts, (*parts.left_out, *also)


def _leave_out(parts: LabelledParts, lines: tuple[str, ...]) -> LabelledParts:
    return replace(parts, left_out=(*parts.left_out, *lines))


def half_of(name: str) -> str | None:
    """`train`, `validation` or `test`, where one of a name's words says which part of a data set it is."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = set(re.findall(r"t10k|[a-z]+", spaced.lower()))
    if words & {"train", "training", "trainset", "trainingset"}:
        return "train"
    if words & {"val", "valid", "validation", "valset", "validset", "validationset"}:
        return "validation"
    return "test" if words & {"test", "testing", "testset", "t10k"} else None


def _read_text(path: Path) -> str:
    data = read_unpacked(path)
    text = data.decode("utf-16" if data.startswith(UTF_16) else "utf-8-sig", errors="replace")
    if "\0" in text[:LOOKED_AT]:
        raise DataError(f"{path}: UTF-16 or UTF-32 that does not say so, or no text at all; save it as UTF-8")
    return text


def _read_csv(path: Path, expected: ImageClasses, label_column: int | None) -> LabelledParts:
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
    return len(_first_row(path, _read_text(path))[0])


def _are_numbers(cells: list[str]) -> bool:
    try:
        [float(cell) for cell in cells]
    except ValueError:
        return False
    return True


def _read_pickle(path: Path, expected: ImageClasses) -> LabelledParts:
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
    return LabelledParts(join_images(parts[:-1]), parts[-1])


def _is_pair(part: object) -> bool:
    return isinstance(part, (tuple, list)) and len(part) == 2 and all(isinstance(one, np.ndarray) for one in part)


def _read_mat(path: Path, expected: ImageClasses) -> LabelledParts:
    from scipy.io import loadmat

    try:
        content = loadmat(io.BytesIO(read_unpacked(path)))
    except NotImplementedError as error:
        raise DataError(f"{path}: a MATLAB 7.3 file, which SciPy does not read; save it with -v7") from error
    except DataError:
        raise
    except Exception as error:  # SciPy raises ValueError, TypeError, MatReadError, OSError, ...
        raise DataError(f"{path}: cannot be read as a MATLAB file ({first_line(error)}); fetch it again") from error
    arrays = {name: value for name, value in content.items() if not name.startswith("__")}
    whole = arrays.get("dataset")
    if whole is not None and whole.dtype.names and whole.size == 1:
        arrays, is_emnist = _flatten_structure(whole), "mapping" in whole.dtype.names
    else:
        is_emnist = False
    parts = take_named(arrays, path, expected, ten_may_be_zero=True)
    return transpose_back(parts) if is_emnist or is_transposed(path.name) else parts


def _flatten_structure(whole: npt.NDArray[Any]) -> dict[str, Any]:
    """`train_images`, `train_labels` and so on of EMNIST's `dataset`, which also has a `mapping` from its labels."""
    values = {name: whole.flat[0][name] for name in whole.dtype.names or () if name != "mapping"}
    halves = {name: value for name, value in values.items() if value.dtype.names and value.size == 1}
    inner = {
        f"{half}_{kind}": value.flat[0][kind]
        for half, value in halves.items()
        for kind in value.dtype.names or ()
        if kind != "writers"
    }
    return {**{name: value for name, value in values.items() if name not in halves}, **inner}


def _load_npy(path: Path) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = np.load(path, allow_pickle=False)
    except Exception as error:  # NumPy raises OSError, ValueError, EOFError, ...
        raise DataError(f"{path}: damaged, or no .npy file; save it again with numpy.save") from error
    return array


def _refuse_npy(path: Path, _: ImageClasses) -> LabelledParts:
    raise DataError(f"{path}: one array; name the folder that holds it and its labels: x_train.npy and y_train.npy")


READERS: Final[dict[str, Callable[[Path, ImageClasses], LabelledParts]]] = {
    ".npz": read_npz,
    ".pkl": _read_pickle,
    ".pickle": _read_pickle,
    ".mat": _read_mat,
    ".npy": _refuse_npy,
}
"""By suffix, before .gz; of files that hold more than rows."""
