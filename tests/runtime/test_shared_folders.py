"""Folders shared by all processes of a test run are made once, and never left half made."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

MakeOnce = Callable[[str, Callable[[Path], None]], Path]


def test_folder_is_made_once(make_once: MakeOnce) -> None:
    made: list[Path] = []

    def fill(folder: Path) -> None:
        made.append(folder)
        (folder / "bundle").touch()

    name = f"made-{os.getpid()}"
    assert make_once(name, fill) == make_once(name, fill) == made[0]
    assert len(made) == 1
    assert [path.name for path in made[0].iterdir()] == ["bundle"]


def test_folder_whose_making_failed_is_made_anew(make_once: MakeOnce) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError("no bundle")

    name = f"failing-{os.getpid()}"
    with pytest.raises(RuntimeError, match="no bundle"):
        make_once(name, fail)
    assert list(make_once(name, lambda folder: (folder / "whole").touch()).iterdir()) == [
        make_once(name, fail) / "whole"
    ]
