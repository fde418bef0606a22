"""The folders of each package import one way, and each says in its docstring what it may import.

Imports inside functions count, too. `tests/runtime/test_import_direction.py` holds the order of the three packages.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

ORDER = {
    "runtime": (
        "lazy_names tensor box machine errors extras paths preprocess contract dataset timing engines bundles images "
        "prediction reading acceptance rows inputs predictions prediction_pool classifier_info classifier bench doctor "
        "commands __main__"
    ),
    "trainer": (
        "augment config typed_json run_record run_folder data networks fit evaluate report training_run commands"
    ),
    "exporter": (
        "kinds gate_config config audit source formats conversion evaluate bundle report images measurement mixed "
        "exporting commands"
    ),
}
"""Folders and single modules of each package: each imports only what stands before it."""


def module_name(path: Path) -> str:
    """`a.b` for `a/b.py`, and for `a/b/__init__.py`."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_between(sources: dict[str, str], package: str) -> set[tuple[str, str]]:
    """Which folder or module of a package imports which other one, by their first names inside the package."""
    found = set()
    for name, source in sources.items():
        room = name.partition(".")[0]
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
                if owner == package and target and target != room:
                    found.add((room, target))
    return found


def read_sources(stage: str) -> dict[str, str]:
    """Every module of a package but its own `__init__`, by its name inside the package."""
    folder = REPOSITORY / stage / f"edge_mnist_{stage}"
    paths = {path.relative_to(folder): path for path in sorted(folder.rglob("*.py"))}
    return {module_name(inside): path.read_text("utf-8") for inside, path in paths.items() if module_name(inside)}


def rooms_of(stage: str) -> list[str]:
    return ORDER[stage].split()


@pytest.mark.parametrize("stage", ORDER)
def test_every_folder_has_its_place(stage):
    without_code = {"pyinstaller"}  # a hook that PyInstaller runs
    assert {name.partition(".")[0] for name in read_sources(stage)} - without_code == {*rooms_of(stage)}


@pytest.mark.parametrize("stage", ORDER)
def test_folders_import_only_what_stands_before_them(stage):
    rooms = rooms_of(stage)
    names = {*rooms}
    found = imports_between(read_sources(stage), f"edge_mnist_{stage}")
    assert [
        (room, target)
        for room, target in sorted(found)
        if room in names and target in names and rooms.index(target) >= rooms.index(room)
    ] == []


@pytest.mark.parametrize("stage", ORDER)
def test_docstring_of_a_folder_says_what_it_imports(stage):
    folder = REPOSITORY / stage / f"edge_mnist_{stage}"
    found = imports_between(read_sources(stage), f"edge_mnist_{stage}")
    for room in rooms_of(stage):
        if not (folder / room).is_dir():
            continue
        docstring = ast.get_docstring(ast.parse((folder / room / "__init__.py").read_text("utf-8")))
        assert docstring is not None
        assert re.search(r"^Comes in: .+ Goes out: .+$", docstring, re.MULTILINE), room
        said = re.search(r"^May import: (.+?)\.$", docstring, re.MULTILINE | re.DOTALL)
        assert said, room
        allowed = set() if said[1] == "nothing of this package" else {*re.split(r",\s+", said[1])}
        assert {target for source, target in found if source == room} & {*rooms_of(stage)} == allowed, room


def test_the_check_of_imports_can_fail():
    sources = {
        "low.a": "def f():\n    from edge_mnist_runtime.high import b",
        "high.b": "import edge_mnist_runtime.low.a",
    }
    assert imports_between(sources, "edge_mnist_runtime") == {("low", "high"), ("high", "low")}
