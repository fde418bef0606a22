"""Find the ink of clean drawings: a digit on an even background, and nothing else.

`subtract_background` and `normalise_drawing` compute with integers. `edge_mnist_drawing.c`, which the exporter writes
beside C programs, gives the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge_mnist_runtime.preprocess import PREPROCESS, mask_box, normalise_ink, otsu_threshold
from edge_mnist_runtime.reading.components import Mask, label_components
from edge_mnist_runtime.reading.filters import despeckle, max_within, quantile
from edge_mnist_runtime.reading.ink import choose_parts
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.sheets import find_sheet
from edge_mnist_runtime.reading.thin_strokes import widen_thin_drawing
from edge_mnist_runtime.tensor import Pixels

Number = TypeVar("Number", np.uint8, np.int16, np.int32)

DRAWING: Final = PICTURE_READING.drawing


@dataclass(frozen=True)
class DrawnInk:
    """The ink of a picture with an even background."""

    pixels: Pixels
    """Bright ink on exactly 0, uint8, shape (H, W)."""
    light_on_dark: bool
    """Whether the ink is lighter than its background."""
    contrast_levels: npt.NDArray[np.int32]
    """Difference from the background in grey levels, from 0, shape (H, W)."""
    full_level: int
    """That of full ink."""
    contrast: float
    """Fraction 0..1: of the background's light that dark ink takes away, or of its darkness that light ink fills."""


def subtract_background(grey: Image.Image) -> DrawnInk | None:
    """Subtract an even background, the median of the border, from a picture of mode L.

    Returns:
        The ink; None if the picture is blank.
    """
    levels = np.asarray(grey)
    values = (despeckle(levels) if max(grey.size) >= PREPROCESS.median_filter_from_pixels else levels).astype(np.int32)
    background = int(quantile(_border(values), 0.5))
    darker, lighter = background - int(values.min()), int(values.max()) - background
    if max(darker, lighter) < PREPROCESS.least_contrast:
        return None
    contrast = np.maximum(background - values if darker >= lighter else values - background, 0)
    threshold = otsu_threshold(contrast.astype(np.uint8))
    full = int(quantile(contrast[contrast > threshold], PREPROCESS.full_percentile / 100))
    light = max(255 - background if darker < lighter else background, PICTURE_READING.ground.darkest_level)
    pixels = stretch_contrast(contrast, threshold, full)
    return DrawnInk(pixels, darker < lighter, contrast, full, full / light)


