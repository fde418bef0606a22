"""Tensors for a second look at a doubtful digit: the same digit in the place of MNIST's, or a little smaller."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from edge_mnist_runtime.preprocess import PREPROCESS
from edge_mnist_runtime.reading.enlargement import is_out_of_place, lies_as_in_mnist
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.reader import read_drawing


class PlacedTensor(NamedTuple):
    """A tensor whose digit was moved and scaled to the place of MNIST's."""

    tensor: bytes
    """784 grey levels."""
    is_small: bool
    """Whether the digit was smaller than MNIST's, or of their size and moved."""
    min_confidence: float = PICTURE_READING.reader.sure_in_place
    """Confidence, 0..1, from which the network's answer replaces the one for the unmoved tensor."""
    min_mean_confidence: float = PICTURE_READING.reader.sure_in_mean
    """Confidence, 0..1, from which the mean of both answers counts, if the digit was small."""


def place_as_in_mnist(tensor: bytes) -> PlacedTensor | None:
    """Read a tensor, 784 grey levels, as a drawing, in case its digit lies in a corner or is small.

    Returns:
        None if the digit lies as MNIST's do, or cannot be read.
    """
    side = PREPROCESS.side_pixels
    pixels = np.frombuffer(tensor, np.uint8).reshape(side, side)
    if lies_as_in_mnist(pixels):
        return None
    reading = read_drawing(Image.fromarray(pixels), "tensor")
    if reading.flaw not in (None, "cut off") or not reading.light_on_dark:
        return None
    is_small = is_out_of_place(pixels)
    if reading.flaw and not is_small:
        return None
    return PlacedTensor(reading.pixels.tobytes(), is_small)


def shrink_digit(tensor: bytes) -> bytes:
    """Shrink the digit of a tensor, 784 grey levels, to `smaller_side_pixels` of 28, in the middle of a black frame."""
    side, smaller = PREPROCESS.side_pixels, PICTURE_READING.reader.smaller_side_pixels
    frame = Image.new("L", (side, side))
    digit = Image.frombytes("L", (side, side), tensor).resize((smaller, smaller), Image.Resampling.BICUBIC)
    frame.paste(digit, ((side - smaller) // 2, (side - smaller) // 2))
    return frame.tobytes()
