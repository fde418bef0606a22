"""Read digits from IDX files named like EMNIST's and from .npz files, and check images against labels."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.npyio import NpzFile

from edge_mnist_runtime.commands.terminal import one_line
from edge_mnist_runtime.contract import IMAGE_SHAPE
from edge_mnist_runtime.dataset import decode_idx, find_idx_file, read_unpacked
from edge_mnist_runtime.errors import DataError, first_line
from edge_mnist_runtime.tensor import Pixels

ImagesAndLabels: TypeAlias = tuple[Pixels, npt.NDArray[Any]]
"""Images, uint8, shape (N, H, W, C), and their labels 0..K-1, uint8 (uint16 above 256 classes), shape (N,).

Digits have shape (N, 28, 28, 1), bright ink on black, and labels 0..9."""


@dataclass(frozen=True)
class LabelledParts:
    """The training and test images of a file or folder."""

    training: ImagesAndLabels
    """The training images, followed by any validation images. The trainer makes its own split."""
    test: ImagesAndLabels | None = None
    """The test images; None if there are none."""
    left_out: tuple[str, ...] = ()
    """Files or arrays that are not used, one line each: the name, then the reason."""
    notes: tuple[str, ...] = ()
    """Changes made while reading, such as transposed images, one sentence each."""
    label_column: int | None = None
    """Index of the label column of a CSV file."""


def join_images(parts: Iterable[ImagesAndLabels]) -> ImagesAndLabels:
    """Concatenate images and labels of several parts."""
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return images, labels


@dataclass(frozen=True)
class ImageClasses:
    """Expected shape and number of classes of images."""

    image_shape: tuple[int, int, int] = IMAGE_SHAPE
    """Height, width and channels."""
    n_classes: int = 10
    """K, the number of classes."""

    def __str__(self) -> str:
        height, width, channels = self.image_shape
        grey = f"(N, {height}, {width}) or " if channels == 1 else ""
        ink = ", bright ink on black" if self == DIGITS else ""
        return f"uint8 {grey}(N, {height}, {width}, {channels}){ink}"


DIGITS: Final = ImageClasses()

IDX_NAME: Final = re.compile(
    r"(?P<prefix>.*?)(train|val|valid|validation|t10k|test)-(images[-.]idx3|labels[-.]idx1)-ubyte(\.gz)?", re.DOTALL
)
"""Names of IDX files: a prefix of the data set, then MNIST's name. EMNIST writes `test` instead of `t10k`."""

VALIDATION_NAMES: Final = ("val", "valid", "validation")
"""Accepted names of validation files and arrays."""

SIDEWAYS: Final = 1.5
"""Ones lie on their side if the variance of their ink is so many times larger across than down.

MNIST's ones have a ratio of 0.19; with rows and columns swapped, 5.2."""

EMNIST_LETTERS: Final = (1, 26)
"""First and last label of EMNIST's letters."""

NPZ_TRAINING_LAYOUTS: Final = (("x_train", "y_train"), ("images", "labels"))
"""Accepted names of training images and their labels in an .npz file. The first pair is Keras's."""

NPZ_VALIDATION: Final = tuple((f"x_{name}", f"y_{name}") for name in VALIDATION_NAMES)
NPZ_TEST: Final = (("x_test", "y_test"),)

NPZ_EXPECTED: Final = "expected x_train and y_train (and x_test and y_test for a test part), or images and labels"


def group_idx_files(names: Iterable[str]) -> dict[str, str]:
    """Find the prefixes of IDX files among `names`. Return the first file for each prefix, sorted.

    The prefix of MNIST's plain names is empty.
    """
    groups: dict[str, str] = {}
    for name in sorted(names):
        if match := IDX_NAME.fullmatch(name):
            groups.setdefault(match["prefix"], name)
    return dict(sorted(groups.items()))


def read_idx_set(folder: Path, prefix: str, expected: ImageClasses = DIGITS) -> LabelledParts:
    """Read the IDX files with a prefix: training images, and validation and test images if there are any.

    EMNIST stores images with rows and columns swapped (Cohen et al., 2017). If the prefix begins with `emnist`, they
    are swapped back.

    Raises:
        DataError: A file is missing, damaged, or has another shape; or images and labels do not match.
    """
    found = {
        part: [f"{prefix}{name}" for name in names if any(_find_pair(folder, f"{prefix}{name}"))]
        for part, names in (("validation", VALIDATION_NAMES), ("test", ("t10k", "test")))
    }
    for part, stems in found.items():
        if len(stems) > 1:
            raise DataError(f"{folder}: two {part} parts, {' and '.join(stems)}; keep one")
    training = [_read_idx_half(folder, stem, expected) for stem in (f"{prefix}train", *found["validation"])]
    test = [_read_idx_half(folder, stem, expected) for stem in found["test"]]
    parts = LabelledParts(join_images(training), test[0] if test else None)
    return transpose_back(parts) if is_transposed(prefix) else parts


