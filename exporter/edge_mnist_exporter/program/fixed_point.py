"""The fixed-point arithmetic of TFLite's reference kernels, in exact integers.

The formulas are those of gemmlowp (`fixedpoint/fixedpoint.h`, and its doc/quantization.md) and of TensorFlow Lite
(`kernels/internal/common.h` and `quantization_util.cc`). The C that `c_source` writes computes the same, on the device.
"""

from __future__ import annotations

import math
from typing import Final

INT32_MAX: Final = 2**31 - 1

EXP_INTEGER_BITS: Final = 5
"""Of the argument of `exp_of_negative`: it is a number in -32..0, in steps of 2**-26."""

EXP_FACTORS: Final = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)
"""Exponent n and exp(-2**n), in 2**-31."""


def quantize_multiplier(real: float) -> tuple[int, int]:
    """A positive number as multiplier * 2**-31 * 2**-shift, with a multiplier of 2**30 to 2**31 - 1.

    `QuantizeMultiplier` of TensorFlow Lite, whose shift has the other sign.
    """
    fraction, exponent = math.frexp(real)
    multiplier = math.floor(fraction * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, exponent = 2**30, exponent + 1
    return (0, 0) if exponent < -31 else (multiplier, -exponent)


def multiply_high(one: int, other: int) -> int:
    """One * other / 2**31, rounded to the nearest, halves upwards (`SaturatingRoundingDoublingHighMul`)."""
    return min((one * other + 2**30) >> 31, INT32_MAX)


def divide_by_power(value: int, exponent: int) -> int:
    """Value / 2**exponent, rounded to the nearest, halves away from zero (`RoundingDivideByPOT`)."""
    half = (1 << exponent) >> 1
    return (value + half - (value < 0 and exponent > 0)) >> exponent


def rescale(value: int, multiplier: int, shift: int) -> int:
    """Value * multiplier * 2**-31 * 2**-shift, rounded twice (`MultiplyByQuantizedMultiplier`)."""
    return divide_by_power(multiply_high(value << max(-shift, 0), multiplier), max(shift, 0))


def exp_of_negative(value: int) -> int:
    """Exp of a number in -32..0, given in steps of 2**-26, in steps of 2**-31.

    gemmlowp's `exp_on_negative_values`: a Taylor series within a quarter, then a factor for every bit of the rest.
    """
    if value == 0:
        return INT32_MAX
    quarter = 1 << 24
    within = (value & (quarter - 1)) - quarter
    x = (within << EXP_INTEGER_BITS) + (1 << 28)
    square = multiply_high(x, x)
    cube, fourth = multiply_high(square, x), multiply_high(square, square)
    third = multiply_high(divide_by_power(fourth, 2) + cube, 715827883)
    series = x + divide_by_power(third + square, 1)
    result = 1895147668 + multiply_high(1895147668, series)
    rest = within - value
    for exponent, factor in EXP_FACTORS:
        if rest & (1 << (26 + exponent)):
            result = multiply_high(result, factor)
    return result
