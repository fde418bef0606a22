"""The folders of each package import only earlier folders, and their docstrings list these imports.

Imports inside functions count too. `tests/runtime/test_import_direction.py` checks the order of the packages.
"""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

ORDER = {
    "runtime": (
        "lazy_names tensor box machine errors atomic_file extras paths preprocess thresholds contract dataset timing "
        "engines bundles images "
        "prediction reading acceptance rows inputs predictions prediction_pool picture_report web "
        "classifier_info classifier bench doctor installation service archive "
        "commands __main__"
    ),
    "trainer": (
        "augment config typed_json run_record run_folder data networks fit evaluate report training_run commands"
    ),
    "exporter": (
        "targets kinds gate_config config golden_images tflite_schema audit program source formats conversion evaluate "
        "bundle report images measurement mixed exporting commands"
    ),
}
"""Folders and top-level modules of each package. Each imports only earlier ones."""


def module_name(path: Path) -> str:
    """Return `a.b` for `a/b.py` and `a/b/__init__.py`."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_between(sources: dict[str, str], package: str) -> set[tuple[str, str]]:
    """Find the imports between the folders and top-level modules of a package, as (importer, imported)."""
    found = set()
    for name, source in sources.items():
        unit = name.partition(".")[0]
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            for module in modules:
                owner, _, inside = module.partition(".")
                target = inside.partition(".")[0]
                if owner == package and target and target != unit:
                    found.add((unit, target))
    return found


def read_sources(stage: str) -> dict[str, str]:
    """Read every module of a package except its `__init__`, by its name inside the package."""
    folder = REPOSITORY / stage / f"edge_mnist_{stage}"
    paths = {path.relative_to(folder): path for path in sorted(folder.rglob("*.py"))}
    return {module_name(inside): path.read_text("utf-8") for inside, path in paths.items() if module_name(inside)}


def units_of(stage: str) -> list[str]:
    return ORDER[stage].split()


@pytest.mark.parametrize("stage", ORDER)
def test_every_folder_is_in_the_order(stage):
    without_code = {"pyinstaller"}  # a hook that PyInstaller runs
    assert {name.partition(".")[0] for name in read_sources(stage)} - without_code == {*units_of(stage)}


@pytest.mark.parametrize("stage", ORDER)
def test_folders_import_only_earlier_ones(stage):
    units = units_of(stage)
    names = {*units}
    found = imports_between(read_sources(stage), f"edge_mnist_{stage}")
    assert [
        (unit, target)
        for unit, target in sorted(found)
        if unit in names and target in names and units.index(target) >= units.index(unit)
    ] == []


@pytest.mark.parametrize("stage", ORDER)
def test_docstring_of_a_folder_lists_its_imports(stage):
    folder = REPOSITORY / stage / f"edge_mnist_{stage}"
    found = imports_between(read_sources(stage), f"edge_mnist_{stage}")
    for unit in units_of(stage):
        if not (folder / unit).is_dir():
            continue
        docstring = ast.get_docstring(ast.parse((folder / unit / "__init__.py").read_text("utf-8")))
        assert docstring is not None
        assert re.search(r"^Comes in: .+ Goes out: .+$", docstring, re.MULTILINE), unit
        said = re.search(r"^May import: (.+?)\.$", docstring, re.MULTILINE | re.DOTALL)
        assert said, unit
        allowed = set() if said[1] == "nothing of this package" else {*re.split(r",\s+", said[1])}
        assert {target for source, target in found if source == unit} & {*units_of(stage)} == allowed, unit


def imports_of_modules(sources: dict[str, str], package: str) -> dict[str, set[str]]:
    """Find the modules of a package that each of its modules imports, without imports for types alone."""
    return {name: set(_imported(ast.parse(source), sources, package)) - {name} for name, source in sources.items()}


def _imported(node, sources: dict[str, str], package: str):
    if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
        return
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}."):
        inside = node.module.removeprefix(f"{package}.")
        for alias in node.names:
            module = f"{inside}.{alias.name}"
            yield module if module in sources else inside
    for child in ast.iter_child_nodes(node):
        yield from _imported(child, sources, package)


@pytest.mark.parametrize("stage", ORDER)
def test_modules_do_not_import_each_other_in_a_circle(stage):
    TopologicalSorter(imports_of_modules(read_sources(stage), f"edge_mnist_{stage}")).prepare()


def test_a_circle_inside_functions_is_found():
    sources = {
        "engines": "def f():\n    from edge_mnist_runtime.engines.onnx import Session",
        "engines.onnx": "from edge_mnist_runtime.engines import Engine",
    }
    with pytest.raises(CycleError):
        TopologicalSorter(imports_of_modules(sources, "edge_mnist_runtime")).prepare()


def test_imports_between_finds_a_cycle():
    sources = {
        "low.a": "def f():\n    from edge_mnist_runtime.high import b",
        "high.b": "import edge_mnist_runtime.low.a",
    }
    assert imports_between(sources, "edge_mnist_runtime") == {("low", "high"), ("high", "low")}
