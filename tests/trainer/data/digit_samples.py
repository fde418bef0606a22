"""Drawn digits as pictures, IDX files and .npz files."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime.dataset import encode_idx
from edge_mnist_runtime.errors import DataError
from edge_mnist_trainer.augment.strokes import draw_digits, draw_ink
from edge_mnist_trainer.data.sources import DigitSet, load_digit_set

IMAGES, LABELS = draw_digits(5, seed=3)
"""50 drawn digits: 0, 1, ..., 9, five times."""

EMNIST = "emnist-digits-"


def write_picture(path: Path, digit: int, *, seed: int = 0, size: tuple[int, int] = (60, 60)) -> Path:
    """Write a drawn digit, dark on light, as a picture file. The suffix decides its format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ink = draw_ink(digit, np.random.default_rng([digit, seed]), side_pixels=max(size))
    Image.fromarray(255 - ink).resize(size).save(path)
    return path


def write_folder(folder: Path, *, digits: tuple[int, ...] = (3, 7), each: int = 3) -> Path:
    for digit in digits:
        for number in range(each):
            write_picture(folder / str(digit) / f"{number:02}.png", digit, seed=number)
    return folder


def truncate(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def write_idx(path: Path, values: np.ndarray) -> None:
    data = encode_idx(values)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_idx_half(
    folder: Path,
    half: str = "train",
    *,
    prefix: str = EMNIST,
    images: np.ndarray = IMAGES[..., 0],
    labels: np.ndarray = LABELS,
    suffix: str = ".gz",
) -> Path:
    write_idx(folder / f"{prefix}{half}-images-idx3-ubyte{suffix}", images)
    write_idx(folder / f"{prefix}{half}-labels-idx1-ubyte{suffix}", labels)
    return folder


def write_npz(path: Path, **arrays: np.ndarray) -> Path:
    np.savez(path, **arrays)
    return path


def refusal(data: Path) -> str:
    """The message of the DataError that `load_digit_set` raises for `data`: one line that names it."""
    with pytest.raises(DataError) as caught:
        load_digit_set(data)
    message = str(caught.value)
    assert "\n" not in message
    assert data.name in message
    return message


def images_of(parts: DigitSet) -> list[bytes]:
    return sorted(image.tobytes() for part in (parts.training, parts.validation) for image in part.images)
