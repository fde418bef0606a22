"""Write, compile and describe the shared library of a C program.

A library has, beside the functions of its C file, NAME_predict_many(), NAME_probabilities(), NAME_instructions() and
`edge_mnist_description`, a JSON text with all that the runtime package must know of it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np

from edge_mnist_exporter.program.c_program import CProgram
from edge_mnist_exporter.program.c_text import array
from edge_mnist_exporter.program.compiler import Compiler, compile_files, write_files
from edge_mnist_exporter.program.native.targets import Target

DESCRIPTION_SCHEMA_VERSION: Final = 1

OPTIONS: Final = ("-O3", "-g0")

RENAMED: Final = ("predict", "self_test", "version", "sha256")
"""What each version of the program names anew, so that all of them fit into one library."""


@dataclass(frozen=True)
class Build:
    """A library and its parts, in a folder that lasts as long as the context of `built`."""

    folder: Path
    objects: tuple[str, ...]
    """Object files, of which the library and the emulated program are linked."""
    library: Path


@contextmanager
def built(compiler: Compiler, program: CProgram, target: Target) -> Iterator[Build]:
    """Compile the library of a program.

    Args:
        compiler: A compiler for this target: see `choose_compiler`.
        program: The C program.
        target: The kind of machine.

    Raises:
        ConversionError: The compiler fails; its words are in a log.
    """
    name = program.name
    with tempfile.TemporaryDirectory(prefix="edge-mnist-") as scratch:
        folder = Path(scratch)
        write_files(program.source, name, folder)
        (folder / "library.c").write_text(write_library(program, target), "utf-8")
        compile_one = _list_options(compiler, target)
        objects = []
        for version in target.versions:
            objects.append(f"{version.symbol}.o")
            renamed = [f"-D{name}_{what}={_symbol(name, what, version.symbol)}" for what in RENAMED]
            options = [*compile_one, *version.flags, *renamed, "-c", f"{name}_int8.c", "-o", objects[-1]]
            compile_files(compiler, options, folder)
        objects.append("library.o")
        compile_files(compiler, [*compile_one, "-c", "library.c", "-o", objects[-1]], folder)
        library = folder / f"library{target.suffix}"
        symbolic = ["-Wl,-Bsymbolic", "-Wl,--build-id=none"] if target.is_elf else []
        compile_files(compiler, [*compile_one, "-shared", *symbolic, "-s", *objects, "-o", library.name], folder)
        yield Build(folder, tuple(objects), library)


def write_library(program: CProgram, target: Target) -> str:
    """The C text that makes one library of all versions of a program."""
    name, kernels = program.name, program.kernels
    pixels, scores = kernels.inputs[0], kernels.outputs[0]
    description = {
        "schema_version": DESCRIPTION_SCHEMA_VERSION,
        "contract": json.loads(kernels.contract.to_json()),
        "target": target.name,
        "arena_bytes": program.source.arena_bytes,
        "input_name": pixels.name,
        "output_name": scores.name,
        "output_scale": scores.scale,
        "version": program.version,
        "tflite_sha256": kernels.sha256,
    }
    text = json.dumps(json.dumps(description, sort_keys=True))  # a JSON string of ASCII is a string of C, too
    probabilities = (np.arange(256, dtype=np.float32) * np.float32(scores.scale)).view(np.uint32)
    lines = [
        f"const char edge_mnist_description[] =\n    {text};\n",
        array("uint32_t", "float32_bits", probabilities, "[256], scale times 0, 1, ..."),
    ]
    for version in target.versions:
        predict, test = (_symbol(name, what, version.symbol) for what in ("predict", "self_test"))
        lines.append(f"predict_function {predict};\nself_test_function {test};")
    rows = [
        f"    {{{_symbol(name, 'predict', version.symbol)}, {_symbol(name, 'self_test', version.symbol)}, "
        f'"{version.instructions}", {version.needs}}},'
        for version in target.versions
    ]
    lines.append("\nstatic const struct version versions[] = {\n" + "\n".join(rows) + "\n};")
    template = (files("edge_mnist_exporter.program.native") / "library.c").read_text("utf-8")
    return template.replace("NAME", name).replace("/* @VERSIONS@ */", "\n".join(lines))


def _symbol(name: str, what: str, version: str) -> str:
    return f"{name}_{what}_{version}"


def _list_options(compiler: Compiler, target: Target) -> list[str]:
    if not compiler.crosses:
        return [*OPTIONS, "-fPIC"]
    relocatable = ["-fPIC"] if target.suffix != ".dll" else []
    return [*OPTIONS, *relocatable, "-target", target.triple, *target.flags, "-nostdlib"]
