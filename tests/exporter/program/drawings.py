"""Drawings that the project makes itself: what Python, C and WebAssembly must read to the same bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]

REASONS: Final = (None, "blank", "too small")
"""By the code that edge_mnist_read_drawing() returns."""

Answer = tuple[str | None, bytes]
"""Why a drawing cannot be read, or None; and its 784 pixels."""

SIDES: Final = (28, 45, 63, 64, 100, 280, 511, 512, 700, 1000)
"""The median filter begins at 64 pixels, reducing at 512."""

BRUSHES: Final = (0.012, 0.03, 0.08, 0.16)
"""Widths of strokes, as fractions of the side: the first two are widened."""

GREYS: Final = ((255, 0), (0, 255), (200, 90), (60, 180), (128, 100))
"""Background and ink."""


def draw_strokes(size: tuple[int, int], points: Any, brush: float, greys: tuple[int, int]) -> Grey:
    """Draw a line with soft edges through points, 0..1 of a picture of (height, width), in (row, column)."""
    height, width = size
    rows, columns = np.mgrid[:height, :width].astype(np.float32) + 0.5
    corners = np.asarray(points, np.float32) * (height, width)
    far = np.full(size, np.inf, np.float32)
    for start, end in pairwise(corners):
        step = end - start
        along = ((rows - start[0]) * step[0] + (columns - start[1]) * step[1]) / max(float(step @ step), 1e-6)
        along = np.clip(along, 0, 1)
        far = np.minimum(far, np.hypot(rows - start[0] - along * step[0], columns - start[1] - along * step[1]))
    ink = np.clip(brush * max(size) / 2 + 0.5 - far, 0, 1)
    background, full = greys
    return np.rint(background + ink * (full - background)).astype(np.uint8)


SEVEN: Final = ((0.2, 0.3), (0.2, 0.7), (0.8, 0.45))
TWO: Final = ((0.3, 0.3), (0.2, 0.5), (0.35, 0.68), (0.75, 0.3), (0.75, 0.7))


def make_drawings() -> dict[str, Grey]:
    """Every drawing of the set by name, uint8, shape (H, W)."""
    found = {}
    for number, side in enumerate(SIDES):
        for index, brush in enumerate(BRUSHES):
            greys = GREYS[(number + index) % len(GREYS)]
            size = (side, side) if index % 2 else (side, max(1, side * 2 // 3))
            name = f"{size[1]} x {size[0]}, brush {brush}, {greys[1]} on {greys[0]}"
            found[name] = draw_strokes(size, (SEVEN, TWO)[index % 2], brush, greys)
    rng = np.random.default_rng(3)
    white = np.full((60, 40), 255, np.uint8)
    one_pixel, corner = white.copy(), white.copy()
    one_pixel[20, 30], corner[0, 0] = 0, 0
    found |= {
        "blank": white,
        "blank but for contrast 23": np.where(np.eye(40, dtype=bool), 232, 255).astype(np.uint8),
        "contrast 24": np.where(np.eye(40, dtype=bool), 231, 255).astype(np.uint8),
        "one pixel": one_pixel,
        "one pixel in a corner": corner,
        "1 x 1": np.zeros((1, 1), np.uint8),
        "2 x 2": np.array([[0, 255], [255, 255]], np.uint8),
        "a row": np.where(np.arange(300) % 90 < 30, 10, 240).astype(np.uint8)[np.newaxis],
        "a column": np.where(np.arange(700) % 90 < 30, 10, 240).astype(np.uint8)[:, np.newaxis],
        "two rows": rng.integers(0, 256, (2, 77), dtype=np.uint8),
        "noise": rng.integers(0, 256, (90, 90), dtype=np.uint8),
        "checkerboard": (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8),
        "stroke along the edges": np.pad(np.full((50, 50), 255, np.uint8), 5),
        "outlined ring": draw_strokes((200, 200), _circle(0.35), 0.3, (255, 0))
        + (255 - draw_strokes((200, 200), _circle(0.35), 0.27, (255, 0))),
        "huge": draw_strokes((2000, 1300), SEVEN, 0.02, (250, 20)),
        "wide": draw_strokes((40, 3000), TWO, 0.004, (250, 20)),
        "speckled": _speckle(draw_strokes((120, 120), TWO, 0.06, (230, 30)), rng),
        "on a slope of grey": (draw_strokes((150, 150), SEVEN, 0.05, (220, 20)) - np.arange(150) // 10).astype(
            np.uint8
        ),
    }
    return found


def make_random_drawings(n: int, seed: int) -> Iterator[Grey]:
    """Noise, blocks, dots and strokes of any size up to 1,200 pixels, seldom large; each uint8, shape (H, W)."""
    rng = np.random.default_rng(seed)
    for number in range(n):
        longest = (30, 30, 100, 300)[number % 4] if number % 40 else 1200
        height, width = (int(side) for side in np.exp(rng.uniform(0, np.log(longest), 2)))
        kind = number % 5
        if kind == 0:
            drawing = rng.integers(0, 256, (height, width))
        elif kind == 1:
            drawing = rng.choice([rng.integers(256), rng.integers(256)], (height, width), p=[0.9, 0.1])
        elif kind == 2:
            drawing = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1)).repeat(8, 0).repeat(8, 1)[:height, :width]
        elif kind == 3:
            drawing = np.full((height, width), rng.integers(256))
            drawing[rng.integers(height), rng.integers(width)] = rng.integers(256)
        else:
            points = rng.uniform(0, 1, (rng.integers(2, 5), 2))
            drawing = draw_strokes((height, width), points, rng.uniform(0, 0.2), (*rng.integers(0, 256, 2),))
        yield drawing.astype(np.uint8)


def pack(drawings: Iterable[Grey]) -> bytes:
    """Width and height as int32, and the grey levels, of each."""
    return b"".join(np.array(drawing.shape[::-1], np.int32).tobytes() + drawing.tobytes() for drawing in drawings)


def unpack(answers: bytes) -> list[Answer]:
    """A code and 784 pixels of each drawing."""
    return [(REASONS[answers[at]], answers[at + 1 : at + 785]) for at in range(0, len(answers), 785)]


def write_documented_program() -> str:
    """The program of docs/c.md that reads a drawing, for the model `nano`."""
    page = (Path(__file__).parents[3] / "docs" / "c.md").read_text("utf-8")
    program = next(block for block in re.findall(r"```c\n(.*?)```", page, re.DOTALL) if "drawing" in block)
    return re.sub(r"edge_(?=int8|arena|classes|predict)", "nano_", program)


def _circle(radius: float) -> npt.NDArray[np.float64]:
    turns = np.linspace(0, 2 * np.pi, 40)
    return 0.5 + radius * np.stack([np.sin(turns), np.cos(turns)], 1)


def _speckle(drawing: Grey, rng: np.random.Generator) -> Grey:
    return np.where(rng.random(drawing.shape) < 0.02, rng.integers(0, 256, drawing.shape), drawing).astype(np.uint8)
