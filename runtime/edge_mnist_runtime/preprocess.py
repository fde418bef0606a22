"""Normalise ink to the tensor that the network reads.

Training, calibration, evaluation and the device all use this definition. Its version and hash are stored in every
artefact, and the runtime refuses an artefact made for another definition.

The steps are MNIST's own (LeCun et al., 1998):

1. Crop the ink to its tight box.
2. Scale the box with anti-aliasing so that its long side is 20 pixels.
3. Paste it into 28 x 28 pixels so that the ink's centre of mass falls on pixel 14.

All steps compute with integers, so every processor gives the same 784 bytes. `edge_mnist_drawing.c`, which the exporter
writes beside C programs, computes the same; a change here needs the same change there. Divisions
round down if they do not say otherwise.

The other parameters are for finding the ink of a clean drawing (`reading/drawing.py`): reduce the picture, take the
background and polarity from its border, and subtract the background. Otsu's threshold only sets the box and the black
level; grey levels are kept.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.box import Box
from edge_mnist_runtime.errors import PictureError
from edge_mnist_runtime.tensor import Pixels

Integers = npt.NDArray[np.int64]

MAX_PRODUCTS: Final = 100_000
"""Multiplications up to which every build of OpenBLAS computes a matrix product in one thread."""


@dataclass(frozen=True)
class PreprocessDefinition:
    """The parameters that decide which tensor ink becomes."""

    version: int = 2
    """Raised with every change of a step or parameter. Version 1 computed with floats. Its tensors are alike, so models
    made for it are read, too: `contract.READABLE_PREPROCESS_SHA256`, measured in docs/measurements.md."""
    side_pixels: int = 28
    """Height and width of the tensor."""
    ink_side_pixels: int = 20
    """Long side of the ink's box in the tensor."""
    centre_pixel: int = 14
    """Row and column of the ink's centre of mass, rounded to whole pixels."""
    working_side_pixels: int = 256
    """Larger pictures are averaged down until their long side is below twice this, before the ink is searched."""
    least_contrast: int = 24
    """Minimum contrast of ink and background in grey levels. A picture with less is blank."""
    floor_percent: int = 30
    """Percentage of Otsu's threshold below which grey levels are background and become black."""
    full_percentile: int = 90
    """Percentile of the ink's grey levels that becomes 255."""
    median_filter_from_pixels: int = 64
    """Long side from which single noisy pixels are removed. The name is older: it was a median filter, which removed
    lines of one pixel, too. Names are part of the hash."""
    kernel_bits: int = 9
    """Positions in the resampling kernel are in units of 1 / 2**9 of its step. Its values then fit into int32."""
    weight_bits: int = 22
    """Resampling weights are in units of 1 / 2**22. Their sums of bytes then fit into int32."""
    level_bits: int = 8
    """Resampled grey levels are in units of 1 / 2**8."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the canonical JSON of all parameters, as stored in artefacts."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """For manifests and model metadata."""
        return {"version": self.version, "sha256": self.sha256}


PREPROCESS: Final = PreprocessDefinition()
"""The only definition that this version of edge-mnist knows."""


def normalise_ink(ink: Pixels, *, origin: str = "picture") -> Pixels:
    """Give ink the size and position of MNIST's digits.

    Args:
        ink: Bright ink on a background of exactly 0, uint8, shape (H, W).
        origin: Name of the picture in error messages.

    Returns:
        The tensor, uint8, shape (28, 28).

    Raises:
        PictureError: There is no ink.
    """
    if ink.size == 0 or int(ink.max()) < PREPROCESS.least_contrast:
        raise PictureError(f"{origin}: blank, no ink found; expected a picture of one digit")
    box = ink[ink_box(ink).slices]
    long_side = max(box.shape)
    height, width = (max(1, _divide_nearest(side * PREPROCESS.ink_side_pixels, long_side)) for side in box.shape)
    rows = _multiply(_resampling_weights(box.shape[0], height), box)
    rows = _shift_nearest(rows, PREPROCESS.weight_bits - PREPROCESS.level_bits)
    small = _multiply(rows, _resampling_weights(box.shape[1], width).T)
    small = _shift_nearest(small, PREPROCESS.weight_bits)
    small = np.clip(small, 0, 255 << PREPROCESS.level_bits)  # the kernel overshoots at edges
    pixels = np.zeros((PREPROCESS.side_pixels, PREPROCESS.side_pixels), np.uint8)
    y, x = (_paste_offset(small.sum(axis), size) for axis, size in ((1, height), (0, width)))
    peak = max(1 << PREPROCESS.level_bits, int(small.max()))
    pixels[y : y + height, x : x + width] = _divide_nearest(small * 255, peak)
    return pixels


def _divide_nearest(dividend: Any, divisor: Any) -> Any:
    """The nearest integer to a quotient of integers, or of arrays of them; of two the even one."""
    nearest, rest = divmod(2 * dividend + divisor, 2 * divisor)
    return nearest - ((rest == 0) & nearest & 1)


def _shift_nearest(values: Integers, bits: int) -> Integers:
    """Divide by 2**bits, to the nearest integer; of two to the greater one."""
    return (values + (1 << bits - 1)) >> bits


def _resampling_weights(n_from: int, n_to: int) -> Integers:
    """Bicubic weights with anti-aliasing along one axis, int64, shape (n_to, n_from); each row sums to about 2**22.

    The kernel is that of Keys (1981) with a = -1/2, stretched if the axis shrinks. Pillow's is the same, but its
    rounding differs between versions by up to 8 grey levels, and a device must see what training saw.
    """
    one = 1 << PREPROCESS.kernel_bits
    # Centres of old pixel j and new pixel i are at (j + 1/2) / n_from and (i + 1/2) / n_to of the axis.
    longer = max(n_from, n_to)
    old, new = 2 * np.arange(n_from, dtype=np.int64) + 1, 2 * np.arange(n_to, dtype=np.int64)[:, np.newaxis] + 1
    x = (np.abs(old * n_to - new * n_from) * one + longer) // (2 * longer)
    near, far = (3 * x - 5 * one) * x * x + 2 * one**3, ((5 * one - x) * x - 8 * one**2) * x + 4 * one**3
    kernel = np.where(x < one, near, np.where(x < 2 * one, far, 0))
    weights: Integers = _divide_nearest(kernel << PREPROCESS.weight_bits, kernel.sum(1, keepdims=True))
    return weights


def _multiply(left: Integers, right: npt.NDArray[Any]) -> Integers:
    """Compute `left @ right` in blocks of columns so small that OpenBLAS uses one thread.

    For these sizes its threads cost far more processor time than they save, and wait for each other on a busy machine.
    BLAS has no integers, but float64 holds these sums (below 2**40) exactly, whatever the order of addition.
    """
    n = max(1, MAX_PRODUCTS // left.size)
    blocks = [left.astype(np.float64) @ right[:, at : at + n] for at in range(0, right.shape[1], n)]
    return np.concatenate(blocks, axis=1).astype(np.int64)


def _paste_offset(mass: Integers, size: int) -> int:
    """Offset along one axis that puts the centre of `mass` on the centre pixel, limited to the frame."""
    total = max(1, int(mass.sum()))
    offset: int = _divide_nearest(PREPROCESS.centre_pixel * total - int(np.arange(size) @ mass), total)
    return min(max(offset, 0), PREPROCESS.side_pixels - size)


def ink_box(ink: Pixels) -> Box:
    """The box around all ink above half of Otsu's threshold."""
    return mask_box(ink > otsu_threshold(ink) / 2)


