"""Choose the compiler for a library."""

from __future__ import annotations

import os

from edge_mnist_exporter.program.compiler import Compiler, find_compiler, find_cross_compiler
from edge_mnist_exporter.targets import Target
from edge_mnist_runtime.errors import MissingExtraError
from edge_mnist_runtime.machine.native_target import host_targets


def choose_compiler(target: Target) -> Compiler:
    """The compiler for a target: ziglang's; for this machine also the one that CC names, cc, gcc or clang.

    Raises:
        MissingExtraError: There is none: the extra `native` brings ziglang.
        UsageError: CC names something that does not run.
    """
    is_host = target.name in host_targets()[:1]
    own = find_compiler if is_host else lambda: None
    order = (own, find_cross_compiler) if os.environ.get("CC") else (find_cross_compiler, own)
    found = next(filter(None, (find() for find in order)), None)
    if found is None:
        raise MissingExtraError("native", f"Compiling a library for {target.name}")
    return found
