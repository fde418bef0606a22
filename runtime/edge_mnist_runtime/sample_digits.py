"""The sample pictures inside this package: one of each digit, drawn by the project, each another kind of picture.

They let a first run classify and measure something real where MNIST is not at hand.
"""

from __future__ import annotations

from importlib import resources
from typing import Final

import numpy as np

from edge_mnist_runtime.dataset import LabelledDigits

SAMPLES_NAME: Final = "edge-mnist-samples"
"""Name of these digits in tables and reports."""


def read_samples() -> dict[str, bytes]:
    """The picture files by name; each name begins with the digit that it shows."""
    folder = resources.files("edge_mnist_runtime") / "samples"
    return {entry.name: entry.read_bytes() for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)}


def load_samples() -> LabelledDigits:
    """The sample pictures as the network sees them."""
    from edge_mnist_runtime.classifier import to_pixels

    pictures = read_samples()
    images = np.stack([to_pixels(picture) for picture in pictures.values()])[..., np.newaxis]
    labels = np.array([int(name[0]) for name in pictures], np.uint8)
    return LabelledDigits(SAMPLES_NAME, "all", images, labels)
