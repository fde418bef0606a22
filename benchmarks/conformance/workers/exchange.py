"""How a worker gets images and hands back probabilities: raw values, so that any language can do it."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def read_arguments() -> tuple[str, Any, str, list[str]]:
    """The model's path, the images as uint8, shape (N, 28, 28, 1), the output's path, and all further arguments."""
    model, images, output, *options = sys.argv[1:]
    return model, np.fromfile(images, np.uint8).reshape(-1, 28, 28, 1), output, options


def write_answers(output: str, answers: list[Any], version: str) -> None:
    """Write the rows, one or more an item, as float32, and print the version.

    Bytes are steps of 1/256, the scale that TFLite fixes for a quantized softmax.
    """
    values = np.concatenate([np.asarray(answer).reshape(-1, 10) for answer in answers])
    if values.dtype == np.uint8:
        values = values / np.float32(256)
    values.astype(np.float32).tofile(output)
    print(version)
