"""Every import of every benchmark can be found."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"

MODULES = [
    path.relative_to(BENCHMARKS)
    for path in sorted(BENCHMARKS.rglob("*.py"))
    if "workers" not in path.parts  # these run in other environments
]


NOT_NEEDED = ("ray",)
"""The benchmark of archives leaves Ray out where it is not installed; `make archive-test` installs it."""


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_are_found(module: Path) -> None:
    for node in ast.walk(ast.parse((BENCHMARKS / module).read_text("utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            assert name in NOT_NEEDED or find_spec(name), name
