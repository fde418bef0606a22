"""Write and compile the shared library of a C program.

Beside the functions of its C file a library has NAME_predict_many(), NAME_probabilities(), NAME_instructions() and
`edge_mnist_description`, a JSON text with all that the runtime package must know of it. Libraries of digit models also
have edge_mnist_read_drawing() and edge_mnist_drawing_words().
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np

from edge_mnist_exporter.program.c_program import CProgram
from edge_mnist_exporter.program.c_text import array
from edge_mnist_exporter.program.compiler import Compiler, run_compiler, write_files
from edge_mnist_exporter.program.drawing import DRAWING_SOURCE, write_drawing_files
from edge_mnist_exporter.program.native.toolchain import choose_compiler
from edge_mnist_exporter.targets import Target
from edge_mnist_runtime.engines.native_library import DESCRIPTION_SCHEMA_VERSION

OPTIONS: Final = ("-O3", "-g0")

SMALL: Final = ("-Os",)
"""For what takes no time: it comes after `OPTIONS`."""

RENAMED: Final = ("predict", "self_test", "version", "sha256")
"""What each version of the program names anew, so that all of them fit into one library."""


@dataclass(frozen=True, eq=False)
class Library:
    """A compiled library."""

    program: CProgram
    target: Target
    compiler: Compiler
    data: bytes
    """The file."""
    objects: Mapping[str, bytes]
    """The object files that it was linked from, by name."""


def build_library(program: CProgram, target: Target) -> Library:
    """Compile the library of a program.

    Raises:
        MissingExtraError: There is no compiler for this target.
        ConversionError: The compiler fails; its words are in a log.
    """
    compiler, name = choose_compiler(target), program.name
    options = list_options(compiler, target)
    with tempfile.TemporaryDirectory(prefix="edge-mnist-") as scratch:
        folder = Path(scratch)
        write_files(program.source, name, folder)
        (folder / "library.c").write_text(write_library(program, target), "utf-8")
        for version in target.versions:
            renamed = [f"-D{name}_{what}={version.symbol(name, what)}" for what in RENAMED]
            output = ["-c", f"{name}_int8.c", "-o", f"{version.ending}.o"]
            run_compiler(compiler, [*options, *version.flags, *renamed, *output], folder)
        small = {"library.o": ["library.c"]}
        if program.reads_drawings:
            write_drawing_files(folder)
            small = {"library.o": ["library.c", "-DEDGE_MNIST_DRAWINGS"], "drawing.o": [DRAWING_SOURCE, *SMALL]}
        for part, inputs in small.items():
            run_compiler(compiler, [*options, "-c", *inputs, "-o", part], folder)
        objects = [*(f"{version.ending}.o" for version in target.versions), *small]
        link = ["-shared", "-s"]
        if target.is_elf:
            # On Linux the program that loads the library has what it needs of a C library, be it glibc or musl.
            link += ["-Wl,-Bsymbolic", "-Wl,--build-id=none"]
            link += ["-nostdlib", *target.link_flags] if compiler.crosses else []
        library = f"{name}_int8{target.suffix}"
        run_compiler(compiler, [*options, *link, *objects, "-o", library], folder)
        parts = {part: (folder / part).read_bytes() for part in objects}
        return Library(program, target, compiler, (folder / library).read_bytes(), parts)


def list_options(compiler: Compiler, target: Target) -> list[str]:
    """Options for every call of a compiler that works for a target."""
    relocatable = [] if target.suffix == ".dll" else ["-fPIC"]
    if not compiler.crosses:
        return [*OPTIONS, *relocatable]
    return [*OPTIONS, *relocatable, "-target", target.triple, *target.flags]


def write_library(program: CProgram, target: Target) -> str:
    """The C text that makes one library of all versions of a program."""
    name, kernels = program.name, program.kernels
    (pixels,), (scores,) = kernels.inputs, kernels.outputs
    description = {
        "schema_version": DESCRIPTION_SCHEMA_VERSION,
        "contract": kernels.contract.to_json(),
        "target": target.name,
        "arena_bytes": program.source.arena_bytes,
        "input_name": pixels.name,
        "output_name": scores.name,
        "output_scale": scores.scale,
        "version": program.version,
        "tflite_sha256": kernels.sha256,
    }
    text = json.dumps(json.dumps(description, sort_keys=True))  # a JSON text of ASCII, quoted, is C's as well
    steps = (np.arange(256, dtype=np.float32) * np.float32(scores.scale)).view(np.uint32)
    declared = "".join(
        f"predict_function {version.symbol(name, 'predict')};\n"
        f"self_test_function {version.symbol(name, 'self_test')};\n"
        for version in target.versions
    )
    rows = "".join(
        f"    {{{version.symbol(name, 'predict')}, {version.symbol(name, 'self_test')}, "
        f'"{version.instructions}", {version.needs}}},\n'
        for version in target.versions
    )
    template = (files("edge_mnist_exporter.program.native") / "library.c").read_text("utf-8")
    return (
        template.replace("NAME", name)
        .replace("@VERSION@", program.version)
        .replace("@SHA256@", str(kernels.sha256))
        .replace("@DESCRIPTION@", text)
        .replace("@FLOAT32_BITS@", array("uint32_t", "float32_bits", steps, "[256], the scale times 0, 1, ..."))
        .replace("@VERSIONS@", f"{declared}\nstatic const struct version versions[] = {{\n{rows}}};")
    )
