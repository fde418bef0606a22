"""Check what C programs and libraries need, before the long work of an export begins."""

from __future__ import annotations

from collections.abc import Iterable

from edge_mnist_exporter.kinds import Kind
from edge_mnist_exporter.program.c_source import check_c_name
from edge_mnist_exporter.program.native.toolchain import choose_compiler


def check_programs(name: str, kinds: Iterable[Kind]) -> None:
    """Check a model's name, and find the compiler of every library.

    Raises:
        UsageError: The name is no C identifier, or CC names something that does not run.
        MissingExtraError: There is no compiler for a library's target.
    """
    for kind in kinds:
        if kind.is_program:
            check_c_name(name)
        if kind.target is not None:
            choose_compiler(kind.target)
