"""The sample pictures inside this package: one of each digit, drawn by the project, each another kind of picture.

They let a first run classify and measure something real where MNIST is not at hand.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np

from edge_mnist_runtime.dataset import DATA_VARIABLE, LabelledDigits, find_mnist_folder, load_mnist_half

SAMPLES_NAME: Final = "edge-mnist-samples"
"""Name of these digits in tables and reports."""


def read_samples() -> dict[str, bytes]:
    """The picture files by name; each name begins with the digit that it shows."""
    folder = files("edge_mnist_runtime") / "samples"  # it may lie in a zip archive
    return {name: (folder / name).read_bytes() for name in sorted(file.name for file in folder.iterdir())}


def load_benchmark_digits(data: Path | None) -> tuple[LabelledDigits, str | None]:
    """MNIST's test images where a folder is named, else the sample pictures.

    Returns:
        The digits, and what must be said about them; None for MNIST.

    Raises:
        DataNotFoundError: A folder that was named does not hold MNIST.
        DataError: A file is damaged or is not MNIST's.
    """
    folder = find_mnist_folder(data)
    if folder:
        return load_mnist_half(folder, "t10k"), None
    return load_samples(), f"Measured on the sample pictures: MNIST was not named (`data` or {DATA_VARIABLE})."


def load_samples() -> LabelledDigits:
    """The sample pictures as the network sees them."""
    from edge_mnist_runtime.classifier import to_pixels

    pictures = read_samples()
    images = np.stack([to_pixels(picture) for picture in pictures.values()])[..., np.newaxis]
    labels = np.array([int(name[0]) for name in pictures], np.uint8)
    return LabelledDigits(SAMPLES_NAME, "all", images, labels)
