"""The formats of a model's integer program, as manifests name them: C source, WebAssembly and shared libraries.

Cheap to import: every start of the command line does it.
"""

from __future__ import annotations

from typing import Final

C_FORMAT: Final = "c"
C_SUFFIXES: Final = (".c", ".h")

C_USE: Final = "C source, which a compiler makes part of a program; NAME_self_test() replays its golden digits there"

WASM_FORMAT: Final = "wasm"
WASM_SUFFIX: Final = ".wasm"

WASM_USE: Final = (
    "WebAssembly, which Node and browsers run through the .mjs file beside it; selfTest() replays its golden digits "
    "there"
)

LIBRARY_FORMAT: Final = "lib"
"""Shared libraries: each runs on one kind of machine (see `libraries`)."""

USES: Final = {C_FORMAT: C_USE, WASM_FORMAT: WASM_USE}
"""By format, what takes the files that no back end of this package runs."""


def describe_use(suffix: str) -> str | None:
    """What takes a file with this suffix, if it is C or WebAssembly; else None."""
    return C_USE if suffix in C_SUFFIXES else WASM_USE if suffix == WASM_SUFFIX else None
