"""The reading modes by name, and which inputs are tensors in each mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.tensor import TENSOR, count_lit_border, has_dark_corners

if TYPE_CHECKING:
    from edge_mnist_runtime.tensor import Pixels

ReadingMode = Literal["auto", "mnist", "photo", "raw"]
"""How a picture is read: see `read_picture`."""

READING_MODES: Final[tuple[str, ...]] = get_args(ReadingMode)

BLACK_ROW: Final = bytes(28)
"""The first and last row of nearly every tensor: no background is brighter, and no further check is needed."""

BACKGROUND_PIXELS: Final = 44
"""Number of the 108 border pixels that are not black, from which on an image may have a background. It follows from
`min_bright_border` of the reading parameters, which this module does not load; a test checks it."""


def require_mode(mode: str) -> ReadingMode:
    """Check the name of a reading mode and return it.

    Raises:
        UsageError: No mode has this name.
    """
    if mode not in READING_MODES:
        raise UsageError(f"`mode` {mode}: unknown; expected one of {', '.join(READING_MODES)}")
    return mode  # type: ignore[return-value]  # just compared with all of them


def find_tensor(levels: bytes, mode: ReadingMode) -> bytes | None:
    """The 784 grey levels for the network, if a 28 x 28 picture is a tensor in this mode; None if it is a picture.

    In mode `raw` all are, in `photo` none. In the other modes those with four dark corners are: that is bright ink on
    black. Every training image of MNIST has 0 in all four corners. Those with bright ink on a brighter background are,
    too. A background that is not black is taken away; on a black one every byte stays as it is. Mode `raw` changes
    nothing.
    """
    if mode == "raw" or (mode != "photo" and levels[:28] == BLACK_ROW == levels[756:]):
        return levels
    if mode == "photo":
        return None
    is_dark = has_dark_corners(levels)
    if is_dark and not _has_bright_border(levels):
        return levels
    import numpy as np  # seldom needed, as the next one

    from edge_mnist_runtime.reading.tensor_background import has_bright_ink, take_background_away

    image = np.frombuffer(levels, np.uint8).reshape(TENSOR)
    if not is_dark and not has_bright_ink(image):
        return None
    return take_background_away(image).tobytes()


def find_tensors(images: Pixels, mode: ReadingMode) -> Pixels | None:
    """Like `find_tensor` for images, uint8, shape (N, 28, 28, 1); None unless all are tensors with dark corners."""
    if mode == "raw":
        return images
    if mode == "photo":
        return None
    outer_rows = images[:, ::27].reshape(-1, 56).view("u8")  # as words of 8 pixels: 8 times fewer comparisons
    lit = outer_rows.any(1).nonzero()[0].tolist()  # the corners of the others are black
    borders = [images[row].tobytes() for row in lit]
    if not all(map(has_dark_corners, borders)):
        return None
    bright = [row for row, levels in zip(lit, borders, strict=True) if _has_bright_border(levels)]
    if not bright:
        return images
    from edge_mnist_runtime.reading.tensor_background import take_background_away  # as above

    changed: Pixels = images.copy()
    changed[bright] = take_background_away(images[bright])
    return changed


def _has_bright_border(levels: bytes) -> bool:
    """Whether so many border pixels of 784 grey levels are not black that they may be a background."""
    return count_lit_border(levels) >= BACKGROUND_PIXELS
