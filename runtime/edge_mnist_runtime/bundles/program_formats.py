"""The formats of a model's integer program, as manifests name them: C source, WebAssembly, pages, libraries.

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

PAGE_FORMAT: Final = "page"
PAGE_FILE: Final = "index.html"
PAGE_SUFFIX: Final = ".html"

PAGE_USE: Final = "a page on which anyone draws a digit, for any browser; `edge-mnist demo BUNDLE` shows it"

LIBRARY_FORMAT: Final = "lib"
"""Shared libraries: each runs on one kind of machine (see `libraries`)."""

USES: Final = {C_FORMAT: C_USE, WASM_FORMAT: WASM_USE, PAGE_FORMAT: PAGE_USE}
"""By format, what takes the files that no back end of this package runs."""


def describe_use(suffix: str) -> str | None:
    """What takes a file with this suffix, if it is C, WebAssembly or a page; else None."""
    uses = {**dict.fromkeys(C_SUFFIXES, C_USE), WASM_SUFFIX: WASM_USE, PAGE_SUFFIX: PAGE_USE}
    return uses.get(suffix)
