"""Messages of the library make sense without a command line: options are named in the folders commands/ alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from edge_mnist_runtime.commands.app import build_app
from edge_mnist_runtime.commands.option_names import PARAMETER

REPOSITORY = Path(__file__).resolve().parents[1]

PACKAGES = ("runtime", "trainer", "exporter")

OPTION = re.compile(r"(?<![\w-])--[a-z]|(?<!\S)-o\b")

OTHER_PROGRAMS = {"build.py", "compiler.py", "instructions.py", "library.py", "proof.py"}
"""Modules that run another program, with its options."""

STYLE = re.compile(r"var\(--\w+\)|--\w+:(?! )")
"""A variable of a style sheet, which looks like an option."""


def strings_of(source: str) -> Iterator[tuple[int, str]]:
    """Every string of a module, also in f-strings and docstrings, by its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def messages_of(source: str) -> Iterator[tuple[int, str]]:
    """Every string that an error is made from, by its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("Error"):
            yield from ((line, text) for line, text in strings_of(ast.unparse(node)))


def sources() -> dict[str, str]:
    """Every module outside commands/, by its path."""
    return {
        path.relative_to(REPOSITORY).as_posix(): path.read_text("utf-8")
        for package in PACKAGES
        for path in sorted((REPOSITORY / package / f"edge_mnist_{package}").rglob("*.py"))
        if "commands" not in path.parts and path.name not in OTHER_PROGRAMS
    }


def find_options(source: str) -> list[tuple[int, str]]:
    return [(line, text) for line, text in strings_of(source) if OPTION.search(STYLE.sub("", text))]


def test_no_module_outside_commands_names_an_option():
    assert {path: found for path, source in sources().items() if (found := find_options(source))} == {}


def test_every_parameter_that_an_error_names_is_one_of_a_command():
    """Else the command line would print backticks: rename the command's parameter, or write of something else."""
    elsewhere = {"warmup", "open_model", "auto"}  # of Python alone; a function; a mode
    commands = typer.main.get_command(build_app()).commands
    known = {*elsewhere, *commands, *(parameter.name for command in commands.values() for parameter in command.params)}
    unknown = {
        (path, name)
        for path, source in sources().items()
        for _, text in messages_of(source)
        for name, _ in PARAMETER.findall(text)
        if name not in known
    }
    assert unknown == set()


@pytest.mark.parametrize(
    "source",
    ['f"--data {path}: no such folder"', '"start anew with --force"', '"name another with -o"', '"""See `x --raw`."""'],
)
def test_the_search_for_options_finds_one(source):
    assert find_options(source)


@pytest.mark.parametrize("source", ['"td{color:var(--good)}"', "f\"<td style='--red:{red}'>\"", '"a -- b"', '"--"'])
def test_the_search_for_options_passes_what_is_none(source):
    assert not find_options(source)
