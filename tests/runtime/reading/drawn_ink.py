"""Draw rectangles of ink for tests of single rules, and find ink and components in them."""

from __future__ import annotations

import numpy as np

from edge_mnist_runtime.reading.components import Components, label_components
from edge_mnist_runtime.reading.ink import Ink, pick_ink

Rectangle = tuple[int, int, int, int]
"""Top, bottom, left and right; bottom and right are exclusive."""

Floats = np.ndarray


def draw(*rectangles: Rectangle, shape: tuple[int, int] = (200, 200), darkness: float = 0.8) -> Floats:
    """Darkness of rectangles of ink on an empty background, float32."""
    page = np.zeros(shape, np.float32)
    for top, bottom, left, right in rectangles:
        page[top:bottom, left:right] = darkness
    return page


def ring(top: int, left: int, side: int, width: int, *, shape: tuple[int, int] = (200, 200)) -> Floats:
    """The outline of a square."""
    page = draw((top, top + side, left, left + side), shape=shape)
    page[top + width : top + side - width, left + width : left + side - width] = 0
    return page


def pick(page: Floats) -> Ink:
    """The ink of a page that shows a digit."""
    ink = pick_ink(page, 0.0)
    assert ink is not None
    return ink


def label(page: Floats) -> tuple[Components, np.ndarray]:
    """All components of a page, and their masses."""
    parts = label_components(page > 0)
    return parts, parts.sums(parts.pick(page))
