"""The ways to read a picture, by name, and what each of them passes on to the network as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.tensor import DARK

if TYPE_CHECKING:
    from edge_mnist_runtime.tensor import Pixels

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


def is_tensor(levels: bytes, mode: ReadingMode) -> bool:
    """Whether the network reads 784 grey levels as they are.

    `raw` passes all of them on, and `photo` none. The other modes pass on bright ink on black by its dark corners:
    every training image of MNIST has 0 in all four.
    """
    return mode == "raw" or (mode != "photo" and levels[0] < DARK > levels[27] and levels[756] < DARK > levels[783])


def are_tensors(images: Pixels, mode: ReadingMode) -> bool:
    """As `is_tensor` of all of some images, uint8, shape (N, 28, 28, 1)."""
    return mode == "raw" or (mode != "photo" and bool(images[:, ::27, ::27].max(initial=0) < DARK))
