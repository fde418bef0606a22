"""Normalise ink to the tensor that the network reads.

Training, calibration, evaluation and the device all use this definition. Its version and hash are stored in every
artefact, and the runtime refuses an artefact made for another definition.

The steps are MNIST's own (LeCun et al., 1998):

1. Crop the ink to its tight box.
2. Scale the box with anti-aliasing so that its long side is 20 pixels.
3. Paste it into 28 x 28 pixels so that the ink's centre of mass falls on pixel 14.

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

MAX_PRODUCTS: Final = 100_000
"""Multiplications up to which every build of OpenBLAS computes a matrix product in one thread."""


@dataclass(frozen=True)
class PreprocessDefinition:
    """The parameters that decide which tensor ink becomes."""

    version: int = 1
    """Raised with every change of a step or parameter."""
    side_pixels: int = 28
    """Height and width of the tensor."""
    ink_side_pixels: int = 20
    """Long side of the ink's box in the tensor."""
    centre_pixel: float = 14.0
    """Row and column of the ink's centre of mass, rounded to whole pixels."""
    working_side_pixels: int = 256
    """Larger pictures are averaged down until their long side is below twice this, before the ink is searched."""
    least_contrast: int = 24
    """Minimum contrast of ink and background in grey levels. A picture with less is blank."""
    floor_part: float = 0.3
    """Fraction of Otsu's threshold below which grey levels are background and become black."""
    full_percentile: float = 90.0
    """Percentile of the ink's grey levels that becomes 255."""
    median_filter_from_pixels: int = 64
    """Long side from which pictures pass a 3 x 3 median filter, which removes single noisy pixels."""

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
    scale = PREPROCESS.ink_side_pixels / max(box.shape)
    height, width = (max(1, round(side * scale)) for side in box.shape)
    rows = _multiply(_resampling_weights(box.shape[0], height), box)
    small = rows @ _resampling_weights(box.shape[1], width).T
    small = np.clip(small, 0, 255)  # the kernel overshoots at edges
    small *= 255 / max(1.0, float(small.max()))
    pixels = np.zeros((PREPROCESS.side_pixels, PREPROCESS.side_pixels), np.uint8)
    y, x = (_paste_offset(small.sum(axis), size) for axis, size in ((1, height), (0, width)))
    pixels[y : y + height, x : x + width] = np.rint(small)
    return pixels


def _resampling_weights(n_from: int, n_to: int) -> npt.NDArray[np.float32]:
    """Bicubic weights with anti-aliasing along one axis, float32, shape (n_to, n_from); each row sums to 1.

    The kernel is that of Keys (1981) with a = -1/2, stretched if the axis shrinks. Pillow's is the same, but its
    rounding differs between versions by up to 8 grey levels, and a device must see what training saw.
    """
    stretch = max(1.0, n_from / n_to)
    centres = (np.arange(n_to) + 0.5) * (n_from / n_to) - 0.5
    x = np.abs(np.arange(n_from) - centres[:, np.newaxis]) / stretch
    weights = np.where(x < 1, (1.5 * x - 2.5) * x * x + 1, np.where(x < 2, ((2.5 - 0.5 * x) * x - 4) * x + 2, 0.0))
    weights /= weights.sum(1, keepdims=True)
    return weights.astype(np.float32)


def _multiply(weights: npt.NDArray[np.float32], box: Pixels) -> npt.NDArray[np.float32]:
    """Compute `weights @ box` in blocks of columns so small that OpenBLAS uses one thread.

    For these sizes its threads cost far more processor time than they save, and wait for each other on a busy machine.
    """
    n = max(1, MAX_PRODUCTS // weights.size)
    return np.concatenate([weights @ box[:, at : at + n] for at in range(0, box.shape[1], n)], axis=1)


def _paste_offset(mass: npt.NDArray[np.float32], size: int) -> int:
    """Offset along one axis that puts the centre of `mass` on the centre pixel, limited to the frame."""
    centre = float(np.arange(size) @ mass / mass.sum())
    return min(max(round(PREPROCESS.centre_pixel - centre), 0), PREPROCESS.side_pixels - size)


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
    counts = np.bincount(values.reshape(-1), minlength=256).astype(np.float64)
    weight = counts.cumsum()
    mass = (counts * np.arange(256)).cumsum()
    apart = weight * (weight[-1] - weight)
    between = np.full(256, -1.0)
    np.divide((mass[-1] * weight - mass * weight[-1]) ** 2, apart, out=between, where=apart > 0)
    return int(between[:-1].argmax())
