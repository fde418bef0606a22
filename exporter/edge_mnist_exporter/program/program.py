"""The integer program: what an int8 network computes, as shapes and integers, without a float and without text.

Every value is a block of bytes, uint8, shape (H, W, C), of one image. A byte is TFLite's int8 plus 128, so that a
zero-point is 0..255 as well, and pixels are what the camera gives. `from_tflite` makes programs, and `c_source` writes
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]

QUAD: Final = 4
"""Products that a kernel adds before it moves on: what one instruction of many processors does."""

SPARE_BYTES: Final = 16
"""Bytes behind the band and the weights of a depthwise convolution that vectors may read, and do not use."""


@dataclass(frozen=True)
class Value:
    """A block of bytes between two operations."""

    name: str
    """Unique in its program."""
    height: int
    width: int
    channels: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.height, self.width, self.channels

    @property
    def size_bytes(self) -> int:
        """Its size."""
        return self.height * self.width * self.channels


@dataclass(frozen=True)
class Window:
    """How a kernel or a pool moves over an image."""

    height: int
    width: int
    stride_y: int = 1
    stride_x: int = 1
    pad_top: int = 0
    """Rows above the image that the first window covers."""
    pad_left: int = 0


@dataclass(frozen=True)
class Clamp:
    """Output range of an operation: zero-point, minimum and maximum, each 0..255."""

    zero: int
    low: int
    high: int


@dataclass(frozen=True, eq=False)
class Scale:
    """The factor of each channel's sums: multiplier * 2**-31 * 2**-shift."""

    multiplier: Int32s
    """At least 2**30, or 0."""
    shift: Int8s
    """0..31."""


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution or, with a window of one pixel over an image of one pixel, a fully connected layer."""

    source: Value
    target: Value
    window: Window
    height: int
    """Height of the result before pooling."""
    width: int
    weights: Int8s
    """Shape (outputs, window's height, window's width, channels); of a depthwise convolution, channels are 1."""
    bias: Int32s
    """Shape (outputs,), minus what the source's zero-point adds to every sum."""
    zero: int
    """The source's zero-point, the value of padding."""
    scale: Scale
    clamp: Clamp
    rounds_once: bool
    """Whether multiplier and shift are rounded together, as in TFLite's fully connected layers."""
    pooled: bool = False
    """Whether only the maximum of each 2 x 2 results is kept. It is taken of the sums, because scaling keeps order."""
    is_depthwise: bool = False
    """Whether each output reads one channel alone: the first outputs the first channel, as many the next, ..."""

    @property
    def quads(self) -> int:
        """Groups of four products in each row of the window; the last is padded with zeros."""
        return -(-self.window.width * self.source.channels // QUAD)

    @property
    def pool(self) -> int:
        """Side of the square of results that become one."""
        return 2 if self.pooled else 1

    @property
    def is_direct(self) -> bool:
        """Whether the kernel can read the source in place: single pixels of whole quads."""
        is_plain = self.window == Window(1, 1) and not self.pooled and not self.is_depthwise
        return is_plain and self.source.channels % QUAD == 0

    @property
    def band_rows(self) -> int:
        """Padded rows of the source that one row of the target needs."""
        return 0 if self.is_direct else self.window.height + (self.pool - 1) * self.window.stride_y

    @property
    def row_bytes(self) -> int:
        """Bytes of such a row: from the first pixel of the first window to the last quad of the last one."""
        channels = self.source.channels
        if self.is_direct:
            return self.source.width * channels
        window_bytes = self.window.width * channels if self.is_depthwise else self.quads * QUAD
        return (self.width - 1) * self.window.stride_x * channels + window_bytes

    @property
    def band_bytes(self) -> int:
        """Working memory."""
        return self.band_rows * self.row_bytes + (SPARE_BYTES if self.is_depthwise else 0)


@dataclass(frozen=True)
class Pool:
    """The maximum or average of each window."""

    source: Value
    target: Value
    kind: Literal["max", "average"]
    window: Window
    clamp: Clamp
    """Its zero is not used: pooling keeps the scale."""


@dataclass(frozen=True)
class Mean:
    """The mean over height and width, brought to the target's scale."""

    source: Value
    target: Value
    zero: int
    multiplier: int
    """Includes the factor 1 / pixels."""
    shift: int
    clamp: Clamp


@dataclass(frozen=True)
class Add:
    """The sum of two values of the same shape, each brought to a common scale first."""

    source: Value
    other: Value
    target: Value
    zeros: tuple[int, int]
    multipliers: tuple[int, int]
    shifts: tuple[int, int]
    multiplier: int
    shift: int
    clamp: Clamp


@dataclass(frozen=True)
class Concatenation:
    """Values of the same height and width, joined along the channels."""

    sources: tuple[Value, ...]
    target: Value


@dataclass(frozen=True)
class Pad:
    """A value with a border."""

    source: Value
    target: Value
    top: int
    left: int
    fill: int


@dataclass(frozen=True)
class Lookup:
    """A table for each byte: ReLU, ReLU6, another scale or zero-point."""

    source: Value
    target: Value
    table: bytes
    """256 bytes."""


@dataclass(frozen=True, eq=False)
class Softmax:
    """Probabilities, in 256ths."""

    source: Value
    target: Value
    exp: Int32s
    """exp(-scale * d) in 2**-31, for d = 0, 1, ... steps below the largest score; beyond its end it is 0."""


Operation = Convolution | Pool | Mean | Add | Concatenation | Pad | Lookup | Softmax


@dataclass(frozen=True)
class Program:
    """A whole network."""

    pixels: Value
    """The input."""
    scores: Value
    """The output: one byte a class."""
    output_scale: float
    """The probability of one step of a score."""
    operations: tuple[Operation, ...]
    """In the order in which they run."""


def list_sources(operation: Operation) -> tuple[Value, ...]:
    """List the values that an operation reads."""
    match operation:
        case Concatenation():
            return operation.sources
        case Add():
            return operation.source, operation.other
        case _:
            return (operation.source,)
