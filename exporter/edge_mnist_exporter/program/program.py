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


@dataclass(frozen=True)
class Value:
    """What lies between two operations."""

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
        """Bytes that it takes."""
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
    """What sums are multiplied by, one for each channel: multiplier * 2**-31 * 2**-shift."""

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
    """Of what it computes, before pooling."""
    width: int
    weights: Int8s
    """Shape (outputs, window's height, window's width, channels)."""
    bias: Int32s
    """Shape (outputs,), less what the source's zero-point adds to every sum."""
    zero: int
    """The source's zero-point, which padding is filled with."""
    scale: Scale
    clamp: Clamp
    rounds_once: bool
    """Whether multiplier and shift are rounded together, as TFLite's fully connected layers do it."""
    pooled: bool = False
    """Whether the largest of each 2 x 2 results is kept. It is found among the sums: scaling keeps their order."""

    @property
    def quads(self) -> int:
        """Groups of four products in each row of the window; the last one is filled with zeros."""
        return -(-self.window.width * self.source.channels // QUAD)

    @property
    def pool(self) -> int:
        """Rows, and columns, of results that become one."""
        return 2 if self.pooled else 1

    @property
    def is_direct(self) -> bool:
        """Whether the kernel can read the source where it lies: each pixel alone, and whole quads."""
        one = Window(1, 1)
        return self.window == one and not self.pooled and self.source.channels % QUAD == 0

    @property
    def band_rows(self) -> int:
        """Rows of the source, with their padding, that one row of the target needs at a time."""
        return 0 if self.is_direct else self.window.height + (self.pool - 1) * self.window.stride_y

    @property
    def row_bytes(self) -> int:
        """Bytes of such a row: from the first pixel of the first window to the last quad of the last one."""
        if self.is_direct:
            return self.source.width * self.source.channels
        return (self.width - 1) * self.window.stride_x * self.source.channels + self.quads * QUAD

    @property
    def band_bytes(self) -> int:
        """Memory that it needs to work in."""
        return self.band_rows * self.row_bytes


@dataclass(frozen=True, eq=False)
class DepthwiseConvolution:
    """A convolution of every channel by itself; each makes `outputs / channels` channels."""

    source: Value
    target: Value
    window: Window
    weights: Int8s
    """Shape (window's height, window's width, outputs)."""
    bias: Int32s
    zero: int
    scale: Scale
    clamp: Clamp


@dataclass(frozen=True)
class Pool:
    """The largest value, or the average, of each window."""

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
    """With one over the number of pixels in it."""
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
    """Values of the same height and width behind each other, channel by channel."""

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
    """Every byte replaced by another: ReLU, ReLU6, another scale or zero-point."""

    source: Value
    target: Value
    table: bytes
    """256 of them."""


@dataclass(frozen=True, eq=False)
class Softmax:
    """Probabilities, in 256ths."""

    source: Value
    target: Value
    exp: Int32s
    """exp(-scale * d) in 2**-31, for d = 0, 1, ... steps below the largest score; beyond its end it is 0."""


Operation = Convolution | DepthwiseConvolution | Pool | Mean | Add | Concatenation | Pad | Lookup | Softmax


@dataclass(frozen=True)
class Program:
    """A whole network."""

    pixels: Value
    """What comes in."""
    scores: Value
    """What goes out: one byte a class."""
    output_scale: float
    """What one step of a score stands for."""
    operations: tuple[Operation, ...]
    """In the order in which they run. Each reads what earlier ones wrote."""


def list_sources(operation: Operation) -> tuple[Value, ...]:
    """What an operation reads."""
    match operation:
        case Concatenation():
            return operation.sources
        case Add():
            return operation.source, operation.other
        case _:
            return (operation.source,)