def is_transposed(name: str) -> bool:
    """Whether a file of this name has images with rows and columns swapped, like EMNIST's."""
    return name.lower().startswith("emnist")


def transpose_back(parts: LabelledParts) -> LabelledParts:
    """Swap rows and columns of each image."""

    def swap(part: ImagesAndLabels) -> ImagesAndLabels:
        return np.ascontiguousarray(part[0].swapaxes(1, 2)), part[1]

    return replace(parts, training=swap(parts.training), test=parts.test and swap(parts.test))


def lie_on_their_side(digits: ImagesAndLabels) -> bool:
    """Whether the sum of all ones is wider than tall, which means that rows and columns are swapped."""
    images, labels = digits
    ones = images[labels == 1, :, :, 0].astype(np.float32)
    ink = np.abs(ones - ones[:, :1, :1]).sum(axis=0)  # difference from the corner: works in both polarities
    height, width = (_measure_spread(ink.sum(axis=axis)) for axis in (1, 0))
    return width > SIDEWAYS * height


def _measure_spread(weights: npt.NDArray[np.float32]) -> float:
    """Weighted variance of the positions 0, 1, 2, ..."""
    positions, total = np.arange(len(weights)), max(float(weights.sum()), 1.0)
    mean = float((weights * positions).sum()) / total
    return float((weights * (positions - mean) ** 2).sum()) / total


def _find_pair(folder: Path, stem: str) -> tuple[Path | None, Path | None]:
    """Find the files of images and labels."""
    return find_idx_file(folder, f"{stem}-images-idx3-ubyte"), find_idx_file(folder, f"{stem}-labels-idx1-ubyte")


def _read_idx_half(folder: Path, stem: str, expected: ImageClasses) -> ImagesAndLabels:
    images, labels = _find_pair(folder, stem)
    if images is None:
        problem = "labels without images" if labels else "no training images"
        raise DataError(f"{folder}: {problem}; expected {stem}-images-idx3-ubyte[.gz] beside the others")
    if labels is None:
        raise DataError(f"{folder}: images without labels; expected {stem}-labels-idx1-ubyte[.gz] beside the others")
    pixels, digits = (decode_idx(read_unpacked(path), origin=str(path)) for path in (images, labels))
    return check_labelled(pixels, digits, images_origin=str(images), labels_origin=str(labels), expected=expected)


def read_npz(path: Path, expected: ImageClasses = DIGITS) -> LabelledParts:
    """Read an .npz file with `x_train` and `y_train`, or `images` and `labels`.

    `x_val`, `y_val`, `x_test` and `y_test` are read, too, if the file has them.

    Raises:
        DataError: The file is damaged, an array is missing, has another dtype or shape, or contains Python objects; or
            images and labels do not match.
    """
    try:
        with path.open("rb") as file:  # opened here, because NumPy does not close damaged files
            return _read_archive(path, file, expected)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def _read_archive(path: Path, file: BinaryIO, expected: ImageClasses) -> LabelledParts:
    try:
        archive = np.load(file, allow_pickle=False)
    except Exception as error:  # zipfile and NumPy raise OSError, BadZipFile, ValueError, EOFError, ...
        # NumPy's own message would advise to unpickle the file.
        raise DataError(f"{path}: damaged, or not an .npz archive; save it again with numpy.savez") from error
    if not isinstance(archive, NpzFile):
        raise DataError(f"{path}: a single array, not an .npz archive; {NPZ_EXPECTED}")
    with archive:
        layouts = [pair for pair in NPZ_TRAINING_LAYOUTS if set(pair) & set(archive.files)]
        if len(layouts) > 1:
            raise DataError(f"{path}: holds two data sets ({', '.join(archive.files)}); {NPZ_EXPECTED}")
        if not layouts:
            raise DataError(f"{path}: holds {', '.join(archive.files) or 'no arrays'}; {NPZ_EXPECTED}")
        validation, test = (
            [pair for pair in pairs if not set(pair).isdisjoint(archive.files)] for pairs in (NPZ_VALIDATION, NPZ_TEST)
        )
        training = [_read_npz_pair(path, archive, *pair, expected) for pair in (layouts[0], *validation)]
        used = [name for pair in (layouts[0], *validation, *test) for name in pair]
        return LabelledParts(
            join_images(training),
            _read_npz_pair(path, archive, *test[0], expected) if test else None,
            name_unused([name for name in archive.files if name not in used], used[0]),
        )


