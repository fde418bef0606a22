"""What quantization does to each layer: signal to noise, against the same layer in float."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

NO_NOISE_DB: Final = 200.0
"""Of a layer that computes exactly what the float one does; JSON knows no infinity."""


@dataclass(frozen=True)
class LayerError:
    """One layer of an int8 file beside the same layer in float, over some images."""

    layer: str
    """The Keras layer; the operation's own name where none left its name in the file."""
    operator: str
    """What it is in the file: `Conv`, `CONV_2D`, ..."""
    snr_db: float
    """Signal to noise of its output, in decibels: with what the layers before it lost."""
    own_snr_db: float
    """The same where its exact output is but rounded to the file's scale and zero-point, of the median channel: what
    most channels lose by the range that the layer was given, however strong a single one is."""
    in_float: bool = False
    """Whether the int8 file computes it in float, at least in part, because the format's int8 does not know it."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
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
    """The median of `signal_to_noise` over the channels that are not silent, in decibels."""
    rows = [np.moveaxis(values, channel_axis, 0) for values in (exact, found)]
    heard = [signal_to_noise(one, other) for one, other in zip(*rows, strict=True) if one.any()]
    return float(np.median(heard)) if heard else NO_NOISE_DB


def round_to_steps(
    exact: npt.NDArray[np.float32], scale: float, zero_point: int, dtype: npt.DTypeLike
) -> npt.NDArray[np.float32]:
    """The values that a quantized tensor would hold: rounded to its steps and cut off at its ends."""
    limits = np.iinfo(np.dtype(dtype))
    steps = np.clip(np.rint(exact / scale) + zero_point, limits.min, limits.max)
    rounded: npt.NDArray[np.float32] = ((steps - zero_point) * scale).astype(np.float32)
    return rounded
