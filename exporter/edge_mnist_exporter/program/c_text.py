"""Pieces of C text: comments, arrays of numbers, structures."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy.typing as npt

from edge_mnist_exporter.program.program import Value

COLUMNS: Final = 116
"""Of a line of C."""


def comment(lines: Iterable[str]) -> str:
    """A comment of several lines."""
    return "/*\n" + "".join(f" * {line}".rstrip() + "\n" for line in lines) + " */"


def rule(title: str) -> str:
    """The heading of a part of a file."""
    return f"/* ---- {title} ".ljust(COLUMNS, "-") + " */\n"


def wrap(text: str) -> str:
    """Text that is broken at its spaces, indented as the content of braces is."""
    return textwrap.fill(text, COLUMNS, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)


def array(c_type: str, name: str, values: npt.NDArray[Any], shape: str) -> str:
    """A constant array; `shape` is what its comment says."""
    numbers = wrap(", ".join(map(str, values.reshape(-1).tolist())))
    return f"static const {c_type} {name}[{values.size}] = {{ /* {shape} */\n{numbers}\n}};\n"


def structure(kind: str, name: str, fields: dict[str, Any]) -> str:
    """A constant structure, field by field."""
    # A field is never torn from its value.
    content = wrap(", ".join(f".{field}\0=\0{value}".replace(", ", ",\0") for field, value in fields.items()))
    return f"static const struct {kind} {name} = {{\n{content}\n}};\n".replace("\0", " ")


def braces(values: Sequence[int]) -> str:
    """Values of an array inside a structure."""
    return f"{{{', '.join(map(str, values))}}}"


def show_shape(value: Value) -> str:
    """Height x width x channels; of one pixel, its channels alone."""
    return " x ".join(map(str, value.shape)) if value.height * value.width > 1 else str(value.channels)
