"""The reading modes by name, and which inputs each mode passes unchanged to the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.tensor import has_dark_corners

if TYPE_CHECKING:
    from edge_mnist_runtime.tensor import Pixels

ReadingMode = Literal["auto", "mnist", "photo", "raw"]
"""How a picture is read: see `read_picture`."""

READING_MODES: Final[tuple[str, ...]] = get_args(ReadingMode)


def require_mode(mode: str) -> ReadingMode:
    """Check the name of a reading mode and return it.

    Raises:
        UsageError: No mode has this name.
    """
    if mode not in READING_MODES:
        raise UsageError(f"{mode}: unknown reading mode; expected one of {', '.join(READING_MODES)}")
    return mode  # type: ignore[return-value]  # just compared with all of them


def is_tensor(levels: bytes, mode: ReadingMode) -> bool:
    """Whether 784 grey levels go to the network unchanged in this mode.

    In mode `raw` all do, in `photo` none. In the other modes those with four dark corners do.
    """
    return mode == "raw" or (mode != "photo" and has_dark_corners(levels))


def are_tensors(images: Pixels, mode: ReadingMode) -> bool:
    """Whether `is_tensor` holds for all images, uint8, shape (N, 28, 28, 1)."""
    brightest = images.max(0, initial=0)  # if its corners are dark, so are those of all images
    return is_tensor(brightest.tobytes(), mode)
