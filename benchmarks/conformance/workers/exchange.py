"""Read images and write probabilities as raw values, which any language can do."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def read_arguments() -> tuple[str, Any, str, list[str]]:
    """Return the model's path, the images (uint8, shape (N, 28, 28, 1)), the output's path, and the options."""
    model, images, output, *options = sys.argv[1:]
    return model, np.fromfile(images, np.uint8).reshape(-1, 28, 28, 1), output, options


def write_predictions(output: str, predictions: list[Any], version: str) -> None:
    """Write probabilities as float32 and print the version.

    Each item has one or more rows. uint8 values are steps of 1/256, TFLite's fixed scale for a quantized softmax.
    """
    values = np.concatenate([np.asarray(rows).reshape(-1, 10) for rows in predictions])
    if values.dtype == np.uint8:
        values = values / np.float32(256)
    values.astype(np.float32).tofile(output)
    print(version)
