"""Describe the C source that an export wrote."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from edge_mnist_runtime.bundles.program_formats import C_FORMAT, C_USE
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.paths import describe_unreadable

HEAD: Final = re.compile(
    r"/\*\n \* (?P<name>\w+): an int8 neural network, as integers alone\n"
    r" \* Written by edge-mnist (?P<version>\S+) from (?P<tflite>\S+)\n"
    r" \* SHA-256 (?P<tflite_sha256>[0-9a-f]{64})\n"
)
"""How such a file begins."""


def describe_c_source(path: Path) -> dict[str, Any]:
    """Describe a .c or .h file by its head, as `edge-mnist info` does.

    Raises:
        UsageError: It cannot be read, or `edge-mnist export` did not write it.
    """
    from hashlib import sha256  # loads OpenSSL, which reading a manifest does without

    try:
        data = path.read_bytes()
    except PermissionError as error:
        raise UsageError(describe_unreadable(path)) from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be opened ({error.strerror})") from error
    head = HEAD.match(data[:1000].decode("utf-8", "replace").replace("\r\n", "\n"))
    if head is None:
        raise UsageError(f"{path}: C, but edge-mnist export did not write it; expected a bundle or a model file")
    return {
        "file": str(path),
        "name": head["name"],
        "format": C_FORMAT,
        "precision": "int8",
        "size_bytes": len(data),
        "sha256": sha256(data).hexdigest(),
        "tflite_sha256": head["tflite_sha256"],
        "written_by": f"edge-mnist {head['version']}",
        "use": C_USE,
        "can_saturate": False,
    }