def stretch_contrast(contrast: npt.NDArray[np.int32], threshold: int, full: int) -> Pixels:
    """Stretch contrast, in grey levels: what is below a percentage of `threshold` becomes 0, and `full` becomes 255."""
    # In hundredths of a grey level, which the background's limit is given in.
    floor = PREPROCESS.floor_percent * threshold
    pixels: Pixels = np.clip((100 * contrast - floor) * 255 // (100 * full - floor), 0, 255).astype(np.uint8)
    return pixels


def normalise_drawing(ink: Pixels) -> Pixels:
    """The tensor, uint8, shape (28, 28), of the ink of a drawing: bright on exactly 0, uint8, shape (H, W)."""
    return normalise_ink(widen_thin_drawing(ink))


def may_be_drawing(picture: Image.Image) -> bool:
    """Whether the border of a picture, mode L or RGB, has one colour, but for strokes that may touch it."""
    return has_even_border(picture) or may_be_touched(picture)


def has_even_border(picture: Image.Image) -> bool:
    """Whether the border of a picture, mode L or RGB, has one colour: even light, and no ink that crosses an edge."""
    first = np.sort(_sample_row(picture, 0), axis=0)  # it alone rules out most photographs
    tail = len(first) // DRAWING.first_row_tail
    if (first[-1 - tail] - first[tail]).max() > DRAWING.grey_levels:
        return False
    few, border = _read_border(picture)
    return _part_off(few) < DRAWING.max_off_samples and _part_off(border) < DRAWING.max_off_border


def may_be_touched(picture: Image.Image) -> bool:
    """Whether strokes may touch the border of a picture, mode L or RGB, which otherwise has one colour.

    A part of what differs at the border must have the contrast of strokes; the rest are soft edges. Noise and shade
    have less contrast.
    """
    if _is_noisy(_sample_row(picture, 0)) and _is_noisy(_sample_row(picture, picture.height - 1)):
        return False  # as nearly every photograph
    few, border = _read_border(picture)
    if _part_off(few) > DRAWING.max_off_samples:
        return False
    off = _off_median(border)
    n_off = np.count_nonzero(off > DRAWING.even_levels)
    n_strokes = np.count_nonzero(off > DRAWING.min_contrast_levels)
    return bool(n_off <= DRAWING.max_touching * border.size and n_strokes >= DRAWING.min_touching_strokes * n_off)


def _sample_row(picture: Image.Image, y: int) -> Pixels:
    """Some pixels of a row, uint8, shape (N, C)."""
    return _crop_pixels(picture, (0, y, picture.width, y + 1))[:: DRAWING.first_row_step]


def _crop_pixels(picture: Image.Image, box: tuple[int, int, int, int]) -> Pixels:
    """The pixels inside a box, uint8, shape (N, C). An array of the whole picture would copy it."""
    return np.frombuffer(picture.crop(box).tobytes(), np.uint8).reshape(-1, len(picture.mode))


def _is_noisy(row: Pixels) -> bool:
    """Whether most neighbours among sampled pixels, shape (N, C), differ."""
    return bool(2 * np.count_nonzero((row[1:] != row[:-1]).any(1)) > len(row))


def _read_border(picture: Image.Image) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """Some of the border's pixels, and all of them, shape (N, C)."""
    width, height = picture.size
    edges = ((0, 0, width, 1), (0, height - 1, width, height), (0, 1, 1, height - 1), (width - 1, 1, width, height - 1))
    border = np.concatenate([_crop_pixels(picture, edge) for edge in edges if edge[3] > edge[1]]).astype(np.int16)
    return border[:: max(1, len(border) // DRAWING.border_samples)], border


def _off_median(border: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    """How far a border's values, shape (N, C), are from their median, in grey levels."""
    off: npt.NDArray[np.int16] = np.abs(border - np.sort(border, axis=0)[len(border) // 2])
    return off


def _part_off(border: npt.NDArray[np.int16]) -> float:
    """The fraction of a border's values, shape (N, C), that differs from their median."""
    return float((_off_median(border) > DRAWING.even_levels).mean())


def is_clean(grey: Image.Image, ink: Pixels) -> bool:
    """Whether a picture shows a digit on an even background and nothing else.

    Args:
        grey: Mode L, any size.
        ink: Its ink, bright on exactly 0, uint8, shape (H, W): from `subtract_background` or `settle_grey`.
    """
    values = np.asarray(grey, np.int16)
    is_even = has_even_border(grey)
    if not (is_even or may_be_touched(grey)):
        return False
    off = np.abs(values - int(quantile(_border(values), 0.5)))
    if off.max() < DRAWING.min_drawn_levels:
        return False
    strokes = ink > DRAWING.stroke_level
    covered = float(strokes.mean())
    if covered > DRAWING.max_stroke_fraction or _is_sheet(strokes, covered):
        return False  # the border is a frame, and the sheet inside it looks like ink
    # Grey next to strokes is their soft edge. Elsewhere it is shade, lines or another pen.
    reach = max(DRAWING.soft_edge_pixels, round(DRAWING.soft_edge_fraction * max(grey.size)))
    elsewhere = off[~max_within(strokes, reach)]
    if elsewhere.size and (elsewhere > DRAWING.grey_levels).mean() > DRAWING.max_grey_elsewhere:
        return False
    if not is_even:
        from edge_mnist_runtime.reading.border_strokes import are_strokes_at_border  # seldom needed

        return are_strokes_at_border(ink)
    parts = label_components(strokes)
    chosen = choose_parts(parts, parts.sums(parts.pick(ink).astype(np.float32)), ink.shape)
    return bool(chosen.all())


def _is_sheet(strokes: Mask, covered: float) -> bool:
    """Whether strokes, which cover this fraction of the picture, 0..1, are a sheet."""
    if covered < PICTURE_READING.sheets.min_area * PICTURE_READING.sheets.min_fill:
        return False  # as nearly every drawing; no box is needed to see it
    box = mask_box(strokes)
    return find_sheet(strokes, box.width * box.height / strokes.size) is not None


def _border(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    right = values[1:-1, 1:][:, -1:].reshape(-1)  # none in a picture one pixel wide
    return np.concatenate([values[0], values[-1], values[1:-1, 0], right])
