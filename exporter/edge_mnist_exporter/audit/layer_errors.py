"""Quantization error of each layer: signal-to-noise ratio against the same layer in float."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

NO_NOISE_DB: Final = 200.0
"""Reported for a layer without any error, because JSON has no infinity."""


@dataclass(frozen=True)
class LayerError:
    """Error of one layer of an int8 file against the same layer in float, over some images."""

    layer: str
    """The Keras layer; the operation's own name if no layer's name is in the file."""
    operator: str
    """Its operator in the file: `Conv`, `CONV_2D`, ..."""
    snr_db: float
    """Signal-to-noise ratio of its output, in decibels. It includes the errors of the layers before."""
    own_snr_db: float
    """The ratio if only its own exact output is rounded to the file's scale and zero-point, in decibels. It is the
    median over channels, so that a single strong channel does not hide the loss of the others."""
    in_float: bool = False
    """Whether the int8 file computes it at least partly in float, because the format has no int8 version of it."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON entry."""
        return asdict(self)


def signal_to_noise(exact: npt.NDArray[np.float32], found: npt.NDArray[np.float32]) -> float:
    """10 log10(sum of squares of the exact values / sum of squares of the differences), in decibels."""
    signal, noise = (float(np.sum(np.square(values, dtype=np.float64))) for values in (exact, exact - found))
    if noise == 0:
        return NO_NOISE_DB
    return 10 * math.log10(signal / noise) if signal else -NO_NOISE_DB


def median_signal_to_noise(
    exact: npt.NDArray[np.float32], found: npt.NDArray[np.float32], *, channel_axis: int
) -> float:
    """The median of `signal_to_noise` over the channels that are not all zero, in decibels."""
    rows = [np.moveaxis(values, channel_axis, 0) for values in (exact, found)]
    ratios = [signal_to_noise(one, other) for one, other in zip(*rows, strict=True) if one.any()]
    return float(np.median(ratios)) if ratios else NO_NOISE_DB


def round_to_steps(
    exact: npt.NDArray[np.float32], scale: float, zero_point: int, dtype: npt.DTypeLike
) -> npt.NDArray[np.float32]:
    """Quantize and dequantize: round values to the steps of a quantized tensor and clip them to its range."""
    limits = np.iinfo(np.dtype(dtype))
    steps = np.clip(np.rint(exact / scale) + zero_point, limits.min, limits.max)
    rounded: npt.NDArray[np.float32] = ((steps - zero_point) * scale).astype(np.float32)
    return rounded
