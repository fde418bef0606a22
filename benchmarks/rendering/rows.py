"""Render rows of digits, such as a year or a meter reading, from wide spacing to touching.

They test how well the runtime reads rows. A row has one handwriting style, one pen and one page. Its digits
differ slightly in height and in distance from the baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from benchmarks.rendering.papers import Floats, View, look_at_page
from benchmarks.rendering.pens import DIGIT_PIXELS, DigitShape, shape_from_font, shape_from_strokes
from benchmarks.rendering.photographs import ShapeMaker, draw_width, photograph_ink
from benchmarks.rendering.picture_kinds import KINDS, PictureKind
from edge_mnist_trainer.augment.fonts import font_faces
from edge_mnist_trainer.augment.strokes import OTHER_HANDS

Writer = Callable[[np.random.Generator], ShapeMaker]
"""Chooses the handwriting style or font of one row."""

PAGES: Final[tuple[str, ...]] = (
    "drawing",
    "drawing, light on dark",
    "scan",
    "photograph",
    "shadow",
    "lined paper",
    "squared paper",
    "pencil",
    "coloured ink",
    "chalk on a board",
)
"""Kinds of `photographs.KINDS` that rows are written on."""

SPACINGS: Final[dict[str, tuple[float, float]]] = {
    "wide": (0.3, 0.7),
    "usual": (0.12, 0.3),
    "tight": (0.05, 0.12),
    "touching": (-0.06, 0.0),
}
"""Smallest and largest gap between neighbours, as a fraction of their height. Touching digits overlap slightly."""

LEAST_DIGITS, MOST_DIGITS = 2, 8

LEAST_GAP_PIXELS: Final = 3.0
"""Smallest gap between digits that do not touch. A camera's blur would close a smaller one."""


@dataclass(frozen=True)
class RowPicture:
    """One rendered row."""

    data: bytes
    """The picture file: PNG or JPEG."""
    text: str
    """The digits, from left to right."""
    page: str
    """One of `PAGES`."""
    spacing: str
    """A key of `SPACINGS`."""


def take_rows(
    per_kind: int,
    *,
    seed: int,
    pages: tuple[str, ...] = PAGES,
    spacings: tuple[str, ...] = tuple(SPACINGS),
    choose_writer: Writer | None = None,
) -> Iterator[RowPicture]:
    """Render rows of 2 to 8 digits on each page in each spacing.

    Args:
        per_kind: Rows for each page and spacing.
        seed: Seed of all random choices. The rows of a kind do not depend on the other kinds.
        pages: Some of `PAGES`.
        spacings: Keys of `SPACINGS`.
        choose_writer: Chooses the style of each row; if None, drawn digits and unseen fonts.
    """
    for page in pages:
        for spacing in spacings:
            for number in range(per_kind):
                rng = np.random.default_rng((seed, PAGES.index(page), list(SPACINGS).index(spacing), number))
                length = LEAST_DIGITS + number % (MOST_DIGITS - LEAST_DIGITS + 1)
                digits = rng.integers(0, 10, length)
                writer = (choose_writer or choose_own_writer)(rng)
                data = take_row(digits, KINDS[page], SPACINGS[spacing], rng, make_shape=writer)
                yield RowPicture(data, "".join(map(str, digits)), page, spacing)


def choose_own_writer(rng: np.random.Generator) -> ShapeMaker:
    """Choose a handwriting style of `strokes.py` (75 %) or a font that was not used for training (25 %)."""
    hand = int(rng.integers(-1, len(OTHER_HANDS)))
    faces = font_faces("test")
    face = faces[rng.integers(len(faces))]
    if rng.random() < 0.75:
        return lambda digit, rng, _: shape_from_strokes(digit, rng, hand=None if hand < 0 else hand)
    return lambda digit, rng, has_outline: shape_from_font(face, digit, rng, has_outline=has_outline)


def take_row(
    digits: Sequence[int] | np.ndarray,
    kind: PictureKind,
    gaps: tuple[float, float],
    rng: np.random.Generator,
    *,
    make_shape: ShapeMaker,
) -> bytes:
    """Render one row; see `take_rows`.

    Args:
        digits: From left to right.
        kind: Background, pen, light and camera. A row is rotated by 3 degrees at most.
        gaps: Smallest and largest gap between neighbours, as a fraction of their height.
        rng: Draws everything else.
        make_shape: Makes each digit.
    """
    long_side = int(rng.integers(300, 800) if kind.camera == "drawing" else rng.integers(480, 1100))
    size = (int(long_side * rng.uniform(0.35, 0.8)), long_side)
    shapes = [make_shape(int(digit), rng, kind.pen == "pen") for digit in digits]
    width = draw_width(kind.pen, shapes[0], rng)
    drawn = [rng.uniform(*gaps) for _ in digits]
    scales = rng.uniform(0.9, 1.1, len(shapes))
    extents = np.array([_extent(shape, width) for shape in shapes]) * scales[:, np.newaxis]
    length = float((extents[:, 1] - extents[:, 0]).sum() + sum(drawn[1:]))
    pixels = float(min(size[1] * rng.uniform(0.5, 0.88) / length, size[0] * rng.uniform(0.35, 0.6)))
    if gaps[0] > 0:
        drawn = [max(gap, LEAST_GAP_PIXELS / pixels) for gap in drawn]
        length = float((extents[:, 1] - extents[:, 0]).sum() + sum(drawn[1:]))
    room = [
        max(0.0, side / 2 - (0.55 * part) * pixels - 0.06 * side)
        for side, part in zip(size, (1.2, length), strict=True)
    ]
    centre = tuple(side / 2 + rng.uniform(-1, 1) * free for side, free in zip(size, room, strict=True))
    tilt = min(kind.tilt_degrees, 3.0)
    view = look_at_page(size, (centre[0], centre[1]), pixels, rng, tilt_degrees=tilt)
    ink, left = np.zeros(size, np.float32), -length / 2
    for shape, scale, extent, gap in zip(shapes, scales, extents, [*drawn[1:], 0.0], strict=True):
        ink = np.maximum(ink, _place(shape, view, left - extent[0], rng.uniform(-0.06, 0.06), scale, width))
        left += extent[1] - extent[0] + gap
    return photograph_ink(ink, view, replace(kind, tilt_degrees=tilt), rng)


def _extent(shape: DigitShape, width: float) -> tuple[float, float]:
    """Return the left and right end of the ink, from the middle of the box, in units of the digit's height."""
    columns = np.flatnonzero((shape.distance < width / 2).any(0))
    middle = len(shape.distance) / 2 - 0.5
    return (columns[0] - middle) / DIGIT_PIXELS, (columns[-1] - middle) / DIGIT_PIXELS


def _place(shape: DigitShape, view: View, u: float, v: float, scale: float, width: float) -> Floats:
    """Render one digit's ink with its middle at (u, v) on the page."""
    across, down = ((view.u - u) / scale).astype(np.float32), ((view.v - v) / scale).astype(np.float32)
    return shape.coverage(across, down, width=width / scale, pixels=view.digit_pixels * scale)
