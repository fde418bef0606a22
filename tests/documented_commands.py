"""The commands that README and docs show, as a reader would type them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]

PAGES = ("README.md", *sorted(path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "docs").glob("*.md")))
"""Where commands are documented, below the repository."""

PROMPT = re.compile(r"^    edge-mnist (?P<arguments>.*)$")
"""A line of an indented block: what is in running text is no whole command."""


class DocumentedCommand(NamedTuple):
    """One command."""

    page: str
    """A member of `PAGES`."""
    line: int
    """Counted from 1."""
    arguments: tuple[str, ...]
    """What follows `edge-mnist`, without the comment."""

    @property
    def name(self) -> str:
        """Of the command: `classify`, `export`, ..."""
        return self.arguments[0]

    def __str__(self) -> str:
        return f"{self.page}:{self.line} {' '.join(self.arguments)}"


def find_commands(*names: str) -> list[DocumentedCommand]:
    """Every documented command, or those of some names, in order."""
    found = [command for page in PAGES for command in extract_commands((REPOSITORY / page).read_text("utf-8"), page)]
    return [command for command in found if not names or command.name in names]


def extract_commands(text: str, page: str = "") -> list[DocumentedCommand]:
    """The commands in a page's text.

    A backslash at the end goes on in the next line. A comment begins at ` #`; a remark in brackets, set apart by three
    blanks, is one, too.
    """
    lines = text.splitlines()
    found = []
    for number, line in enumerate(lines):
        if match := PROMPT.match(line):
            typed, at = match["arguments"], number
            while typed.rstrip().endswith("\\"):
                at += 1
                typed = f"{typed.rstrip()[:-1]} {lines[at].strip()}"
            arguments = tuple(shlex.split(re.sub(r"   +\(.*\)$", "", typed), comments=True))
            found.append(DocumentedCommand(page, number + 1, arguments))
    return found
