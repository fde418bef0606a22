"""Files that are made of an integer program: C source, WebAssembly, pages and shared libraries.

An export converts and proves an int8 TFLite file first. `PROGRAM_FILES` makes the file of each such format of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_exporter.kinds import Kind
from edge_mnist_exporter.program.c_program import CProgram, ProgramReport, prove_c_program
from edge_mnist_exporter.program.c_source import check_c_name
from edge_mnist_exporter.program.drawing import DRAWING_HEADER, read_drawing_files
from edge_mnist_exporter.program.native.library import build_library
from edge_mnist_exporter.program.native.proof import prove_library
from edge_mnist_exporter.program.native.toolchain import choose_compiler
from edge_mnist_exporter.program.wasm.build import build_wasm, read_template, require_wasm_compiler
from edge_mnist_exporter.program.wasm.npm_package import PACKAGE_FILE, describe_npm_package
from edge_mnist_exporter.program.wasm.page import fill_page, make_page_model, prove_page
from edge_mnist_exporter.program.wasm.proof import prove_wasm
from edge_mnist_exporter.targets import Target
from edge_mnist_runtime.bundles.program_formats import C_FORMAT, LIBRARY_FORMAT, PAGE_FORMAT, WASM_FORMAT
from edge_mnist_runtime.web.page import MODEL_MODULE, make_page, read_web_file

Proof = Callable[[npt.NDArray[np.uint8], npt.NDArray[np.uint8]], ProgramReport]
"""Runs the file on images, uint8, shape (N, H, W, C), and compares its scores, uint8, shape (N, K)."""

Filling = Callable[[float, int, str], bytes]
"""Fills in the accuracy, 0..1, and the number of images that it was measured on and the name of their data set."""


@dataclass(frozen=True, eq=False)
class ProgramFile:
    """A file, those that belong to it, and how it is proved."""

    data: bytes
    companions: dict[str, bytes]
    """By file name."""
    prove: Proof
    fill: Filling | None = None
    """For a file that shows measured figures: `data` is without them."""


@dataclass(frozen=True)
class ProgramFormat:
    """How the files of one format are made."""

    make: Callable[[CProgram, Kind], ProgramFile]
    require_compiler: Callable[[Kind], object] = lambda _kind: None
    """Raises `MissingExtraError` if a compiler that `make` needs is missing."""


def check_programs(name: str, kinds: Iterable[Kind]) -> None:
    """Check what the integer programs among `kinds` need, before the long work of an export begins.

    Args:
        name: Of the model.
        kinds: What is to be exported.

    Raises:
        UsageError: The name is no C identifier, or CC names something that does not run.
        MissingExtraError: There is no compiler of WebAssembly, or none for a library's target.
    """
    for kind in kinds:
        if kind.is_program:
            check_c_name(name)
            PROGRAM_FILES[kind.format].require_compiler(kind)


def _make_c(program: CProgram, _kind: Kind) -> ProgramFile:
    companions = _headers(program)
    if program.reads_drawings:
        companions |= read_drawing_files()
    return ProgramFile(program.source.source.encode(), companions, partial(prove_c_program, program))


def _make_wasm(program: CProgram, _kind: Kind) -> ProgramFile:
    wasm = build_wasm(program)
    name = f"{program.name}_int8"
    companions = {
        f"{name}.mjs": read_web_file(MODEL_MODULE).encode(),
        f"{name}.d.mts": read_template("module.d.mts").encode(),
        PACKAGE_FILE: describe_npm_package(program),
    }
    return ProgramFile(wasm, companions, partial(prove_wasm, wasm, require_wasm_compiler().version, program))


def _make_page(program: CProgram, _kind: Kind) -> ProgramFile:
    model = make_page_model(program)
    return ProgramFile(make_page(model), {}, partial(prove_page, model, program), partial(fill_page, model))


def _make_library(program: CProgram, kind: Kind) -> ProgramFile:
    library = build_library(program, _target_of(kind))
    return ProgramFile(library.data, _headers(program), partial(prove_library, library))


def _headers(program: CProgram) -> dict[str, bytes]:
    """What programs in C include, by file name."""
    headers = {f"{program.name}_int8.h": program.source.header.encode()}
    if program.reads_drawings:
        headers[DRAWING_HEADER] = read_drawing_files()[DRAWING_HEADER]
    return headers


def _target_of(kind: Kind) -> Target:
    if kind.target is None:
        raise AssertionError(f"{kind.format} has no target")
    return kind.target


PROGRAM_FILES: Final = {
    C_FORMAT: ProgramFormat(_make_c),
    WASM_FORMAT: ProgramFormat(_make_wasm, lambda _kind: require_wasm_compiler()),
    PAGE_FORMAT: ProgramFormat(_make_page, lambda _kind: require_wasm_compiler()),
    LIBRARY_FORMAT: ProgramFormat(_make_library, lambda kind: choose_compiler(_target_of(kind))),
}
"""By format: all of `PROGRAM_FORMATS`."""
