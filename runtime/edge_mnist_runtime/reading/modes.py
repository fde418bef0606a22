"""The ways to read a picture, by name."""

from __future__ import annotations

from typing import Final, Literal, get_args

from edge_mnist_runtime.errors import UsageError

ReadingMode = Literal["auto", "mnist", "photo", "raw"]
"""Ways to read a picture: see `read_picture`."""

READING_MODES: Final[tuple[str, ...]] = get_args(ReadingMode)


def require_mode(mode: str) -> ReadingMode:
    """The mode of that name.

    Raises:
        UsageError: There is none.
    """
    if mode not in READING_MODES:
        raise UsageError(f"{mode}: no way to read a picture; known are {', '.join(READING_MODES)}")
    return mode  # type: ignore[return-value]  # just compared with all of them
