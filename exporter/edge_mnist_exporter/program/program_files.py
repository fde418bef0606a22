"""Files that are made of an integer program: C source, and WebAssembly.

An export converts and proves an int8 TFLite file first. `PROGRAM_FILES` makes the file of each such format of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_exporter.program.c_program import CProgram, ProgramReport, prove_c_program
from edge_mnist_exporter.program.wasm.build import build_wasm, read_template, require_wasm_compiler
from edge_mnist_exporter.program.wasm.proof import prove_wasm
from edge_mnist_runtime.bundles.c_source import C_FORMAT, WASM_FORMAT

Proof = Callable[[npt.NDArray[np.uint8], npt.NDArray[np.uint8]], ProgramReport]
"""Runs the file on images, uint8, shape (N, H, W, C), and compares its scores, uint8, shape (N, K)."""


@dataclass(frozen=True, eq=False)
class ProgramFile:
    """A file, those that belong to it, and how it is proved."""

    data: bytes
    companions: dict[str, bytes]
    """By the ending that follows NAME_int8."""
    prove: Proof


def _make_c(program: CProgram) -> ProgramFile:
    source = program.source
    return ProgramFile(source.source.encode(), {".h": source.header.encode()}, partial(prove_c_program, program))


def _make_wasm(program: CProgram) -> ProgramFile:
    wasm = build_wasm(program)
    companions = {ending: read_template(f"module{ending}").encode() for ending in (".mjs", ".d.mts")}
    return ProgramFile(wasm, companions, partial(prove_wasm, wasm, require_wasm_compiler().version, program))


PROGRAM_FILES: Final[dict[str, Callable[[CProgram], ProgramFile]]] = {C_FORMAT: _make_c, WASM_FORMAT: _make_wasm}
"""By format."""
