"""Read images and labels from named arrays: any of the usual names; flat images, floats or one-hot labels, too."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.errors import DataError, first_line
from edge_mnist_trainer.data.digit_arrays import (
    VALIDATION_NAMES,
    ImageClasses,
    ImagesAndLabels,
    LabelledParts,
    check_labelled,
    join_images,
    lie_on_their_side,
    name_unused,
    transpose_back,
)

Array: TypeAlias = npt.NDArray[Any]

NAMES: Final = (
    ("xtrain", "ytrain", "xtest", "ytest"),
    ("trainx", "trainy", "testx", "testy"),
    ("trainimages", "trainlabels", "testimages", "testlabels"),
    ("trainingimages", "traininglabels", "testimages", "testlabels"),
    ("trainimg", "trainlabel", "testimg", "testlabel"),
    ("traindata", "trainlabels", "testdata", "testlabels"),
    ("images", "labels", "", ""),
    ("data", "labels", "", ""),
    ("data", "label", "", ""),
    ("data", "target", "", ""),
    ("x", "y", "", ""),
)
"""Accepted names of arrays: training images and labels, test images and labels. Only letters a..z, in lower case."""

TEN_NOTE: Final = "its labels are 1..10, as MATLAB counts: 10 was read as 0"
COLUMN_NOTE: Final = "its images were stored column by column, and turned upright"

MNIST_SIZES: Final = (60_000, 70_000)
"""An array of 70,000 images is all of MNIST; the last 10,000 are its test images."""


def take_named(
    arrays: Mapping[str, Any], path: Path, expected: ImageClasses, *, ten_may_be_zero: bool = False
) -> LabelledParts:
    """Find images and labels among named arrays.

    Args:
        arrays: The arrays by name.
        path: The file, for error messages.
        expected: Expected shape and classes.
        ten_may_be_zero: Read 10 as 0 if the labels are 1..10, as in MATLAB files.

    Raises:
        DataError: No name is known, or images and labels do not match.
    """
    by_name = {_plain(name): value for name, value in arrays.items()}
    joined, used = _join_digit_arrays(by_name, path)
    by_name |= joined
    names = next((names for names in NAMES if names[0] in by_name and names[1] in by_name), None)
    if names is None:
        held = ", ".join(sorted(arrays)[:6]) or "nothing"
        raise DataError(f"{path}: holds {held}; expected x_train and y_train, or images and labels")
    training, test = [names[:2], *_name_validation(*names[:2])], [names[2:]]
    training, test = ([pair for pair in pairs if pair[0] and by_name.keys() >= {*pair}] for pairs in (training, test))
    numbers = {name: _to_numbers(_to_array(by_name[name], f"{path}: {name}")) for _, name in (*training, *test)}
    is_ten_zero = ten_may_be_zero and expected.n_classes == 10 and _are_one_to_ten(numbers.values())
    if is_ten_zero:
        numbers = {name: labels % 10 for name, labels in numbers.items()}

    def take(pairs: Iterable[tuple[str, ...]]) -> list[ImagesAndLabels]:
        return [
            take_pair(by_name[images], numbers[labels], f"{path}: {images}", f"{path}: {labels}", expected)
            for images, labels in pairs
        ]

    used.update(name for pair in (*training, *test) for name in pair)
    parts = LabelledParts(
        join_images(take(training)),
        next(iter(take(test)), None),
        name_unused(_list_unused(arrays, used), _named(arrays, names[0])),
        (f"{path.name}: {TEN_NOTE}",) if is_ten_zero else (),
    )
    if is_ten_zero and lie_on_their_side(parts.training):
        return transpose_back(replace(parts, notes=(*parts.notes, f"{path.name}: {COLUMN_NOTE}")))
    images, labels = parts.training
    n_training, n_all = MNIST_SIZES
    if parts.test or len(images) != n_all:
        return parts
    halves = (images[:n_training], labels[:n_training]), (images[n_training:], labels[n_training:])
    return replace(parts, training=halves[0], test=halves[1])


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _named(arrays: Mapping[str, Any], plain: str) -> str:
    """Find the array name that `_plain` turned into `plain`."""
    return next((name for name in arrays if _plain(name) == plain), plain)


def _name_validation(images: str, labels: str) -> list[tuple[str, str]]:
    """Possible names of the validation arrays, given the names of the training arrays."""
    if "train" not in images:
        return []
    return [(re.sub("train(ing)?", name, images), re.sub("train(ing)?", name, labels)) for name in VALIDATION_NAMES]


def _join_digit_arrays(by_name: Mapping[str, Any], path: Path) -> tuple[dict[str, Array], set[str]]:
    """Join arrays that hold one digit each: mnist_all.mat has train0 ... train9 and test0 ... test9.

    Returns:
        `xtrain`, `ytrain` and so on, for each part that has an array of every digit; and the names of the joined
        arrays.
    """
    joined: dict[str, Array] = {}
    used: set[str] = set()
    for part in ("train", "val", "test"):
        names = [f"{part}{digit}" for digit in range(10)]
        if by_name.keys() >= {*names}:
            arrays = [_to_array(by_name[name], f"{path}: {name}") for name in names]
            if any(array.ndim != 2 or array.shape[1] != arrays[0].shape[1] for array in arrays):
                raise DataError(
                    f"{path}: {names[0]} ... {names[-1]} differ in shape; expected one row of pixels for each image"
                )
            joined[f"x{part}"] = np.concatenate(arrays)
            joined[f"y{part}"] = np.repeat(np.arange(10), [len(array) for array in arrays])
            used.update(names)
    return joined, used


def _are_one_to_ten(labels: Iterable[Array]) -> bool:
    return {number for part in labels for number in np.unique(part).tolist()} == {*range(1, 11)}


def _list_unused(arrays: Mapping[str, Any], used: Collection[str]) -> list[str]:
    """List the names of numeric arrays that are not used."""
    return [
        name
        for name, value in arrays.items()
        if _plain(name) not in used and isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and value.size > 1
    ]


def take_pair(
    images: Any, labels: Any, images_origin: str, labels_origin: str, expected: ImageClasses
) -> ImagesAndLabels:
    """Convert images and labels to uint8 and check them, as `check_labelled` does.

    Args:
        images: Shape (N, H, W, C), (N, H, W) or (N, H * W * C), or with N last, as in MATLAB files; integers in 0..255,
            numbers in 0..1, or booleans.
        labels: Integers of any dtype, shape (N,), (N, 1) or (1, N); or one-hot, (N, K).
        images_origin: Where the images are from, for error messages.
        labels_origin: Where the labels are from.
        expected: H, W, C and K.

    Raises:
        DataError: They are anything else.
    """
    shaped = _shape_images(_to_array(images, images_origin), expected)
    return check_labelled(
        shaped if shaped.ndim < 3 else _to_bytes(shaped, images_origin),  # else refused for its shape
        _to_numbers(_to_array(labels, labels_origin)),
        images_origin=images_origin,
        labels_origin=labels_origin,
        expected=expected,
    )


def _to_array(values: Any, origin: str) -> Array:
    """Convert to an array. Python objects and structures are refused without reading them."""
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError) as error:  # lists whose lengths differ
        raise DataError(f"{origin} cannot be made an array ({first_line(error)}); expected numbers") from error
    if array.dtype.kind in "OV":
        raise DataError(f"{origin} is {str(array.dtype)[:40]} {array.shape}; expected numbers")
    return array


def _shape_images(images: Array, expected: ImageClasses) -> Array:
    """Reshape flat images, and images with N last, to (N, H, W, C). Shape (N, H, W) stays as it is."""
    n_pixels = int(np.prod(expected.image_shape))
    if images.ndim in (3, 4):
        shape = expected.image_shape[: images.ndim - 1]
        counted_last = images.shape[1:] != shape and images.shape[:-1] == shape
        return np.moveaxis(images, -1, 0) if counted_last else images
    if images.ndim != 2:
        return images
    if images.shape[1] != n_pixels and images.shape[0] == n_pixels:
        images = images.T
    return images.reshape(-1, *expected.image_shape) if images.shape[1] == n_pixels else images


def _to_bytes(images: Array, origin: str) -> Array:
    """Convert pixels to bytes. Numbers in 0..1 are multiplied by 255, or by 256 if only that gives whole numbers."""
    if images.dtype == np.uint8 or not images.size or images.dtype.kind not in "biuf":
        return images
    low, high = images.min(), images.max()
    if images.dtype.kind in "bf" and low >= 0 and high <= 1:
        images = images * (256 if _are_whole(images * 256) and not _are_whole(images * 255) else 255)
    elif not (low >= 0 and high <= 255 and _are_whole(images)):  # also NaN
        raise DataError(f"{origin} are in {low}..{high}; expected whole numbers in 0..255, or numbers in 0..1")
    levels: Array = np.clip(np.rint(images), 0, 255).astype(np.uint8)
    return levels


def _are_whole(values: Array) -> bool:
    return bool((np.abs(values - np.rint(values)) < 0.01).all())


def _to_numbers(labels: Array) -> Array:
    """Convert a row, a column, one-hot rows or whole floats to labels of shape (N,)."""
    if labels.ndim == 2:
        labels = labels.argmax(1) if min(labels.shape) > 1 else labels.reshape(-1)
    if labels.dtype.kind == "f" and bool((labels == np.rint(labels)).all()):
        return labels.astype(np.int64)
    return labels
