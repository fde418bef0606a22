"""Rendered photographs cut to their digit, as apps cut them, and cut through it, as careless hands do."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
from PIL import Image

from benchmarks.rendering.papers import encode_jpeg, encode_png
from benchmarks.rendering.photographs import Photograph

Box = tuple[int, int, int, int]
"""Top, bottom, left and right, the far ends exclusive."""

WIDEST_MARGIN: Final = 0.1
"""Most that is left around a digit, as a part of its longer side."""

LOST: Final = (0.25, 0.5)
"""Least and greatest part of a digit's height or width that is cut away."""


def crop_tight(photograph: Photograph, rng: np.random.Generator) -> bytes:
    """The digit and up to `WIDEST_MARGIN` of paper on each side, or none: a picture file like the photograph's."""
    top, bottom, left, right = ink_box(photograph)
    margin = rng.uniform(0, WIDEST_MARGIN) * max(bottom - top, right - left)
    above, below, before, after = (round(margin * rng.uniform(0, 1)) for _ in range(4))
    return _crop(photograph, (top - above, bottom + below, left - before, right + after))


def crop_through(photograph: Photograph, rng: np.random.Generator) -> bytes:
    """A part of the digit beyond one edge, and little or much paper at the others."""
    top, bottom, left, right = ink_box(photograph)
    side = max(bottom - top, right - left)
    above, below, before, after = (
        round(side * (rng.uniform(0, WIDEST_MARGIN) if rng.random() < 0.5 else rng.uniform(0.1, 0.5))) for _ in range(4)
    )
    box = [top - above, bottom + below, left - before, right + after]
    edge, lost = int(rng.integers(4)), rng.uniform(*LOST)
    extent = bottom - top if edge < 2 else right - left
    box[edge] = round((top, bottom, left, right)[edge] + (-lost if edge % 2 else lost) * extent)
    return _crop(photograph, (box[0], box[1], box[2], box[3]))


def ink_box(photograph: Photograph) -> Box:
    """Around what the pen covers."""
    covered = photograph.ink > 0.5
    rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _crop(photograph: Photograph, box: Box) -> bytes:
    picture = Image.open(io.BytesIO(photograph.data))
    top, bottom, left, right = box
    part = picture.crop((max(0, left), max(0, top), min(picture.width, right), min(picture.height, bottom)))
    return encode_png(part) if picture.format == "PNG" else encode_jpeg(part, 92)
