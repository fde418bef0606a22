"""Recognise enlarged or inverted 28 x 28 tensors, as notebooks, screenshots and apps save MNIST's digits.

A picture is an enlarged tensor if shrinking it to 28 x 28 and enlarging it again gives the same picture. The tensor is
then read as it would be alone: a background is taken away, and nothing else changes. The rules for other pictures do
not apply: a stroke may touch the edge without being cut off.

A digit that is small or off the place of MNIST's is normalised instead, like any drawing. A larger one, and one that
something else disturbs, fill the frame, and stay as they are: normalised, they would be read less often.

A saved figure has a margin of the opposite brightness around the picture, which is cropped first.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge_mnist_runtime.preprocess import PREPROCESS, ink_box
from edge_mnist_runtime.reading.filters import Floats, max_within, min_within
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.tensor_background import has_bright_ink, take_background_away
from edge_mnist_runtime.tensor import TENSOR, Pixels, has_dark_corners

ENLARGEMENT: Final = PICTURE_READING.enlargement

SIDE: Final = PREPROCESS.side_pixels

KERNELS: Final = (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
"""Resampling filters that may have enlarged the picture."""


def find_enlarged_tensor(picture: Image.Image) -> tuple[Pixels, bool] | None:
    """Find the tensor that a picture was enlarged from.

    Args:
        picture: Upright, mode L or RGB.

    Returns:
        The tensor, uint8, shape (28, 28), bright ink on black, and whether the picture is light on dark. None if the
        picture has more detail than an enlarged tensor, or its digit is small or off the place of MNIST's.
    """
    picture = _without_margin(picture)
    if picture.width != picture.height or picture.width < SIDE:
        return None
    grey = picture.convert("L")
    if not _may_be_enlarged(grey):
        return None
    levels = _shrink(np.asarray(grey, np.float32))
    if levels is None or np.ptp(levels) < PICTURE_READING.drawing.min_contrast_levels:
        return None
    found = _find_bright_ink(levels)
    return None if found is None or not found[0].any() or is_out_of_place(found[0]) else found


def _may_be_enlarged(grey: Image.Image) -> bool:
    """Whether a few rows of a square picture, mode L, are enlarged; it rules out nearly every other picture."""
    side, n = grey.width, ENLARGEMENT.first_rows
    rows = np.asarray(grey)[(np.arange(n) * 2 + 1) * side // (2 * n)].astype(np.float32)
    return any(_worst_row(rows, kernel) <= ENLARGEMENT.max_row_error_levels for kernel in KERNELS)


def _worst_row(rows: Floats, kernel: Image.Resampling) -> float:
    """The largest RMS error of rows, shape (N, S), against 28 pixels each, enlarged by one kernel.

    Edges between pixels may be off by `edge_shift_pixels`.
    """
    levels = np.clip(_at_centres(rows.T).T @ _sharpening(rows.shape[1], kernel).T, 0, 255)
    enlarged = np.asarray(Image.fromarray(levels.astype(np.float32)).resize(rows.shape[::-1], kernel))
    shifts = range(-ENLARGEMENT.edge_shift_pixels, ENLARGEMENT.edge_shift_pixels + 1)
    errors = np.min([np.abs(rows - np.roll(np.clip(enlarged, 0, 255), shift, 1)) for shift in shifts], axis=0)
    return float(np.sqrt(np.square(errors).mean(1).max()))


def _find_bright_ink(levels: Pixels) -> tuple[Pixels, bool] | None:
    """The tensor in 28 x 28 grey levels, and whether they are light on dark; None if no ink stands out."""
    ways = ((levels, True), (255 - levels, False))
    # Ink that stands out from the border tells the polarity; if both or none does, the corners tell it.
    for may_be in (has_bright_ink, _has_dark_corners):
        for pixels, light_on_dark in ways:
            if may_be(pixels.reshape(TENSOR)):
                return take_background_away(pixels.reshape(TENSOR)).reshape(SIDE, SIDE), light_on_dark
    return None


def _has_dark_corners(image: Pixels) -> bool:
    return has_dark_corners(image.tobytes())


def _without_margin(picture: Image.Image) -> Image.Image:
    """Crop an even margin of the opposite brightness; return the picture unchanged if its inside is no rectangle."""
    if min(picture.size) < SIDE:
        return picture
    # 784 sampled pixels rule out nearly every other picture.
    first = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.NEAREST).convert("L"))
    border = np.concatenate((first[0], first[-1], first[:, 0], first[:, -1]))
    margin = int(np.median(border))
    inside = _differs(first, margin)
    if int(np.ptp(border)) > PICTURE_READING.drawing.even_levels or not inside.any():
        return picture
    rectangle = inside[ink_box(inside.view(np.uint8)).slices]
    if not rectangle[np.ix_((0, -1), (0, -1))].all():
        return picture
    found = picture.crop(ink_box(_differs(np.asarray(picture.convert("L")), margin).view(np.uint8)))
    side = min(found.size)
    # Plotting programs round width and height separately, so a square may be one pixel off.
    return found.resize((side, side), Image.Resampling.NEAREST) if max(found.size) == side + 1 else found


def _differs(pixels: Pixels, level: int) -> npt.NDArray[np.bool_]:
    return np.abs(pixels.astype(np.int16) - level) >= ENLARGEMENT.min_margin_contrast_levels


def is_out_of_place(pixels: Pixels) -> bool:
    """Whether a tensor, uint8, shape (28, 28), shows a digit that is smaller than MNIST's, or not in their place."""
    return ink_box(pixels).long_side <= PREPROCESS.ink_side_pixels and not lies_as_in_mnist(pixels)


