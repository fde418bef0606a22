"""Tell on which processors int8 sums can saturate, and describe files that can.

On x86 without VNNI onnxruntime adds two int8 products in 16 bits, which can saturate. The weights in our files are
bounded so that they cannot. Files of older versions and of other tools may saturate. For those we set onnxruntime to
exact sums, which is slower.
"""

from __future__ import annotations

import os
import platform
from functools import lru_cache
from typing import Final

WIDE_SUMS: Final = ("avx512_vnni", "avx_vnni", "amx_int8")
"""Flags of x86 processors that add int8 products in 32 bits. onnxruntime's int8 sums are exact there."""

DOT_PRODUCTS: Final = (*WIDE_SUMS, "asimddp", "i8mm")
"""The same flags, and ARM's: every processor with int8 dot products has one of them."""

X86: Final = ("x86_64", "AMD64", "i686", "i386", "x86")
"""Names of x86 machines in `platform.machine()`."""

INTEGER_OPERATORS: Final = (
    *(b"QuantizeLinear", b"DequantizeLinear", b"QLinear", b"ConvInteger", b"MatMulInteger"),
    *(b"DynamicQuantize", b"QGemm", b"QAttention"),  # of onnxruntime
)
"""Every ONNX file that multiplies integers contains one of these strings. DequantizeLinear alone is enough if the file
takes bytes: onnxruntime then multiplies the bytes by int8 weights."""


def describe_saturation(file: str, *, is_foreign: bool = False) -> str:
    """Warn in one line about a file that can saturate. `is_foreign`: the file has no contract."""
    if is_foreign:
        return (
            f"{file}: its int8 sums may saturate on x86 without VNNI; edge-mnist asks onnxruntime for exact sums "
            "there; other programs should set session.x64quantprecision to 1, if the file opens with it"
        )
    return (
        f"{file}: its int8 sums can saturate in other programs on x86 without VNNI; export it again, "
        "without allowing saturation, or set onnxruntime's session.x64quantprecision to 1 there"
    )


def is_quantized(model: bytes) -> bool:
    """Whether an ONNX file, given as bytes, may multiply integers, whose sums could saturate."""
    return any(operator in model for operator in INTEGER_OPERATORS)


@lru_cache
def may_saturate(root: str | os.PathLike[str] = "/") -> bool:
    """Whether onnxruntime's int8 sums may saturate here: on x86 without known int8 dot products.

    Args:
        root: The folder that contains /proc. Note that qemu-user shows the flags of the real processor there.
    """
    if platform.machine() not in X86:
        return False
    try:
        with open(os.path.join(root, "proc/cpuinfo"), encoding="utf-8") as lines:  # of one core is enough, and faster
            flags = next((line for line in lines if line.startswith("flags")), "")
    except (OSError, ValueError):
        flags = ""
    return not {*WIDE_SUMS} & {*flags.split()}
