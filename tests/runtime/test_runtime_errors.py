"""The tree of errors at the top of errors.py matches the classes."""

from __future__ import annotations

import inspect
import json
import pickle
import re
from pathlib import Path

import pytest

from edge_mnist_runtime import errors
from edge_mnist_runtime.machine.versions import installed_from, requirement_with

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == errors.__name__
}

TREE_LINE = re.compile(r"^(?P<indent>[ │├└─]*)(?P<name>[A-Z]\w+) +(?P<code>\d+)  \S", re.MULTILINE)


def drawn_tree() -> dict[str, tuple[str | None, int]]:
    """Name of each class in the docstring's tree, with its parent's name and its exit code."""
    drawn: dict[str, tuple[str | None, int]] = {}
    branch: list[tuple[int, str]] = []
    for line in TREE_LINE.finditer(errors.__doc__ or ""):
        depth = len(line["indent"])
        branch = [(other, name) for other, name in branch if other < depth]
        drawn[line["name"]] = (branch[-1][1] if branch else None, int(line["code"]))
        branch.append((depth, line["name"]))
    return drawn


def test_every_class_is_drawn_and_every_drawn_class_exists() -> None:
    assert set(drawn_tree()) == set(CLASSES)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_class_has_the_parent_and_exit_code_in_the_tree(name: str) -> None:
    parent, code = drawn_tree()[name]
    assert CLASSES[name].exit_code == code
    assert CLASSES[name].__base__ is (CLASSES[parent] if parent else Exception)


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_class_has_its_own_docstring(name: str) -> None:
    assert vars(CLASSES[name]).get("__doc__", "").strip()


def test_missing_extra_names_the_command_that_installs_it() -> None:
    error = errors.MissingExtraError("litert", "Running .tflite models")
    assert f'pip install "{requirement_with("litert", installed_from())}"' in str(error)
    assert "Running .tflite models" in str(error)
    assert error.extra == "litert"


@pytest.mark.parametrize("form", ["clone", "edge mnist.whl"])
def test_missing_extra_names_the_path_that_the_package_came_from(form: str, tmp_path: Path) -> None:
    path = tmp_path / form
    origin = json.dumps({"url": path.as_uri(), "dir_info": {"editable": True}})
    assert requirement_with("train", origin) == "edge-mnist[train]", "it is gone"
    path.touch()
    assert requirement_with("train", origin) == f"{path}[train]"


@pytest.mark.parametrize("origin", [None, "{}", json.dumps({"url": "https://example.org/edge-mnist.git"})])
def test_missing_extra_names_the_package_if_it_came_from_an_index(origin: str | None) -> None:
    assert requirement_with("train", origin) == "edge-mnist[train]"


def test_missing_extra_can_be_pickled() -> None:
    error = errors.MissingExtraError("litert", "Running .tflite models")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.extra) == (str(error), "litert")
