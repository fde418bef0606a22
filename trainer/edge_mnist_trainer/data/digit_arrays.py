"""Digits that come as arrays: IDX files of EMNIST's shape, and .npz files. Read, and checked against their labels."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy.lib.npyio import NpzFile

from edge_mnist_runtime.contract import IMAGE_SHAPE
from edge_mnist_runtime.dataset import decode_idx, find_idx_file, read_unpacked
from edge_mnist_runtime.errors import DataError, first_line
from edge_mnist_runtime.tensor import Pixels

ImagesAndLabels: TypeAlias = tuple[Pixels, npt.NDArray[Any]]
"""Images, uint8, shape (N, H, W, C), and their labels 0..K-1, uint8 (uint16 above 256 classes), shape (N,). Of digits
(N, 28, 28, 1), bright ink on black, and 0..9."""


@dataclass(frozen=True)
class ImageClasses:
    """What images are expected to be."""

    image_shape: tuple[int, int, int] = IMAGE_SHAPE
    """Height, width and channels."""
    n_classes: int = 10
    """K."""

    def __str__(self) -> str:
        height, width, channels = self.image_shape
        grey = f"(N, {height}, {width}) or " if channels == 1 else ""
        ink = ", bright ink on black" if self == DIGITS else ""
        return f"uint8 {grey}(N, {height}, {width}, {channels}){ink}"


DIGITS: Final = ImageClasses()

IDX_NAME: Final = re.compile(
    r"(?P<prefix>.*?)(train|t10k|test)-(images[-.]idx3|labels[-.]idx1)-ubyte(\.gz)?", re.DOTALL
)
"""MNIST's file names after a prefix of the data set's own. EMNIST writes `test` where MNIST has `t10k`."""

EMNIST_LETTERS: Final = (1, 26)
"""First and last label of EMNIST's letters."""

NPZ_LAYOUTS: Final = (("x_train", "y_train"), ("images", "labels"))
"""Names of images and labels in an .npz file: Keras's, and the plain ones."""

NPZ_EXPECTED: Final = (
    "expected x_train and y_train (and x_test and y_test where there is a test part), or images and labels"
)


def group_idx_files(names: Iterable[str]) -> dict[str, str]:
    """By prefix, sorted, the first of the IDX files among `names`; the prefix of MNIST's plain names is empty."""
    groups: dict[str, str] = {}
    for name in sorted(names):
        if match := IDX_NAME.fullmatch(name):
            groups.setdefault(match["prefix"], name)
    return dict(sorted(groups.items()))


def read_idx_set(
    folder: Path, prefix: str, expected: ImageClasses = DIGITS
) -> tuple[ImagesAndLabels, ImagesAndLabels | None]:
    """Read the training files, and the test files where there are any, whose names begin with `prefix`.

    EMNIST stores images with rows and columns swapped (Cohen et al., 2017); files whose prefix begins with `emnist` are
    swapped back.

    Raises:
        DataError: A file is missing, damaged, or of another shape; or images and labels do not match.
    """
    test_stems = [f"{prefix}{half}" for half in ("t10k", "test") if any(_find_pair(folder, f"{prefix}{half}"))]
    if len(test_stems) > 1:
        raise DataError(f"{folder}: two test parts, {' and '.join(test_stems)}; keep one")
    halves = [_read_idx_half(folder, stem, expected) for stem in (f"{prefix}train", *test_stems)]
    if is_transposed(prefix):
        halves = [(transpose_back(images), labels) for images, labels in halves]
    return halves[0], halves[1] if test_stems else None


def is_transposed(name: str) -> bool:
    """Whether files of that name hold images with rows and columns swapped, as EMNIST's do."""
    return name.lower().startswith("emnist")


def transpose_back(images: Pixels) -> Pixels:
    """Images, shape (N, H, W, C), with rows and columns swapped."""
    return np.ascontiguousarray(images.swapaxes(1, 2))


def _find_pair(folder: Path, stem: str) -> tuple[Path | None, Path | None]:
    """The files of images and of labels."""
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


