"""Compiles a model's library for an ARM computer and runs it in QEMU's user mode."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_exporter.program.c_program import CProgram
from edge_mnist_exporter.program.compiler import find_cross_compiler
from edge_mnist_exporter.program.native.library import build_library
from edge_mnist_exporter.program.native.proof import run_emulated
from edge_mnist_exporter.targets import TARGETS, Target

COMPUTERS: Final = {
    "aarch64-linux": "ARM64 (Raspberry Pi 3 and later)",
    "armv7-linux": "ARMv7, Cortex-A7 (Raspberry Pi 2)",
    "armv6-linux": "ARMv6, ARM1176 (Raspberry Pi 1 and Zero)",
}
"""What each target stands for."""


@dataclass(frozen=True)
class LibraryRun:
    """What an emulated computer made of some digits."""

    target: Target
    size_bytes: int
    """Of the library."""
    instructions: str
    """Those that the library chose."""
    n: int
    differing: int
    """Digits that got other scores than those of TFLite's reference kernels, and wrong golden vectors."""

    def describe(self, name: str) -> str:
        """A row of the table."""
        return (
            f"| `{name}` | {COMPUTERS[self.target.name]} | {self.instructions} | {self.size_bytes:,} | "
            f"{self.differing} of {self.n:,} |"
        )


def find_missing_part() -> str | None:
    """What must be installed first, with the command; None if all is there."""
    if find_cross_compiler() is None:
        return "ziglang is not installed: pip install ziglang"
    emulators = {str(TARGETS[name].emulator) for name in COMPUTERS}
    missing = next((name for name in sorted(emulators) if shutil.which(name) is None), None)
    return missing and f"{missing} is not installed: apt-get install qemu-user-static"


def run_library(
    program: CProgram, target: Target, digits: npt.NDArray[np.uint8], expected: npt.NDArray[np.uint8]
) -> LibraryRun:
    """Compile a library and run it on digits.

    Args:
        program: The model as C.
        target: One of `COMPUTERS`.
        digits: uint8, shape (N, 28, 28, 1).
        expected: Scores of TFLite's reference kernels, uint8, shape (N, 10).
    """
    library = build_library(program, target)
    scores, instructions, wrong_golden = run_emulated(library, digits)
    differing = int((scores != expected).any(axis=1).sum()) + wrong_golden
    return LibraryRun(target, len(library.data), instructions, len(digits), differing)
