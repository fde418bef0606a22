"""int8 sums that saturate: on which processors, and what to say of a file that can.

On x86 without VNNI onnxruntime adds two int8 products in 16 bits. Files of this version have weights that keep such
sums exact. Files of older versions and of others may not: onnxruntime is then told to be exact, which is slower.
"""

from __future__ import annotations

import os
import platform
from functools import lru_cache
from typing import Final

WIDE_SUMS: Final = ("avx512_vnni", "avx_vnni", "amx_int8")
"""Flags of x86 processors that add int8 products straight into 32 bits: onnxruntime's int8 sums are exact there."""

DOT_PRODUCTS: Final = (*WIDE_SUMS, "asimddp", "i8mm")
"""The same, and ARM's: flags of every processor that does so."""

X86: Final = ("x86_64", "AMD64", "i686", "i386", "x86")
"""Names of that kind of machine."""


def describe_saturation(file: str, *, is_foreign: bool = False) -> str:
    """What to say of a file that can saturate, in one line; `is_foreign`: others made it, without a contract."""
    if is_foreign:
        return (
            f"{file}: nobody proved that its int8 sums are exact; edge-mnist asks onnxruntime for exact ones where "
            "they may not be, other programs on x86 without VNNI need session.x64quantprecision = 1"
        )
    return (
        f"{file}: its int8 sums can saturate in other programs on x86 without VNNI; export it again, "
        "without allowing saturation, or set onnxruntime's session.x64quantprecision to 1 there"
    )


@lru_cache
def may_saturate(root: str | os.PathLike[str] = "/") -> bool:
    """Whether onnxruntime's int8 sums may saturate here: on x86 that has, or says, no int8 dot products.

    Args:
        root: Where /proc is looked for. An emulator of one x86 on another shows the real processor's there.
    """
    if platform.machine() not in X86:
        return False
    try:
        with open(os.path.join(root, "proc/cpuinfo"), encoding="utf-8") as lines:  # of one processor: a session waits
            flags = next((line for line in lines if line.startswith("flags")), "")
    except (OSError, ValueError):
        flags = ""
    return not {*WIDE_SUMS} & {*flags.split()}
