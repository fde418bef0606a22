"""Statistics and filters of grey levels that several steps of reading share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def quantile(values: npt.NDArray[Any], part: float) -> Any:
    """The value below which `part` (0..1) of all values lie, without interpolation.

    NumPy's median and percentile import numpy.ma, which costs a cold start 6 ms.
    """
    place = int(part * (values.size - 1))
    return np.partition(values, place, axis=None)[place]
