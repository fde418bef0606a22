"""Imports point one way: runtime <- trainer <- exporter. Read from the source, so lazy imports count too."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

NEVER_IN_RUNTIME = {"tensorflow", "keras", "onnx", "tf2onnx", "sklearn", "matplotlib", "jinja2"}
COMMAND_LINE_ONLY = {"rich", "typer"}
SERVICE_ONLY = {"fastapi", "starlette", "uvicorn", "anyio", "pydantic", "pydantic_core", "prometheus_client"}
DRAWING = (Path("bench/plot.py"), "matplotlib")
"""The one module that may draw, on request, with an extra of its own."""
IMPORTING_CALLS = {"import_module", "__import__", "find_spec"}


def imported_packages(source: str) -> set[str]:
    """Top-level packages that a module imports anywhere, also inside functions and by `import_module("...")`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in IMPORTING_CALLS:
                names.add(str(node.args[0].value))
    return {name.partition(".")[0] for name in names}


def imports_of(package: Path) -> dict[Path, set[str]]:
    """What each module of a package imports, by its path inside the package."""
    modules = sorted(package.rglob("*.py"))
    assert modules, f"no source under {package}"
    return {module.relative_to(package): imported_packages(module.read_text("utf-8")) for module in modules}


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [("runtime", {"edge_mnist_trainer", "edge_mnist_exporter"}), ("trainer", {"edge_mnist_exporter"})],
)
def test_stage_never_imports_a_later_stage(package: str, forbidden: set[str], package_folders: dict[str, Path]) -> None:
    found = imports_of(package_folders[package])
    assert {module: names & forbidden for module, names in found.items() if names & forbidden} == {}


def test_exporter_does_import_the_runtime(package_folders: dict[str, Path]) -> None:
    assert any("edge_mnist_runtime" in names for names in imports_of(package_folders["exporter"]).values())


def test_runtime_never_imports_a_training_library(package_folders: dict[str, Path]) -> None:
    found = imports_of(package_folders["runtime"])
    users = {(module, name) for module, names in found.items() for name in names & NEVER_IN_RUNTIME}
    assert users == {DRAWING}


def test_only_the_command_line_imports_rich_and_typer(package_folders: dict[str, Path]) -> None:
    found = imports_of(package_folders["runtime"])
    users = {module for module, names in found.items() if names & COMMAND_LINE_ONLY}
    assert {module for module in users if module.parts[0] not in ("__main__.py", "commands")} == set()


def test_only_the_service_imports_its_web_server(package_folders: dict[str, Path]) -> None:
    found = imports_of(package_folders["runtime"])
    assert {module.parts[0] for module, names in found.items() if names & SERVICE_ONLY} == {"service"}


@pytest.mark.parametrize(
    "source",
    [
        "import edge_mnist_exporter.exporting",
        "from edge_mnist_exporter import export",
        "def f():\n    from edge_mnist_exporter.exporting import export",
        "if TYPE_CHECKING:\n    import edge_mnist_exporter as e",
        "importlib.import_module('edge_mnist_exporter.exporting')",
        "__import__('edge_mnist_exporter')",
    ],
)
def test_the_check_of_imports_can_fail(source: str) -> None:
    assert "edge_mnist_exporter" in imported_packages(source)
