"""Images and labels in arrays as people save them: under any of the usual names, flat, as floats, one-hot."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.errors import DataError, first_line
from edge_mnist_trainer.data.digit_arrays import ImageClasses, ImagesAndLabels, check_labelled

Array: TypeAlias = npt.NDArray[Any]

Halves: TypeAlias = tuple[ImagesAndLabels, "ImagesAndLabels | None"]
"""The training images, and those of the test part where there is one."""

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
"""How arrays are called, in small letters alone: training images and labels, test images and labels."""

MNIST_SIZES: Final = (60_000, 70_000)
"""Of 70,000 images in one array the last 10,000 are MNIST's test images."""


def take_named(arrays: Mapping[str, Any], path: Path, expected: ImageClasses) -> Halves:
    """Images and labels among arrays that have names; `path` is where they are from.

    Raises:
        DataError: No names are known, or images and labels do not match.
    """
    by_name = {re.sub(r"[^a-z0-9]", "", name.lower()): value for name, value in arrays.items()}
    names = next((names for names in NAMES if names[0] in by_name and names[1] in by_name), None)
    if names is None:
        held = ", ".join(sorted(arrays)[:6]) or "nothing"
        raise DataError(f"{path}: holds {held}; expected x_train and y_train, or images and labels")
    pairs = [pair for pair in (names[:2], names[2:]) if pair[0] in by_name and pair[1] in by_name]
    halves = [
        take_pair(by_name[images], by_name[labels], f"{path}: {images}", f"{path}: {labels}", expected)
        for images, labels in pairs
    ]
    if len(halves) == 2:
        return halves[0], halves[1]
    images, labels = halves[0]
    n_training, n_all = MNIST_SIZES
    if len(images) != n_all:
        return halves[0], None
    return (images[:n_training], labels[:n_training]), (images[n_training:], labels[n_training:])


def take_pair(
    images: Any, labels: Any, images_origin: str, labels_origin: str, expected: ImageClasses
) -> ImagesAndLabels:
    """Images and labels as `check_labelled` gives them.

    Args:
        images: Shape (N, H, W, C), (N, H, W) or (N, H * W * C), or with N last, as MATLAB has it; whole numbers in
            0..255, numbers in 0..1, or truth values.
        labels: Whole numbers of any dtype, shape (N,), (N, 1) or (1, N); or one-hot, (N, K).
        images_origin: Where the images are from, for error messages.
        labels_origin: Where the labels are from.
        expected: H, W, C and K.

    Raises:
        DataError: They are anything else.
    """
    return check_labelled(
        _to_bytes(_shape_images(_to_array(images, images_origin), expected), images_origin),
        _to_numbers(_to_array(labels, labels_origin)),
        images_origin=images_origin,
        labels_origin=labels_origin,
        expected=expected,
    )


def _to_array(values: Any, origin: str) -> Array:
    """An array of anything but Python objects and structures; these are refused before one of them is looked at."""
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError) as error:  # lists whose lengths differ
        raise DataError(f"{origin} make no array ({first_line(error)}); expected numbers") from error
    if array.dtype.kind in "OV":
        raise DataError(f"{origin} is {str(array.dtype)[:40]} {array.shape}; expected numbers")
    return array


def _shape_images(images: Array, expected: ImageClasses) -> Array:
    """Flat images, and those that MATLAB counts along the last axis, as (N, H, W, C); (N, H, W) stays as it is."""
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
    """Pixels as bytes. Numbers in 0..1 are multiplied by 255, or by 256 where that alone gives whole numbers."""
    if images.dtype == np.uint8 or not images.size or images.dtype.kind not in "biuf":
        return images
    low, high = images.min(), images.max()
    if images.dtype.kind in "bf" and low >= 0 and high <= 1:
        images = images * (256 if _are_whole(images * 256) and not _are_whole(images * 255) else 255)
    elif not (low >= 0 and high <= 255 and _are_whole(images)):  # NaN among others
        raise DataError(f"{origin} lie in {low}..{high}; expected whole numbers in 0..255, or numbers in 0..1")
    levels: Array = np.clip(np.rint(images), 0, 255).astype(np.uint8)
    return levels


def _are_whole(values: Array) -> bool:
    return bool((np.abs(values - np.rint(values)) < 0.01).all())


def _to_numbers(labels: Array) -> Array:
    """Labels, shape (N,): from a row or a column, from one-hot rows, and from whole numbers in floating point."""
    if labels.ndim == 2:
        labels = labels.argmax(1) if min(labels.shape) > 1 else labels.reshape(-1)
    if labels.dtype.kind == "f" and bool((labels == np.rint(labels)).all()):
        return labels.astype(np.int64)
    return labels
