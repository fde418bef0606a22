"""Load the user's own images to calibrate and evaluate classifiers of anything but digits.

FILE.npz                       x_train, y_train, x_test, y_test, uint8 in the network's own shape
FILE.csv, .pkl.gz, .mat        the formats of `labelled_files`, and folders of .csv or .npy files
FOLDER of IDX files            EMNIST with 47 or 62 classes, for models with as many classes
FOLDER/train, FOLDER/test      each with one sub-folder of pictures for each class, named as its label
FOLDER/LABEL                   the same without a test split: a tenth of each class is kept for the evaluation
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from edge_mnist_exporter.source.source_model import SourceModel
from edge_mnist_runtime.dataset import (
    DATA_VARIABLE,
    DIGIT_OR_HALF,
    LabelledDigits,
    find_mnist_folder,
    innermost_folder,
    is_left_by_a_file_manager,
)
from edge_mnist_runtime.errors import DataError, DataNotFoundError, PictureError, UsageError
from edge_mnist_runtime.images.files import DETAIL_PIXELS, open_picture
from edge_mnist_runtime.paths import describe_missing, is_folder, list_folder
from edge_mnist_runtime.tensor import Pixels
from edge_mnist_trainer.data.array_folders import read_array_folder
from edge_mnist_trainer.data.digit_arrays import ImageClasses, ImagesAndLabels, LabelledParts
from edge_mnist_trainer.data.labelled_files import read_labelled_file
from edge_mnist_trainer.data.picture_folder import (
    ReadPicture,
    find_files,
    read_digit,
    read_picture_folder,
    read_picture_parts,
)
from edge_mnist_trainer.data.sources import DigitSource, load_export_digits
from edge_mnist_trainer.data.splits import split_each_label


def load_export_images(source: SourceModel, data: Path | None) -> DigitSource:
    """Load the images to calibrate and evaluate a model on: digits for a digit model, else the user's own.

    Raises:
        DataNotFoundError: No images are named for a model that does not read digits, or there are none at that path.
        DataError: An image is damaged, has an unexpected shape, or has no label.
    """
    if source.reads_digits:
        return load_export_digits(data)
    named = find_mnist_folder(data)
    if named is None:
        raise DataNotFoundError(
            f"{source.origin}: reads images of {source.image_shape} in {len(source.labels)} classes, not digits; "
            f"name such images, an .npz file or a folder: `data` or {DATA_VARIABLE}"
        )
    parts = _read(named, source)
    name, left_out = named.resolve().name, parts.left_out
    calibration = LabelledDigits(name, "train", *parts.training)
    if parts.test is None:
        calibration, evaluation = split_each_label(calibration, source.labels)
    else:
        evaluation = LabelledDigits(name, "test", *parts.test)
    files = "1 file was" if len(left_out) == 1 else f"{len(left_out):,} files were"
    counted = f" {files} left out, the first: {left_out[0]}." if left_out else ""
    notice = f"Own images ({name}): {len(calibration):,} to calibrate on, {len(evaluation):,} to evaluate on.{counted}"
    notice = " ".join((notice, *(f"{note}." for note in parts.notes)))
    return DigitSource(calibration, evaluation, calibration, notice)


def load_calibration_images(source: SourceModel, folder: Path) -> Pixels:
    """Load every picture in a folder and its sub-folders, uint8, shape (N, H, W, C). Labels are not needed.

    Raises:
        UsageError: There is no such folder, or no picture in it.
        DataError: A picture cannot be read.
    """
    if not is_folder(folder):
        raise UsageError(f"`calibration_data` {describe_missing(folder, 'folder')}")
    read = picture_reader(source)
    images = []
    for file in find_files(folder):
        origin = file.relative_to(folder).as_posix()
        try:
            images.append(read(file, origin))
        except PictureError as error:
            raise DataError(f"`calibration_data` {folder}: {error}; remove it") from error
    if not images:
        raise UsageError(f"`calibration_data` {folder}: holds no pictures")
    return np.stack(images)


def picture_reader(source: SourceModel) -> ReadPicture:
    """The function that turns a picture into the model's input: shared preprocessing for digits, else a resize."""
    if source.reads_digits:
        return read_digit
    height, width, channels = source.image_shape

    def read(file: Path, origin: str) -> Pixels:
        picture = ImageOps.exif_transpose(open_picture(file, origin=origin, least_side_pixels=DETAIL_PIXELS))
        plain = _to_bytes(picture, origin).convert("L" if channels == 1 else "RGB")
        return np.asarray(plain.resize((width, height), Image.Resampling.BILINEAR)).reshape(height, width, channels)

    return read


def _to_bytes(picture: Image.Image, origin: str) -> Image.Image:
    """Convert a picture to 8 bits a value. Like Keras, it keeps the colours of transparent pixels."""
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise PictureError(f"{origin}: 32 bits a pixel; save it with 8 or 16")
    return picture.convert("RGBA") if picture.has_transparency_data else picture


def _read(path: Path, source: SourceModel) -> LabelledParts:
    expected = ImageClasses(source.image_shape, len(source.labels))
    if not is_folder(path, DataNotFoundError):
        return read_labelled_file(path, expected)
    folder = innermost_folder(path, re.compile("|".join((DIGIT_OR_HALF.pattern, *map(re.escape, source.labels)))))
    entries = [entry for entry in list_folder(folder, DataError) if not is_left_by_a_file_manager(entry.name)]
    arrays = read_array_folder(folder, entries, source.labels, expected)
    return arrays or read_picture_parts(folder, entries, lambda part: _read_folder(part, source))


def _read_folder(folder: Path, source: SourceModel) -> tuple[ImagesAndLabels, tuple[str, ...]]:
    found = [
        path
        for path in list_folder(folder, DataError)
        if is_folder(path, DataError) and not is_left_by_a_file_manager(path.name)
    ]
    numbers = {label: index for index, label in enumerate(source.labels)}
    strange = [path.name for path in found if path.name not in numbers]
    if strange or not found:
        what = f"sub-folder {strange[0]} is not a label" if strange else "no sub-folders of pictures"
        known = ", ".join(source.labels[:3])
        raise DataNotFoundError(f"{folder}: {what}; expected one sub-folder a class, named as its label ({known}, ...)")
    return read_picture_folder(folder, found, read=picture_reader(source), labels_by_name=numbers)
