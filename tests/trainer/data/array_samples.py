"""Drawn digits as arrays, and functions that write and check files of them."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime.errors import DataError
from edge_mnist_trainer.augment.strokes import draw_digits
from edge_mnist_trainer.data.own_digits import load_own_digits
from edge_mnist_trainer.data.sources import load_digit_set, load_export_digits

IMAGES, LABELS = draw_digits(5, seed=3)
"""50 drawn digits: 0, 1, ..., 9, five times."""

FLAT = IMAGES.reshape(50, 784)
TEST, TEST_LABELS = IMAGES[:20], LABELS[:20]
ROWS = np.column_stack([LABELS, FLAT])
PIXELS = [f"pixel{index}" for index in range(784)]


def write_csv(path: Path, rows: np.ndarray, names: list[str] | None = None, separator: str = ",") -> Path:
    lines = [separator.join(names)] if names else []
    text = "\n".join([*lines, *(separator.join(map(str, row)) for row in rows)]) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def write_pickle(path: Path, content: object, protocol: int = 4) -> Path:
    data = pickle.dumps(content, protocol)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_npy(folder: Path, **arrays: np.ndarray) -> Path:
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder


def assert_read(path: Path, *, has_test: bool, images: np.ndarray = IMAGES) -> None:
    own = load_own_digits(path)
    assert own is not None
    assert np.array_equal(own.training.images, images)
    assert own.training.labels.tolist() == LABELS.tolist()
    assert (own.test is not None) == has_test
    if own.test:
        assert np.array_equal(own.test.images, TEST)
        assert own.test.labels.tolist() == TEST_LABELS.tolist()
    if has_test:
        assert np.array_equal(load_export_digits(path).evaluation.images, TEST)


def refusal(path: Path, error: type[Exception] = DataError) -> str:
    with pytest.raises(error) as caught:
        load_digit_set(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def write_pictures(folder: Path, images: np.ndarray, labels: np.ndarray) -> None:
    for number, (image, label) in enumerate(zip(images[..., 0], labels, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / str(label) / f"{number:03}.png")
