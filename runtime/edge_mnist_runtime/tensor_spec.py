"""What goes into a model file, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a model file, as read from the file."""

    name: str
    dtype: str
    """NumPy's name: `uint8`, `float32`, ..."""
    shape: tuple[int | str, ...]
    """Sizes; a string names a free axis."""
    scale: float | None = None
    """Real value = scale * (stored value - zero_point); None for a tensor that is not quantized."""
    zero_point: int | None = None