def lies_as_in_mnist(pixels: Pixels) -> bool:
    """Whether the ink, uint8, shape (28, 28), is 20 pixels long and its centre of mass central."""
    if int(pixels.max()) < PICTURE_READING.drawing.min_contrast_levels:
        return False
    off_side = abs(ink_box(pixels).long_side - PREPROCESS.ink_side_pixels)
    if off_side > ENLARGEMENT.max_off_side_pixels:
        return False
    positions, mass = np.arange(SIDE), int(pixels.sum())
    off_centre = max(abs(int(pixels.sum(axis) @ positions) / mass - PREPROCESS.centre_pixel) for axis in (0, 1))
    return off_centre <= ENLARGEMENT.max_off_centre_pixels


def _shrink(values: Floats) -> Pixels | None:
    """Find the 28 x 28 pixels that a picture, shape (S, S), was enlarged from; None if there are none.

    Inverts each resampling filter, keeps the best one, and refines its result until the error stops falling.
    """
    nothing = np.zeros((SIDE, SIDE), np.float32)
    found = [(_add_missing(nothing, values, values, kernel), kernel) for kernel in KERNELS]
    (levels, residual), kernel = min(found, key=lambda pair: _rms(pair[0][1]))
    smallest = _rms(residual)
    for _ in range(ENLARGEMENT.max_steps if smallest else 0):
        nearer, residual = _add_missing(levels, residual, values, kernel)
        error = _rms(residual)
        if error < smallest:
            levels = nearer
        if error > (1 - ENLARGEMENT.min_gain) * smallest:
            break
        smallest = error
    if kernel == Image.Resampling.NEAREST and len(values) >= ENLARGEMENT.min_shifted_side_pixels:
        smallest = min(smallest, _rms_with_shifted_edges(levels, values))
    return _as_pixels(levels) if smallest <= ENLARGEMENT.max_error_levels else None


def _rms_with_shifted_edges(levels: Floats, values: Floats) -> float:
    """RMS error of a nearest-neighbour enlargement whose edges between pixels may be off by `edge_shift_pixels`."""
    enlarged = Image.fromarray(_as_pixels(levels)).resize(values.shape, Image.Resampling.NEAREST)
    pixels, shift = np.asarray(enlarged), ENLARGEMENT.edge_shift_pixels
    return _rms(values - np.clip(values, min_within(pixels, shift), max_within(pixels, shift)))


def _add_missing(levels: Floats, residual: Floats, values: Floats, kernel: Image.Resampling) -> tuple[Floats, Floats]:
    """One refinement step: add the residual, shape (S, S), to the 28 x 28 levels; return both anew."""
    sharpen = _sharpening(len(values), kernel)
    levels = np.clip(levels + sharpen @ _at_centres(_at_centres(residual).T).T @ sharpen.T, 0, 255)
    enlarged = Image.fromarray(_as_pixels(levels)).resize(values.shape, kernel)
    return levels, values - np.asarray(enlarged, np.float32)


def _at_centres(values: Floats) -> Floats:
    """Sample (S, W) at the centres of 28 equal strips: shape (28, W). Between two rows it is their mean."""
    centres = (np.arange(SIDE) + 0.5) * (len(values) / SIDE) - 0.5
    at: Floats = (values[np.floor(centres).astype(np.intp)] + values[np.ceil(centres).astype(np.intp)]) / 2
    return at


@lru_cache(maxsize=8)
def _sharpening(side: int, kernel: Image.Resampling) -> Floats:
    """The matrix, shape (28, 28), that inverts the enlargement of 28 values to `side`, sampled at the centres."""
    enlarged = Image.fromarray(np.eye(SIDE, dtype=np.float32)).resize((SIDE, side), kernel)
    return np.linalg.pinv(_at_centres(np.asarray(enlarged)))


def _as_pixels(levels: Floats) -> Pixels:
    return np.rint(levels).astype(np.uint8)


def _rms(residual: Floats) -> float:
    """Root mean square, in grey levels."""
    return float(np.sqrt(np.vdot(residual, residual) / residual.size))
