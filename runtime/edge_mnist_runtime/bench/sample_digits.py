"""Load the ten sample pictures of this package, or MNIST, as input for a benchmark.

The project drew one sample of each digit, each as a different kind of picture. They make `classify` and `bench` usable
without MNIST.
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
    """Read the sample picture files, by name. Each name begins with the digit that the picture shows."""
    folder = files("edge_mnist_runtime") / "samples"  # may be inside a zip archive
    return {name: (folder / name).read_bytes() for name in sorted(file.name for file in folder.iterdir())}


def load_benchmark_digits(data: Path | None) -> tuple[LabelledDigits, str | None]:
    """Load MNIST's test images if a folder is given, otherwise the sample pictures.

    Args:
        data: Folder of MNIST's IDX files; None: the folder that `EDGE_MNIST_DATA` names, if any.

    Returns:
        The digits, and a notice for the user if they are the sample pictures, else None.

    Raises:
        DataNotFoundError: The folder does not hold MNIST.
        DataError: A file is damaged or is not MNIST's.
    """
    folder = find_mnist_folder(data)
    if folder:
        return load_mnist_half(folder, "t10k"), None
    return load_samples(), f"Measured on the sample pictures, as no MNIST folder is given (`data` or {DATA_VARIABLE})."


def load_samples() -> LabelledDigits:
    """Load the sample pictures as network inputs, with their labels."""
    from edge_mnist_runtime.classifier import to_pixels

    pictures = read_samples()
    images = np.stack([to_pixels(picture) for picture in pictures.values()])[..., np.newaxis]
    labels = np.array([int(name[0]) for name in pictures], np.uint8)
    return LabelledDigits(SAMPLES_NAME, "all", images, labels)
