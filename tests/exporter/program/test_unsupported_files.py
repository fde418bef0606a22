"""What the C program does not have is named, with the file."""

from __future__ import annotations

import re

import numpy as np
import pytest

from edge_mnist_exporter.program.from_tflite import read_program
from edge_mnist_runtime.errors import ConversionError


def transposed(f):
    f.quantize()
    f.operator("TRANSPOSE", [f.last], f.tensor((1, 28, 28, 1), 9, 1 / 255, -128))


def grouped(f):
    f.quantize()
    f.conv(4, (3, 3))
    weights = f.tensor((4, 3, 3, 2), 9, np.full(4, 0.1), 0, np.zeros((4, 3, 3, 2), np.int8))
    f.operator("CONV_2D", [f.last, weights], f.tensor((1, 28, 28, 4), 9, 0.5, 0))


def different_scales(f):
    f.quantize()
    first = f.last
    f.relu()
    f.concatenate(first)


def float_inside(f):
    f.operator("DEQUANTIZE", [f.last], f.tensor((1, 28, 28, 1), 0))


def mean_over_channels(f):
    f.quantize()
    axes = f.tensor((1,), 2, data=np.array([3], np.int32))
    f.operator("MEAN", [f.last, axes], f.tensor((1, 28, 28), 9, 1 / 255, -128))


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (transposed, "the operator TRANSPOSE"),
        (grouped, "groups of 2 of 4 channels"),
        (different_scales, "a concatenation of different scales"),
        (float_inside, "the operator DEQUANTIZE"),
        (mean_over_channels, "a mean over other axes"),
    ],
)
def test_what_is_missing_is_named(network, said, tiny_file):
    file = tiny_file(28, 28, 1)
    network(file)
    with pytest.raises(ConversionError, match=f"^tiny_int8.c: .*{re.escape(said)}") as caught:
        read_program(file.build(), "tiny_int8.c")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 4
