"""The one way from ink to the tensor that the network reads.

Training, calibration, evaluation and the device all use this definition. Its version and parameters are hashed into
every artefact, and the runtime refuses an artefact made for another definition.

The steps are MNIST's own (LeCun et al., 1998): the tight box of the ink, scaled with anti-aliasing so that its long
side is 20 pixels, pasted into 28 x 28 so that the centre of mass of the ink falls on pixel 14. What comes before them
finds the ink: transparency on a contrasting ground, dark-on-light or light-on-dark from the border, the ground
subtracted, Otsu's threshold for the box only, grey levels kept.
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
"""Multiplications of one matrix product that OpenBLAS, in any build, still does in one thread."""


@dataclass(frozen=True)
class PreprocessDefinition:
    """Everything that decides which tensor a picture becomes."""

    version: int = 1
    """Raised with every change of the steps or of a parameter."""
    side_pixels: int = 28
    """Height and width of the tensor."""
    ink_side_pixels: int = 20
    """Long side of the ink's box inside it."""
    centre_pixel: float = 14.0
    """Row and column on which the ink's centre of mass falls, to the nearest whole shift."""
    working_side_pixels: int = 256
    """Larger pictures are averaged down until their long side is below twice this, before the ink is looked for."""
    least_contrast: int = 24
    """A picture whose ink differs from its ground by less, in grey levels, is blank."""
    floor_part: float = 0.3
    """Grey levels below this part of Otsu's threshold are ground, and become black."""
    full_percentile: float = 90.0
    """The percentile of the ink's grey levels that becomes 255."""
    median_filter_from_pixels: int = 64
    """Pictures whose long side reaches this pass a 3 x 3 median filter, which removes single noisy pixels."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the canonical JSON of all parameters: what artefacts carry."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """As manifests and model metadata store it."""
        return {"version": self.version, "sha256": self.sha256}


PREPROCESS: Final = PreprocessDefinition()
"""The definition that this version of edge-mnist uses, and the only one that it knows."""


def normalise_ink(ink: Pixels, *, origin: str = "picture") -> Pixels:
    """Give ink the size and place that MNIST's digits have.

    Args:
        ink: uint8, shape (H, W), bright ink on a ground of exactly 0.
        origin: Where it is from, for error messages.

    Returns:
        uint8, shape (28, 28).

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

    The kernel is that of Keys (1981) with a = -1/2, stretched where the axis shrinks. Pillow has the same one, but
    rounds it otherwise from version to version, by up to 8 grey levels, and a device must see what training saw.
    """
    stretch = max(1.0, n_from / n_to)
    centres = (np.arange(n_to) + 0.5) * (n_from / n_to) - 0.5
    x = np.abs(np.arange(n_from) - centres[:, np.newaxis]) / stretch
    weights = np.where(x < 1, (1.5 * x - 2.5) * x * x + 1, np.where(x < 2, ((2.5 - 0.5 * x) * x - 4) * x + 2, 0.0))
    weights /= weights.sum(1, keepdims=True)
    return weights.astype(np.float32)


def _multiply(weights: npt.NDArray[np.float32], box: Pixels) -> npt.NDArray[np.float32]:
    """`weights @ box`, some columns at a time: of large matrices NumPy makes a matter of many threads.

    Those take far more of the processor than they save, and wait for each other where it is busy.
    """
    n = max(1, MAX_PRODUCTS // weights.size)
    return np.concatenate([weights @ box[:, at : at + n] for at in range(0, box.shape[1], n)], axis=1)


def _paste_offset(mass: npt.NDArray[np.float32], size: int) -> int:
    """Where to paste along one axis so that the centre of `mass` falls on the centre pixel, inside the frame."""
    centre = float(np.arange(size) @ mass / mass.sum())
    return min(max(round(PREPROCESS.centre_pixel - centre), 0), PREPROCESS.side_pixels - size)


def ink_box(ink: Pixels) -> Box:
    """The box of all ink above half of Otsu's threshold."""
    return mask_box(ink > otsu_threshold(ink) / 2)


def mask_box(mask: npt.NDArray[np.bool_]) -> Box:
    """The box of a mask, shape (H, W), that is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def otsu_threshold(values: npt.NDArray[np.uint8]) -> int:
    """The grey level that best parts `values` (uint8, any shape) in two, after Otsu (1979).

    Returns:
        The largest level of the lower class, in 0..254: `values > threshold` is the upper class, never empty where
        two levels occur.
    """
    counts = np.bincount(values.reshape(-1), minlength=256).astype(np.float64)
    weight = counts.cumsum()
    mass = (counts * np.arange(256)).cumsum()
    apart = weight * (weight[-1] - weight)
    between = np.full(256, -1.0)
    np.divide((mass[-1] * weight - mass * weight[-1]) ** 2, apart, out=between, where=apart > 0)
    return int(between[:-1].argmax())
