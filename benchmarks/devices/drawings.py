"""Reads drawings on emulated Cortex-M processors, and compares the pixels with Python's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.devices.chips import CHIPS, Chip, Run, read_on_chip
from edge_mnist_exporter.program.drawing import write_drawing_files
from edge_mnist_runtime.reading.reader import read_picture
from edge_mnist_trainer.augment.strokes import draw_ink

RUNS: Final = (
    *((chip, 48, ("-O2",)) for chip in CHIPS),
    (CHIPS[1], 48, ("-Os",)),
    (CHIPS[1], 96, ("-O2",)),
    (CHIPS[1], 200, ("-O2",)),
)
"""Processors, sides of the drawings in pixels, and options. 48 fit into the 16 KiB of a Cortex-M0."""


def draw_drawings(n: int, side: int) -> npt.NDArray[np.uint8]:
    """Digits that the project draws, dark on light and light on dark in turn, uint8, shape (N, side, side)."""
    rng = np.random.default_rng(side)
    drawings = []
    for number in range(n):
        drawn = Image.fromarray(draw_ink(number % 10, rng)).resize((side * 3 // 4, side * 3 // 4), Image.Resampling.BOX)
        canvas = np.full((side, side), 10, np.uint8)
        at = side // 8
        canvas[at : at + drawn.height, at : at + drawn.width] = np.maximum(np.asarray(drawn), 10)
        drawings.append(255 - canvas if number % 2 else canvas)
    return np.stack(drawings)


def run_drawings(chip: Chip, side: int, flags: tuple[str, ...], folder: Path, *, n: int = 20) -> tuple[Run, int]:
    """Read drawings on a chip.

    Returns:
        The run, and how many drawings got other pixels than by Python, or were not read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_drawing_files(folder)
    drawings = draw_drawings(n, side)
    run = read_on_chip(chip, folder, drawings, folder / f"{chip.cpu}-{side}", flags=flags)
    expected = [b"\0" + read_picture(Image.fromarray(drawing), mode="mnist").pixels.tobytes() for drawing in drawings]
    return run, sum(found.tobytes() != wanted for found, wanted in zip(run.scores, expected, strict=True))


def read_drawings(folder: Path) -> tuple[list[str], int]:
    """Rows of a table, one for each of `RUNS`, and how many drawings differed in all."""
    rows, differing_in_all = [], 0
    for chip, side, flags in RUNS:
        run, differing = run_drawings(chip, side, flags, folder)
        rows.append(
            f"| {side} x {side} | {chip.name} | {' '.join(flags)} | {differing} of {len(run.scores)} | "
            f"{run.million_instructions:.2f} | {run.flash_bytes:,} | {count_workspace_bytes(side):,} | "
            f"{run.stack_bytes} |"
        )
        differing_in_all += differing
        print(rows[-1], flush=True)
    return rows, differing_in_all


def count_workspace_bytes(side: int) -> int:
    """EDGE_MNIST_DRAWING_WORDS of a square drawing below 512 pixels, in bytes."""
    room = side + 2 * (side // 20 + 2)
    return 4 * (6 * room + 560 + (room * room + 3) // 4)
