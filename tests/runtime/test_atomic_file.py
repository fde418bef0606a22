"""A file is replaced as a whole, and nothing else is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_mnist_runtime.atomic_file import replace_file
from edge_mnist_runtime.errors import OutputError


def replace(target: Path, text: str) -> None:
    replace_file(target, lambda partial: partial.write_text(text), advice="name another")


def test_file_that_a_link_names_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("old")
    (tmp_path / "link.html").symlink_to("page.html")
    replace(tmp_path / "link.html", "new")
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "page.html").read_text() == "new"


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.html"
    os.mkfifo(pipe)
    with pytest.raises(OutputError, match=r"pipe\.html: cannot be written \(not a file\); name another"):
        replace(pipe, "new")
    assert pipe.is_fifo()
    assert [*tmp_path.iterdir()] == [pipe]
