"""Write a project: the C program, a main file that reads golden digits, and a README with the measured figures.

Each folder beside this file holds what a kind of project consists of besides the C files. `@word@` in a file is
replaced by a figure.
"""

from __future__ import annotations

import math
import re
from importlib.abc import Traversable
from importlib.resources import files
from typing import Final

from edge_mnist_exporter.config import ProjectConfig
from edge_mnist_exporter.program.c_program import CProgram, ProgramReport, draw_golden
from edge_mnist_exporter.program.c_source import GoldenVectors
from edge_mnist_exporter.program.c_text import braces, wrap
from edge_mnist_exporter.program.drawing import DRAWING_HEADER, read_drawing_files
from edge_mnist_runtime.errors import OutputError

PLACES: Final = {
    "cmake": ("", ""),
    "arduino": ("src", "examples/GoldenDigits"),
    "zephyr": ("src", "src"),
}
"""By kind of project: the folders of the C program and of the golden digits."""

WORD: Final = re.compile(r"@(\w+)@")

KIB: Final = 1024

DRAWINGS: Final = """
`{header}` explains how to make the 28 x 28 pixels of a drawing of any size.
"""
"""A paragraph of the README."""


def write_project(project: ProjectConfig, program: CProgram, proof: ProgramReport, accuracy: str) -> None:
    """Write a project.

    Args:
        project: Which, and where to.
        program: The C program.
        proof: What it needs, for the README.
        accuracy: A sentence on how well it reads, for the README.

    Raises:
        OutputError: Something is in the way, or a file cannot be written.
    """
    project.check_folder()
    golden = draw_golden(program.kernels)
    code_folder, golden_folder = PLACES[project.kind]
    code = {f"{code_folder}/{name}".lstrip("/"): text for name, text in _list_code(program).items()}
    words = {
        "name": program.name,
        "version": program.version,
        "count": str(len(golden.images)),
        "arena_bytes": str(program.source.arena_bytes),
        "constant_bytes": str(program.source.constant_bytes),
        "min_ram_kib": str(math.ceil(program.source.arena_bytes / KIB) + 8),
        "min_flash_kib": str(math.ceil((program.source.constant_bytes + golden.images.size) / KIB) + 32),
        "figures": _describe(proof, accuracy),
        "sources": " ".join(path for path in code if path.endswith(".c")),
        "drawings": DRAWINGS.format(header=f"{code_folder}/{DRAWING_HEADER}".lstrip("/"))
        if program.reads_drawings
        else "",
    }
    contents = {
        **code,
        f"{golden_folder}/golden_digits.h": _write_golden(program.name, golden),
        **_fill(files("edge_mnist_exporter.program.projects") / project.kind, words),
    }
    try:
        for name, text in contents.items():
            path = project.folder / name.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    except OSError as error:
        raise OutputError(f"`project` {project.folder}: cannot be written ({error.strerror})") from error


def _list_code(program: CProgram) -> dict[str, str]:
    """The C files, by name."""
    code = {f"{program.name}_int8.c": program.source.source, f"{program.name}_int8.h": program.source.header}
    if program.reads_drawings:
        code |= {name: content.decode() for name, content in read_drawing_files().items()}
    return code


def _fill(folder: Traversable, words: dict[str, str], prefix: str = "") -> dict[str, str]:
    """Texts of all files in a folder and below, by their paths in it, with the words replaced."""
    found: dict[str, str] = {}
    for item in folder.iterdir():
        path = f"{prefix}{item.name}"
        if item.is_dir():
            found |= _fill(item, words, f"{path}/")
        else:
            found[path] = WORD.sub(lambda word: words[word[1]], item.read_text("utf-8"))
    return found


def _write_golden(name: str, golden: GoldenVectors) -> str:
    flat = golden.images.reshape(len(golden.images), -1)
    arrays = "\n".join(
        f"static const uint8_t {c_name}[golden_count][{rows.shape[1]}] = {{\n"
        + ",\n".join(wrap(braces(row)) for row in rows.tolist())
        + "\n};\n"
        for c_name, rows in (("golden_digits", flat), ("golden_scores", golden.scores))
    )
    return f"""/* Images that edge-mnist draws, and the scores that {name} gives them on every processor */
#ifndef GOLDEN_DIGITS_H
#define GOLDEN_DIGITS_H

#include <stdint.h>

enum {{ golden_count = {len(flat)} }};

{arrays}
#endif
"""


def _describe(proof: ProgramReport, accuracy: str) -> str:
    return f"## Measured by the export\n{accuracy}\n\n{proof}.\n"
