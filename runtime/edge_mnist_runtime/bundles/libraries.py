"""Which compiled libraries run on this machine: those of a bundle, and those inside this package.

`make wheel` compiles the models of this package, where ziglang is installed, and lists the libraries in LIBRARIES.
"""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Final

from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS, MODELS_FOLDER, read_package_file
from edge_mnist_runtime.bundles.program_formats import LIBRARY_FORMAT
from edge_mnist_runtime.engines import suffix_of
from edge_mnist_runtime.engines.options import SUFFIXES_OF
from edge_mnist_runtime.errors import HashMismatchError, ManifestError, UsageError
from edge_mnist_runtime.machine.native_target import host_targets

LIBRARIES: Final = os.path.join(MODELS_FOLDER, "libraries.json")  # noqa: PTH118
"""SHA-256 of every library inside this package, by its file name."""


def is_library(file: str) -> bool:
    """Whether a file is a library, by its suffix."""
    return suffix_of(file) in SUFFIXES_OF[LIBRARY_FORMAT]


def target_of(file: str) -> str:
    """The machine in the name of a library: `x86_64-linux` of `edge_int8.x86_64-linux.so`; empty if there is none."""
    parts = os.path.basename(file).split(".")  # noqa: PTH119
    return parts[-2] if len(parts) > 2 else ""


def why_not_here(file: str) -> str | None:
    """Why a library does not run on this machine, by its name; None if it does."""
    here = host_targets()
    if target_of(file) in here:
        return None
    machine = here[0] if here else "none of the known kinds"
    return f"a library for {target_of(file) or 'an unnamed machine'}; this machine is {machine}"


def find_bundled_library(model: str) -> tuple[str, bytes] | None:
    """The name and the proved bytes of the library of a model inside this package; None if there is none.

    Args:
        model: Name of the model.

    Raises:
        HashMismatchError: The library is missing or changed.
        ManifestError: The list of libraries is malformed.
    """
    hashes = list_bundled_libraries()
    found = (name for target in host_targets() for name in hashes if name.startswith(f"{model}_int8.{target}."))
    name = next(found, None)
    if name is None:
        return None
    path = os.path.join(MODELS_FOLDER, name)  # noqa: PTH118
    from hashlib import sha256  # loads OpenSSL

    try:
        data = read_package_file(path)
    except OSError as error:
        raise HashMismatchError(f"{path}: {error.strerror}; install edge-mnist again") from error
    if sha256(data).hexdigest() != hashes[name]:
        raise HashMismatchError(f"{path}: not the library that belongs to this package; install edge-mnist again")
    return name, data


def require_bundled_library(model: str) -> tuple[str, bytes]:
    """Like `find_bundled_library`, but raise `UsageError` if there is none."""
    found = find_bundled_library(model)
    if found is None:
        here = host_targets()
        raise UsageError(
            f"{model}: this installation has no compiled library of it for "
            f"{here[0] if here else 'this kind of machine'}; an export of {model} as a library makes one, and a wheel "
            "that `make wheel` builds with ziglang has them"
        )
    return found


@cache
def list_bundled_libraries() -> dict[str, str]:
    """SHA-256 of every library inside this package, by file name; empty where none were compiled.

    Raises:
        ManifestError: The list is malformed.
    """
    try:
        hashes = json.loads(read_package_file(LIBRARIES))
    except OSError:
        return {}
    except ValueError as error:
        raise ManifestError(f"{LIBRARIES}: malformed ({error}); install edge-mnist again") from error
    if not isinstance(hashes, dict) or not all(isinstance(value, str) for value in hashes.values()):
        raise ManifestError(f"{LIBRARIES}: malformed; install edge-mnist again")
    return hashes


def describe_bundled_libraries() -> str:
    """For which machines this package has compiled libraries of its models, in one phrase."""
    targets = sorted({target_of(name) for name in list_bundled_libraries()})
    if not targets:
        return "none: built without ziglang"
    names = ", ".join(BUNDLED_MODELS)
    here = "; one runs here" if set(targets).intersection(host_targets()) else "; none for this machine"
    return f"{names} for {', '.join(targets)}{here}"
