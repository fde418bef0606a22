"""Crops of rendered photographs: tight crops keep the whole digit, crops through it lose a part."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from benchmarks.rendering.crops import LOST, WIDEST_MARGIN, crop_through, crop_tight, ink_box
from benchmarks.rendering.photographs import Photograph, take_photographs
from edge_mnist_runtime.preprocess import mask_box


def size_of(data: bytes) -> tuple[int, int]:
    picture = Image.open(io.BytesIO(data))
    return picture.height, picture.width


@pytest.fixture(scope="module")
def photographs() -> list[Photograph]:
    return list(take_photographs(1, seed=3, kinds=("drawing", "photograph")))


def test_tight_crop_contains_the_digit_and_a_small_margin(photographs: list[Photograph]) -> None:
    for number, photograph in enumerate(photographs):
        digit = ink_box(photograph)
        height, width = size_of(crop_tight(photograph, np.random.default_rng(number)))
        max_margin = 2 * WIDEST_MARGIN * digit.long_side + 2
        assert digit.height <= height <= digit.height + max_margin
        assert digit.width <= width <= digit.width + max_margin


def test_crop_through_loses_a_part_of_the_digit(photographs: list[Photograph]) -> None:
    for number, photograph in enumerate(photographs):
        # Only ink on black, so that the rest of it can be measured.
        buffer = io.BytesIO()
        Image.fromarray((255 * (photograph.ink > 0.5)).astype(np.uint8)).save(buffer, "PNG")
        drawn = Photograph(buffer.getvalue(), photograph.label, photograph.kind, photograph.ink)
        digit = ink_box(photograph)
        left_over = np.asarray(Image.open(io.BytesIO(crop_through(drawn, np.random.default_rng(number))))) > 0
        kept = mask_box(left_over)
        fractions = (kept.height / digit.height, kept.width / digit.width)
        assert 1 - LOST[1] - 0.1 <= min(fractions) <= 1 - LOST[0] + 0.1


def test_crops_keep_the_file_format(photographs: list[Photograph]) -> None:
    formats = {Image.open(io.BytesIO(crop_tight(one, np.random.default_rng(0)))).format for one in photographs}
    assert formats == {"PNG", "JPEG"}
