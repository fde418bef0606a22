"""Where digits come from: a folder, Keras's cache, Keras's download, and scikit-learn's where MNIST cannot be had.

Every copy of MNIST is proved by SHA-256 of its uncompressed IDX files, wherever it is from.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from edge_mnist_runtime.dataset import (
    DATA_VARIABLE,
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
from edge_mnist_trainer.splits import split_train_validation

STAND_IN_NAME: Final = "sklearn-digits"
"""Name of scikit-learn's 1,797 handwritten digits (8 x 8, 43 writers) in tables, reports and cards."""

DOWNLOAD_TIMEOUT_SECONDS: Final = 10.0
"""A silent network must not hold up an export; Keras itself would wait for ever."""


@dataclass(frozen=True)
class DigitSource:
    """Digits for an export: one part to calibrate on, another to evaluate on."""

    calibration: LabelledDigits
    """MNIST's training split, or half of the stand-in digits."""
    evaluation: LabelledDigits
    """MNIST's 10,000 test images, or the other half of the stand-in digits."""
    notice: str | None
    """What people must be told about these digits; None for MNIST."""


def load_mnist(half: Half, data: Path | None = None) -> LabelledDigits:
    """Load one half of MNIST from `data`, else `EDGE_MNIST_DATA`, else Keras's cache or download.

    Raises:
        DataNotFoundError: It is nowhere to be had, or a folder that was named does not hold it.
        DataError: A file is damaged or is not MNIST's.
    """
    folder = find_mnist_folder(data)
    return load_mnist_half(folder, half) if folder else _load_from_keras(half)


def load_export_digits(data: Path | None = None) -> DigitSource:
    """Load what an export calibrates and evaluates on: MNIST, else scikit-learn's digits with a notice.

    Raises:
        DataNotFoundError: A folder that was named does not hold MNIST.
        DataError: A file is damaged or is not MNIST's.
    """
    try:
        training, test = load_mnist("train", data), load_mnist("t10k", data)
    except DataNotFoundError:
        if find_mnist_folder(data):
            raise  # a folder that was named is never replaced by another source
        return _stand_in_source()
    return DigitSource(split_train_validation(training)[0], test, notice=None)


def load_stand_in() -> LabelledDigits:
    """scikit-learn's digits, brought to 28 x 28 by the one preprocessing definition."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    ink = (bunch.images * (255 / 16)).astype(np.uint8)  # 0..16, bright ink on black
    images = np.stack([normalise_ink(image) for image in ink])[..., np.newaxis]
    return LabelledDigits(STAND_IN_NAME, "all", images, bunch.target.astype(np.uint8))


def _stand_in_source() -> DigitSource:
    digits = load_stand_in()
    indices = np.arange(len(digits))
    return DigitSource(
        digits.take(indices[indices % 2 == 0], "even"),
        digits.take(indices[indices % 2 == 1], "odd"),
        notice=(
            f"MNIST is not here (no --data, no {DATA_VARIABLE}, no cache, no download): calibrated and evaluated on "
            f"scikit-learn's 1,797 8x8 digits ({STAND_IN_NAME}) instead. "
            "Figures on them say nothing about MNIST."
        ),
    )


def _load_from_keras(half: Half) -> LabelledDigits:
    import keras

    try:
        with _network_timeout(DOWNLOAD_TIMEOUT_SECONDS):
            arrays = keras.datasets.mnist.load_data()
    except Exception as error:  # keras wraps network errors in bare Exception
        raise DataNotFoundError(
            f"MNIST is neither cached nor could it be downloaded ({first_line(error)}); "
            f"name a folder with its four IDX files: --data DIR or {DATA_VARIABLE}"
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