def mask_box(mask: npt.NDArray[np.bool_]) -> Box:
    """The box around a mask, shape (H, W), which must not be empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def otsu_threshold(values: npt.NDArray[np.uint8]) -> int:
    """Otsu's threshold (1979): the grey level that best divides `values`, uint8, any shape, into two classes.

    Returns:
        The largest level of the lower class, 0..254. The upper class is `values > threshold`; it is not empty if
        `values` has two levels.
    """
    counts = np.bincount(values.reshape(-1), minlength=256).astype(np.int64)
    weight = counts.cumsum()
    mass = (counts * np.arange(256)).cumsum()
    # The variance between the classes is, times a constant, apart**2 / spread.
    apart, spread = mass[-1] * weight - mass * weight[-1], weight * (weight[-1] - weight)
    between = np.zeros(256)
    np.divide(apart.astype(np.float64) ** 2, spread, out=between, where=spread > 0)
    # Floats find the few levels that may be the best; exact integers decide, and the first of equals wins.
    is_near = (between >= between[:-1].max() * (1 - 1e-12)) & (spread > 0) & (counts > 0)
    best, *others = np.flatnonzero(is_near).tolist() or [0]
    for level in others:
        if int(apart[level]) ** 2 * int(spread[best]) > int(apart[best]) ** 2 * int(spread[level]):
            best = level
    return int(best)