def read_npz(path: Path, expected: ImageClasses = DIGITS) -> tuple[ImagesAndLabels, ImagesAndLabels | None]:
    """Read `x_train` and `y_train`, or `images` and `labels`; and `x_test` and `y_test` where there are such.

    Args:
        path: The file.
        expected: What its images are to be.

    Raises:
        DataError: The file is damaged, an array is missing, of another dtype or shape, or holds Python objects; or
            images and labels do not match.
    """
    try:
        with path.open("rb") as file:  # opened here, because NumPy leaves open what turns out to be damaged
            return _read_archive(path, file, expected)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def _read_archive(path: Path, file: BinaryIO, expected: ImageClasses) -> tuple[ImagesAndLabels, ImagesAndLabels | None]:
    try:
        archive = np.load(file, allow_pickle=False)
    except Exception as error:  # zipfile and NumPy raise OSError, BadZipFile, ValueError, EOFError, ...
        # NumPy's own words would advise to unpickle whatever is no archive.
        raise DataError(f"{path}: damaged, or no .npz archive; save it again with numpy.savez") from error
    if not isinstance(archive, NpzFile):
        raise DataError(f"{path}: a lone array, no .npz archive; {NPZ_EXPECTED}")
    with archive:
        layouts = [pair for pair in NPZ_LAYOUTS if set(pair) & set(archive.files)]
        if len(layouts) > 1:
            raise DataError(f"{path}: holds two data sets ({', '.join(archive.files)}); {NPZ_EXPECTED}")
        if not layouts:
            raise DataError(f"{path}: holds {', '.join(archive.files) or 'no arrays'}; {NPZ_EXPECTED}")
        training = _read_npz_pair(path, archive, *layouts[0], expected)
        has_test = not {"x_test", "y_test"}.isdisjoint(archive.files)
        return training, _read_npz_pair(path, archive, "x_test", "y_test", expected) if has_test else None


def _read_npz_pair(path: Path, archive: NpzFile, images: str, labels: str, expected: ImageClasses) -> ImagesAndLabels:
    if images not in archive.files:
        raise DataError(f"{path}: labels without images ({labels} alone); add {images}")
    if labels not in archive.files:
        raise DataError(f"{path}: images without labels ({images} alone); add {labels}")
    pixels, digits = (_read_npz_array(path, archive, name) for name in (images, labels))
    origins = {"images_origin": f"{path}: {images}", "labels_origin": f"{path}: {labels}"}
    return check_labelled(pixels, digits, **origins, expected=expected)


def _read_npz_array(path: Path, archive: NpzFile, name: str) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = archive[name]
    except Exception as error:  # as above, and MemoryError where a header promises too much
        raise DataError(
            f"{path}: {name} cannot be read ({first_line(error)}); save it again with numpy.savez"
        ) from error
    return array


def _advise(labels: npt.NDArray[Any], expected: ImageClasses) -> str:
    """What to do about labels that are out of range."""
    if (labels.min(), labels.max()) != EMNIST_LETTERS:
        return "leave those images out"
    if expected.n_classes == EMNIST_LETTERS[1]:
        return "EMNIST letters begin at 1: subtract 1 from each label"
    return "these are 1..26, as EMNIST letters are, which begin at 1; name EMNIST's digits instead"


def check_labelled(
    images: npt.NDArray[Any],
    labels: npt.NDArray[Any],
    *,
    images_origin: str,
    labels_origin: str,
    expected: ImageClasses = DIGITS,
) -> ImagesAndLabels:
    """Images and labels as `LabelledDigits` has them, once they are known to belong together.

    Args:
        images: Should be uint8, shape (N, H, W, C), or (N, H, W) where C is 1.
        labels: Should be integers 0..K-1, shape (N,).
        images_origin: Where the images are from, for error messages.
        labels_origin: Where the labels are from.
        expected: H, W, C and K.

    Raises:
        DataError: They are not, or N differs or is 0.
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