def _read_npz_pair(path: Path, archive: NpzFile, images: str, labels: str, expected: ImageClasses) -> ImagesAndLabels:
    if images not in archive.files:
        raise DataError(f"{path}: labels without images (only {labels}); add {images}")
    if labels not in archive.files:
        raise DataError(f"{path}: images without labels (only {images}); add {labels}")
    pixels, digits = (_read_npz_array(path, archive, name) for name in (images, labels))
    origins = {"images_origin": f"{path}: {images}", "labels_origin": f"{path}: {labels}"}
    return check_labelled(pixels, digits, **origins, expected=expected)


def _read_npz_array(path: Path, archive: NpzFile, name: str) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = archive[name]
    except Exception as error:  # as above, and MemoryError if a header gives too large a shape
        raise DataError(
            f"{path}: {name} cannot be read ({first_line(error)}); save it again with numpy.savez"
        ) from error
    return array


def name_unused(names: Iterable[str], beside: str) -> tuple[str, ...]:
    """Make a line for each unused file or array that may hold images. `beside` names one that is used."""
    return tuple(f"{one_line(name)}: not used beside {one_line(beside)}" for name in names)


def _advise(labels: npt.NDArray[Any], expected: ImageClasses) -> str:
    """Say what to do about labels that are out of range."""
    ends = (labels.min(), labels.max())
    if ends == (1, expected.n_classes) and ends != EMNIST_LETTERS:
        return (
            f"if {expected.n_classes} means 0, as in MATLAB files, write 0 in its place; "
            "if the labels count from 1, subtract 1 from each"
        )
    if ends != EMNIST_LETTERS:
        return "correct these labels; leave out only images that show none of the classes"
    if expected.n_classes == EMNIST_LETTERS[1]:
        return "EMNIST letters begin at 1: subtract 1 from each label"
    return "these are 1..26, the labels of EMNIST's letters; name EMNIST's digits instead"


def check_labelled(
    images: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    *,
    images_origin: str,
    labels_origin: str,
    expected: ImageClasses = DIGITS,
) -> ImagesAndLabels:
    """Check that images and labels have the expected dtype, shape and range, and match.

    Args:
        images: Expected: uint8, shape (N, H, W, C), or (N, H, W) if C is 1.
        labels: Expected: integers 0..K-1, shape (N,).
        images_origin: Where the images are from, for error messages.
        labels_origin: Where the labels are from.
        expected: H, W, C and K.

    Raises:
        DataError: They are not as expected, or N differs or is 0.
    """
    shapes = [expected.image_shape] + ([expected.image_shape[:2]] if expected.image_shape[2] == 1 else [])
    if images.dtype != np.uint8 or images.shape[1:] not in shapes:
        raise DataError(f"{images_origin} is {images.dtype} {images.shape}; expected {expected}")
    last = expected.n_classes - 1
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise DataError(f"{labels_origin} is {labels.dtype} {labels.shape}; expected integers (N,), 0..{last}")
    n_images, n_labels = len(images), len(labels)
    if n_images != n_labels:
        missing = "labels" if n_images > n_labels else "images"
        raise DataError(
            f"{images_origin}: {n_images} images but {n_labels} labels; "
            f"from index {min(n_images, n_labels)} on the {missing} are missing"
        )
    if n_images == 0:
        raise DataError(f"{images_origin}: no images; expected at least two of each class")
    outside = np.flatnonzero((labels < 0) | (labels > last))
    if outside.size:
        raise DataError(
            f"{labels_origin}: {outside.size} of {n_labels} labels are outside 0..{last}, "
            f"the first {labels[outside[0]]} at index {outside[0]}; {_advise(labels, expected)}"
        )
    return images.reshape(-1, *expected.image_shape), labels.astype(np.uint8 if last < 256 else np.uint16)
