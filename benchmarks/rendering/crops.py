"""Crop rendered photographs tightly around the digit, or through it."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image

from benchmarks.rendering.papers import encode_jpeg, encode_png
from benchmarks.rendering.photographs import Photograph
from edge_mnist_runtime.box import Box
from edge_mnist_runtime.preprocess import mask_box

WIDEST_MARGIN: Final = 0.1
"""Largest margin around a digit, as a fraction of its longer side."""

LOST: Final = (0.25, 0.5)
"""Smallest and largest fraction of a digit's height or width that is cut off."""


def crop_tight(photograph: Photograph, rng: np.random.Generator) -> bytes:
    """Crop a photograph to its digit with a margin of 0 to `WIDEST_MARGIN` on each side; same file format."""
    digit = ink_box(photograph)
    margin = rng.uniform(0, WIDEST_MARGIN) * digit.long_side
    above, below, before, after = (round(margin * rng.uniform(0, 1)) for _ in range(4))
    return _crop(photograph, Box(digit.left - before, digit.top - above, digit.right + after, digit.bottom + below))


def crop_through(photograph: Photograph, rng: np.random.Generator) -> bytes:
    """Crop a photograph through its digit at one edge, with a random margin at the other edges."""
    digit = ink_box(photograph)
    above, below, before, after = (
        round(digit.long_side * (rng.uniform(0, WIDEST_MARGIN) if rng.random() < 0.5 else rng.uniform(0.1, 0.5)))
        for _ in range(4)
    )
    box = Box(digit.left - before, digit.top - above, digit.right + after, digit.bottom + below)
    # Keep the order of these draws: published figures depend on it.
    edge, lost = ("top", "bottom", "left", "right")[rng.integers(4)], rng.uniform(*LOST)
    extent = digit.height if edge in ("top", "bottom") else digit.width
    inwards = lost * extent if edge in ("top", "left") else -lost * extent
    return _crop(photograph, box._replace(**{edge: round(getattr(digit, edge) + inwards)}))


def ink_box(photograph: Photograph) -> Box:
    """Return the bounding box of the ink."""
    return mask_box(photograph.ink > 0.5)


def _crop(photograph: Photograph, box: Box) -> bytes:
    picture = Image.open(io.BytesIO(photograph.data))
    near, far = (max(0, box.left), max(0, box.top)), (min(picture.width, box.right), min(picture.height, box.bottom))
    part = picture.crop((*near, *far))
    return encode_png(part) if picture.format == "PNG" else encode_jpeg(part, 92)
