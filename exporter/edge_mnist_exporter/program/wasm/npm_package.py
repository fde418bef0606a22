"""Describe a bundle's WebAssembly as a package for npm: with this file, `npm pack` in the bundle makes one."""

from __future__ import annotations

import json
from typing import Final

from packaging.version import Version

from edge_mnist_exporter.program.c_program import CProgram

PACKAGE_FILE: Final = "package.json"


def describe_npm_package(program: CProgram) -> bytes:
    """The text of package.json, UTF-8. npm takes only lower-case names, and versions of three numbers."""
    model, version = f"{program.name}_int8", Version(program.version)
    record = {
        "name": f"edge-mnist-{program.name.lower()}",
        "version": f"{version.major}.{version.minor}.{version.micro}",
        "description": f"The int8 network {program.name} as WebAssembly, with what loads it",
        "type": "module",
        "exports": {
            ".": {"types": f"./{model}.d.mts", "default": f"./{model}.mjs"},
            "./model.wasm": f"./{model}.wasm",
        },
        "files": [f"{model}{end}" for end in (".wasm", ".mjs", ".d.mts")],
    }
    return (json.dumps(record, indent=2) + "\n").encode()
