"""MNIST's own digits in pictures: enlarged, or dark on light, as notebooks, screenshots and apps save them.

A tensor that was enlarged is the tensor still: shrunk to 28 x 28 and enlarged again, it gives the same picture. Nothing
then needs to be looked for, and nothing that is looked for in pictures speaks against it: a stroke that touches the
frame's edge is MNIST's way, not a digit that was cut off.

Only what lies in the frame as MNIST's digits lie is taken for a tensor. Other small pictures are normalised.

A saved figure has a margin of the other brightness around the picture; it is taken away first.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from edge_mnist_runtime.preprocess import PREPROCESS, ink_box
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.tensor import DARK, Pixels

Levels = npt.NDArray[np.float32]

ENLARGEMENT: Final = PICTURE_READING.enlargement

SIDE: Final = PREPROCESS.side_pixels

KERNELS: Final = (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
"""How pictures are enlarged."""

ONE_AROUND: Final = 3
"""Side of a filter that looks one pixel to each side."""


def find_enlarged_tensor(picture: Image.Image) -> tuple[Pixels, bool] | None:
    """The tensor that a picture is an enlargement of.

    Args:
        picture: Of mode L or RGB, upright.

    Returns:
        uint8, shape (28, 28), bright ink on black; and whether the picture, too, is light on dark. None of a picture
        that shows more than an enlarged tensor does, or a digit that is larger or elsewhere than MNIST's are.
    """
    picture = _without_margin(picture)
    if picture.width != picture.height or picture.width < SIDE:
        return None
    # Nearly every other picture is told by 784 of its pixels.
    first = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.NEAREST).convert("L"))
    corners = first[:: SIDE - 1, :: SIDE - 1]
    light_on_dark = bool((corners < DARK).all())
    if not (light_on_dark or (corners >= DARK).all()) or not _lies_as_in_mnist(
        _bright(first, light_on_dark), ENLARGEMENT.first_look_pixels
    ):
        return None
    shrunk = _shrink(np.asarray(picture.convert("L"), np.float32))
    if shrunk is None:
        return None
    tensor = _bright(shrunk, light_on_dark)
    return (tensor, light_on_dark) if _lies_as_in_mnist(tensor, 0.0) else None


def _without_margin(picture: Image.Image) -> Image.Image:
    """What stands in an even margin of the other brightness, if it is a rectangle; else the picture as it is."""
    if min(picture.size) < SIDE:
        return picture
    # Nearly every other picture is told by 784 of its pixels.
    first = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.NEAREST).convert("L"))
    border = np.concatenate((first[0], first[-1], first[:, 0], first[:, -1]))
    margin = int(np.median(border))
    inside = _differs(first, margin)
    if int(np.ptp(border)) > PICTURE_READING.drawing.even_levels or not inside.any():
        return picture
    rectangle = inside[ink_box(inside.view(np.uint8)).slices]
    if not rectangle[:: len(rectangle) - 1 or 1, :: rectangle.shape[1] - 1 or 1].all():
        return picture
    found = picture.crop(ink_box(_differs(np.asarray(picture.convert("L")), margin).view(np.uint8)))
    side = min(found.size)
    # A plotting program rounds each side by itself.
    return found.resize((side, side), Image.Resampling.NEAREST) if max(found.size) == side + 1 else found


def _differs(pixels: Pixels, level: int) -> npt.NDArray[np.bool_]:
    return np.abs(pixels.astype(np.int16) - level) >= DARK


def _bright(pixels: Pixels, light_on_dark: bool) -> Pixels:
    return pixels if light_on_dark else 255 - pixels


def _lies_as_in_mnist(pixels: Pixels, room: float) -> bool:
    """Whether the ink is 20 pixels long, and its centre of mass on the frame's; `room` is in pixels."""
    if int(pixels.max()) < PICTURE_READING.drawing.min_contrast_levels:
        return False
    off_side = abs(ink_box(pixels).long_side - PREPROCESS.ink_side_pixels)
    mass = pixels.astype(np.float64)
    places = np.arange(SIDE)
    off_centre = max(abs(float(mass.sum(axis) @ places / mass.sum()) - PREPROCESS.centre_pixel) for axis in (0, 1))
    return off_side <= ENLARGEMENT.max_off_side_pixels + room and off_centre <= ENLARGEMENT.max_off_centre_pixels + room


def _shrink(values: Levels) -> Pixels | None:
    """The 28 x 28 pixels that a picture, shape (S, S), is an enlargement of; None where it is none."""
    nothing = np.zeros((SIDE, SIDE), np.float32)
    found = [(_add_missing(nothing, values, values, kernel), kernel) for kernel in KERNELS]
    (levels, missed), kernel = min(found, key=lambda pair: _spread(pair[0][1]))
    least = _spread(missed)
    for _ in range(ENLARGEMENT.max_steps if least else 0):
        nearer, missed = _add_missing(levels, missed, values, kernel)
        spread = _spread(missed)
        if spread < least:
            levels = nearer
        if spread > (1 - ENLARGEMENT.min_gain) * least:
            break
        least = spread
    if kernel == Image.Resampling.NEAREST and len(values) >= ENLARGEMENT.min_shifted_side_pixels:
        least = min(least, _spread_but_edges(levels, values))
    return _as_pixels(levels) if least <= ENLARGEMENT.max_error_levels else None


def _spread_but_edges(levels: Levels, values: Levels) -> float:
    """As `_spread` of what `levels`, repeated, miss; but the edges between them may lie a pixel elsewhere."""
    enlarged = Image.fromarray(_as_pixels(levels)).resize(values.shape, Image.Resampling.NEAREST)
    extremes = ImageFilter.MinFilter(ONE_AROUND), ImageFilter.MaxFilter(ONE_AROUND)
    low, high = (np.asarray(enlarged.filter(extreme), np.float32) for extreme in extremes)
    return _spread(values - np.clip(values, low, high))


def _add_missing(levels: Levels, missed: Levels, values: Levels, kernel: Image.Resampling) -> tuple[Levels, Levels]:
    """28 x 28 levels nearer to what a picture was enlarged from, and what they, enlarged, still miss, shape (S, S)."""
    sharpen = _sharpening(len(values), kernel)
    levels = np.clip(levels + sharpen @ _at_centres(_at_centres(missed).T).T @ sharpen.T, 0, 255)
    enlarged = Image.fromarray(_as_pixels(levels)).resize(values.shape, kernel)
    return levels, values - np.asarray(enlarged, np.float32)


def _at_centres(values: Levels) -> Levels:
    """The rows at the centres of 28 equal strips, shape (28, W), of (S, W); between two rows the mean of them."""
    centres = (np.arange(SIDE) + 0.5) * (len(values) / SIDE) - 0.5
    at: Levels = (values[np.floor(centres).astype(np.intp)] + values[np.ceil(centres).astype(np.intp)]) / 2
    return at


def _sharpening(side: int, kernel: Image.Resampling) -> Levels:
    """What makes the 28 values of a row that was enlarged to `side` from those at the centres, shape (28, 28)."""
    enlarged = Image.fromarray(np.eye(SIDE, dtype=np.float32)).resize((SIDE, side), kernel)
    return np.linalg.pinv(_at_centres(np.asarray(enlarged)))


def _as_pixels(levels: Levels) -> Pixels:
    return np.rint(levels).astype(np.uint8)


def _spread(missed: Levels) -> float:
    """Root of the mean square, in grey levels."""
    return float(np.sqrt(np.vdot(missed, missed) / missed.size))
