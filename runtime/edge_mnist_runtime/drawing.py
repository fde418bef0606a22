"""Clean drawings: one even ground, the digit's ink on it, nothing else."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from edge_mnist_runtime.components import label_components
from edge_mnist_runtime.errors import PictureError
from edge_mnist_runtime.ink import choose_parts
from edge_mnist_runtime.levels import otsu_threshold, quantile
from edge_mnist_runtime.picture_definition import PICTURE_READING
from edge_mnist_runtime.preprocess import PREPROCESS, Pixels

Number = TypeVar("Number", np.uint8, np.int16)


def subtract_ground(grey: Image.Image, *, origin: str) -> tuple[Pixels, bool]:
    """Subtract a ground that is the same everywhere, the median of the border.

    Args:
        grey: Mode L.
        origin: Where it is from, for error messages.

    Returns:
        The ink, uint8, shape (H, W), bright on exactly 0, and whether it is lighter than its ground.

    Raises:
        PictureError: The picture is blank.
    """
    if max(grey.size) >= PREPROCESS.median_filter_from_pixels:
        grey = grey.filter(ImageFilter.MedianFilter(3))
    values = np.asarray(grey, np.int16)
    ground = float(quantile(_border(values), 0.5))
    darker, lighter = ground - float(values.min()), float(values.max()) - ground
    if max(darker, lighter) < PREPROCESS.least_contrast:
        raise PictureError(f"{origin}: blank, no ink found; expected a picture of one digit")
    contrast = np.clip(ground - values if darker >= lighter else values - ground, 0, 255)
    threshold = otsu_threshold(contrast.astype(np.uint8))
    floor = PREPROCESS.floor_part * threshold
    full = float(quantile(contrast[contrast > threshold], PREPROCESS.full_percentile / 100))
    ink: Pixels = np.clip((contrast - floor) * (255 / (full - floor)), 0, 255).astype(np.uint8)
    return ink, darker < lighter


def has_even_border(values: npt.NDArray[np.uint8]) -> bool:
    """Whether nothing crosses the edges of a picture, shape (H, W) or (H, W, C), and the light there is the same."""
    border = _border(values).astype(np.int16)
    off = np.abs(border - np.sort(border, axis=0)[len(border) // 2]) > PICTURE_READING.even_levels
    return bool(off.mean() < 0.002)


def is_clean(grey: Image.Image, ink: Pixels) -> bool:
    """Whether a picture is a digit on an even ground and nothing else, so that its ink is what `subtract_ground` found.

    Args:
        grey: Mode L, of any size.
        ink: What `subtract_ground` made of it.
    """
    values = np.asarray(grey, np.int16)
    if not has_even_border(np.asarray(grey)):
        return False
    off = np.abs(values - int(quantile(_border(values), 0.5)))
    if off.max() < PICTURE_READING.clear_levels:
        return False
    strokes = ink > 64
    # Next to strokes grey is their soft edge; elsewhere it would be shade, lines or another pen.
    elsewhere = off[~_grown(strokes, 3)]
    if elsewhere.size and (elsewhere > 2 * PICTURE_READING.even_levels).mean() > 0.001:
        return False
    parts = label_components(strokes)
    chosen = choose_parts(parts, parts.sums(ink.astype(np.float32)), ink.shape)
    return bool(chosen.all())


def _border(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    return np.concatenate([values[0], values[-1], values[1:-1, 0], values[1:-1, -1]])


def _grown(mask: npt.NDArray[np.bool_], reach: int) -> npt.NDArray[np.bool_]:
    """The mask and all that is within `reach` pixels of it, in a square."""
    for axis in (0, 1):
        padded = np.pad(mask, [(reach, reach) if axis == side else (0, 0) for side in (0, 1)]).swapaxes(0, axis)
        n = mask.shape[axis]
        mask = np.any([padded[shift : shift + n] for shift in range(2 * reach + 1)], axis=0).swapaxes(0, axis)
    return mask
