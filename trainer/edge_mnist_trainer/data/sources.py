"""Load MNIST from a folder, Keras's cache or its download; load the user's own digits, or scikit-learn's.

Every copy of MNIST is checked by the SHA-256 of its uncompressed IDX files. A path may also name the user's own digits
(`own_digits`), which are never called MNIST.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from edge_mnist_runtime.dataset import (
    DATA_VARIABLE,
    MNIST_NAME,
    Half,
    LabelledDigits,
    encode_idx,
    find_mnist_folder,
    load_mnist_half,
    name_mnist_half,
    prove_mnist,
)
from edge_mnist_runtime.errors import DataNotFoundError, first_line
from edge_mnist_runtime.preprocess import normalise_ink
from edge_mnist_trainer.data.own_digits import load_own_digits
from edge_mnist_trainer.data.splits import split_each_label, split_train_validation

STAND_IN_NAME: Final = "sklearn-digits"
"""Name of scikit-learn's 1,797 handwritten digits (8 x 8, 43 writers) in tables, reports and cards."""

LEFT_OUT_NAMED: Final = 3
"""A notice lists so many of the files left out, and counts the rest."""

DOWNLOAD_TIMEOUT_SECONDS: Final = 10.0
"""Timeout of the download. Keras itself would wait for ever."""


@dataclass(frozen=True)
class DigitSource:
    """Digits for an export: to calibrate on, to choose by, and to evaluate on."""

    calibration: LabelledDigits
    """The training split, or half of the stand-in digits."""
    evaluation: LabelledDigits
    """The test images; without any, the validation images; or the other half of the stand-in digits."""
    validation: LabelledDigits
    """The images for other choices: the validation images, or the calibration half of the stand-in digits."""
    notice: str | None
    """A notice to the user about these digits; None for MNIST."""


@dataclass(frozen=True)
class DigitSet:
    """One data set with its three splits."""

    training: LabelledDigits
    """Images to learn from."""
    validation: LabelledDigits
    """Images to choose epochs and settings by."""
    test: LabelledDigits | None
    """Images for the final accuracy; None if the user's own digits have no test part."""
    left_out: tuple[str, ...] = ()
    """Files that could not be read or are not used, one line each: path, then the reason. MNIST has none."""
    notes: tuple[str, ...] = ()
    """Changes made while reading, such as transposed images, one sentence each."""
    are_pictures: bool = False
    """Whether the digits were found in pictures, so that they depend on the parameters of picture reading."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """Remarks for the user on how the digits were read, one line each."""
        return (*(f"left out: {line}" for line in self.left_out), *(f"note: {line}" for line in self.notes))


def load_mnist(half: Half, data: Path | None = None) -> LabelledDigits:
    """Load one half of MNIST from `data`, else `EDGE_MNIST_DATA`, else Keras's cache or download.

    Raises:
        DataNotFoundError: MNIST was not found anywhere, or a named folder does not contain it.
        DataError: A file is damaged or is not MNIST's.
    """
    folder = find_mnist_folder(data)
    return load_mnist_half(folder, half) if folder else _load_from_keras(half)


def load_digit_set(data: Path | None = None) -> DigitSet:
    """Load MNIST as `load_mnist` does, or the user's own digits if `data` or `EDGE_MNIST_DATA` names them.

    Raises:
        DataNotFoundError: MNIST was not found anywhere, or the named path contains no digits.
        DataError: A file is damaged or is not MNIST's, or the user's own digits and labels do not match.
    """
    named = find_mnist_folder(data)
    own = load_own_digits(named) if named else None
    if own is None:
        return DigitSet(*split_train_validation(load_mnist("train", data)), load_mnist("t10k", data))
    return DigitSet(*split_each_label(own.training), own.test, own.left_out, own.notes, own.are_pictures)


def load_export_digits(data: Path | None = None) -> DigitSource:
    """Load the digits of an export: MNIST or own digits; if there are none, scikit-learn's, with a notice.

    Raises:
        DataNotFoundError: The named path contains no digits.
        DataError: As in `load_digit_set`.
    """
    try:
        digits = load_digit_set(data)
    except DataNotFoundError:
        if find_mnist_folder(data):
            raise  # a folder that was named is never replaced by another source
        return _stand_in_source()
    evaluation = digits.validation if digits.test is None else digits.test
    notice = None if evaluation.name == MNIST_NAME else _describe_own(digits)
    return DigitSource(digits.training, evaluation, digits.validation, notice)


def load_stand_in() -> LabelledDigits:
    """Load scikit-learn's digits, preprocessed to 28 x 28 pixels."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    ink = (bunch.images * (255 / 16)).astype(np.uint8)  # 0..16, bright ink on black
    images = np.stack([normalise_ink(image) for image in ink])[..., np.newaxis]
    return LabelledDigits(STAND_IN_NAME, "all", images, bunch.target.astype(np.uint8))


def _stand_in_source() -> DigitSource:
    digits = load_stand_in()
    indices = np.arange(len(digits))
    even, odd = (digits.take(indices[indices % 2 == rest], half) for rest, half in enumerate(("even", "odd")))
    return DigitSource(
        even,
        odd,
        even,
        notice=(
            f"MNIST was not found (not named, not in {DATA_VARIABLE}, no cache, no download): calibrated and evaluated "
            f"on scikit-learn's 1,797 8x8 digits ({STAND_IN_NAME}) instead. "
            "Figures on them say nothing about MNIST."
        ),
    )


def _describe_own(digits: DigitSet) -> str:
    if digits.test is None:
        evaluated = (
            f"the {len(digits.validation):,} validation images, because there is no test part; "
            "a run trained on these digits chose its best epoch by the same images"
        )
    else:
        evaluated = f"the {len(digits.test):,} images of their test part"
    notice = " ".join(
        (
            f"Own digits ({digits.training.name}), not MNIST: calibrated on {len(digits.training):,} training images, "
            f"evaluated on {evaluated}.",
            *(f"{note}." for note in digits.notes),
        )
    )
    if not digits.left_out:
        return notice
    n_unnamed = len(digits.left_out) - LEFT_OUT_NAMED
    named = "; ".join((*digits.left_out[:LEFT_OUT_NAMED], *([f"and {n_unnamed:,} more"] if n_unnamed > 0 else [])))
    counted = "1 file was" if len(digits.left_out) == 1 else f"{len(digits.left_out):,} files were"
    return f"{notice} {counted} left out: {named}."


def _load_from_keras(half: Half) -> LabelledDigits:
    import keras

    try:
        # Keras prints to standard output, which belongs to the calling program.
        with _network_timeout(DOWNLOAD_TIMEOUT_SECONDS), redirect_stdout(io.StringIO()):
            arrays = keras.datasets.mnist.load_data()
    except Exception as error:  # keras wraps network errors in bare Exception
        raise DataNotFoundError(
            f"MNIST is neither cached nor could it be downloaded ({first_line(error)}); "
            f"name a folder with its four IDX files: `data` or {DATA_VARIABLE}"
        ) from error
    images, labels = arrays[0] if half == "train" else arrays[1]
    for kind, values in (("images-idx3", images), ("labels-idx1", labels)):
        prove_mnist(f"{half}-{kind}-ubyte", encode_idx(values), origin="Keras's copy of MNIST")
    return name_mnist_half(half, images, labels)


@contextmanager
def _network_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
