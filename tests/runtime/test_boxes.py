"""`Box` selects the same pixels of arrays and Pillow images, and rounds outwards."""

from __future__ import annotations

import numpy as np
from PIL import Image

from edge_mnist_runtime import Box
from edge_mnist_runtime.preprocess import mask_box

BOX = Box(left=2, top=1, right=5, bottom=9)


def test_array_and_pillow_cut_out_the_same_pixels() -> None:
    pixels = np.arange(120, dtype=np.uint8).reshape(10, 12)
    part = pixels[BOX.slices]
    assert part.shape == (BOX.height, BOX.width)
    assert np.array_equal(Image.fromarray(pixels).crop(BOX), part)


def test_box_of_a_mask_is_tight() -> None:
    mask = np.zeros((10, 12), np.bool_)
    mask[BOX.slices] = True
    assert mask_box(mask) == BOX


def test_box_around_fractions_rounds_outwards_but_ignores_rounding_errors() -> None:
    assert Box.around(2.4, 1.0, 4.1, 8.9) == BOX
    assert Box.around(2 - 1e-9, 1 + 1e-9, 5 + 1e-9, 9 - 1e-9) == BOX
