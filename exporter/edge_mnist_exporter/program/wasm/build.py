"""Compile an integer program to WebAssembly: one module without imports, which exports its memory."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Final

from edge_mnist_exporter.program.c_program import CProgram
from edge_mnist_exporter.program.compiler import Compiler, ask_version, find_cross_compiler, run_compiler, write_files
from edge_mnist_exporter.program.drawing import DRAWING_SOURCE, write_drawing_files
from edge_mnist_runtime.errors import ConversionError, MissingExtraError

FREESTANDING: Final = ("-ffreestanding", "-nostdlib", "-fno-builtin", "-g0")

FAST: Final = ("-O3",)
"""How the network is compiled..."""

SMALL: Final = ("-Oz", "-mllvm", "-disable-lsr")
"""...and all else. Without loop strength reduction functions have fewer variables, which saves a tenth of their
size."""

LINKED: Final = ("-Wl,--no-entry", "-Wl,--strip-all", "-Wl,-z,stack-size=16384")
"""Nothing starts by itself; no names of functions; a stack of 16 KiB, several times what a program takes."""

SIMD: Final = "-msimd128"

PROBE: Final = 'int answer(void);\n__attribute__((export_name("answer"))) int answer(void) { return 42; }\n'
"""A program that a compiler of WebAssembly compiles and links."""


def find_wasm_compiler() -> Compiler | None:
    """Clang with its linker wasm-ld, else the package ziglang; None if neither compiles WebAssembly here."""
    clang, ziglang = shutil.which("clang"), find_cross_compiler()
    found = [ask_version((clang, "--target=wasm32"))] if clang else []
    if ziglang:
        found.append(replace(ziglang, command=(*ziglang.command, "-target", "wasm32-freestanding")))
    return next(filter(_compiles, filter(None, found)), None)


def require_wasm_compiler() -> Compiler:
    """As `find_wasm_compiler`.

    Raises:
        MissingExtraError: There is none; the message names both ways to install one.
    """
    compiler = find_wasm_compiler()
    if compiler is None:
        raise MissingExtraError(
            "native", "Compiling WebAssembly without clang and wasm-ld (`apt-get install clang lld` brings both)"
        )
    return compiler


def build_wasm(program: CProgram, *, simd: bool = True) -> bytes:
    """Compile a program to a WebAssembly module.

    Args:
        program: The program.
        simd: Whether to use 128-bit vectors: Chrome 91, Firefox 89, Safari 16.4 and Node 16 have them. Without, any
            browser with WebAssembly runs the module, about ten times slower; the scores are the same.

    Raises:
        MissingExtraError: There is neither clang with wasm-ld nor ziglang.
        ConversionError: The compiler fails; its words are in a log.
    """
    compiler = require_wasm_compiler()
    with tempfile.TemporaryDirectory(prefix="edge-mnist-") as scratch:
        folder = Path(scratch)
        write_files(program.source, program.name, folder)
        (folder / "module.c").write_text(read_template("module.c"), "utf-8")
        inputs = ["module.c", f"{program.name}_int8.c"]
        named = [f"-DEDGE_MNIST_NAME={program.name}", f'-DEDGE_MNIST_HEADER="{program.name}_int8.h"']
        small = {"module.o": ["module.c", *named]}
        if program.reads_drawings:
            write_drawing_files(folder)
            small = {"module.o": ["module.c", *named, "-DEDGE_MNIST_DRAWINGS"], "drawing.o": [DRAWING_SOURCE]}
        for output, inputs in small.items():
            run_compiler(compiler, [*FREESTANDING, *SMALL, "-c", *inputs, "-o", output], folder)
        vectors = (SIMD,) if simd else ()
        options = [*FREESTANDING, *FAST, *LINKED, *vectors, f"{program.name}_int8.c", *small, "-o", "module.wasm"]
        run_compiler(compiler, options, folder)
        return (folder / "module.wasm").read_bytes()


def read_template(name: str) -> str:
    """The text of a file in this folder."""
    return (files("edge_mnist_exporter.program.wasm") / name).read_text("utf-8")


def _compiles(compiler: Compiler) -> bool:
    """Whether it compiles and links WebAssembly: clang does not where wasm-ld is missing."""
    with tempfile.TemporaryDirectory(prefix="edge-mnist-") as scratch:
        folder = Path(scratch)
        (folder / "probe.c").write_text(PROBE, "utf-8")
        try:
            run_compiler(compiler, [*FREESTANDING, *FAST, *LINKED, "probe.c", "-o", "probe.wasm"], folder)
        except ConversionError:
            return False
    return True
