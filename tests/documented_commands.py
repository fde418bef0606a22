"""Find the `edge-mnist` commands in README and docs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]

PAGES = ("README.md", *sorted(path.relative_to(REPOSITORY).as_posix() for path in (REPOSITORY / "docs").glob("*.md")))
"""Pages with commands, relative to the repository."""

PROMPT = re.compile(r"^    edge-mnist (?P<arguments>.*)$")
"""A command in an indented block. Commands in running text are incomplete."""


class DocumentedCommand(NamedTuple):
    """A command in a page."""

    page: str
    """A member of `PAGES`."""
    line: int
    """Line number, from 1."""
    arguments: tuple[str, ...]
    """Arguments after `edge-mnist`, without the comment."""

    @property
    def name(self) -> str:
        """Name of the command, such as `classify`."""
        return self.arguments[0]

    def __str__(self) -> str:
        return f"{self.page}:{self.line} {' '.join(self.arguments)}"


def find_commands(*names: str) -> list[DocumentedCommand]:
    """Find every documented command, or those with some names, in order."""
    found = [command for page in PAGES for command in extract_commands((REPOSITORY / page).read_text("utf-8"), page)]
    return [command for command in found if not names or command.name in names]


def extract_commands(text: str, page: str = "") -> list[DocumentedCommand]:
    """Extract the commands from a page's text.

    A backslash continues a command on the next line. A comment begins with ` #`, or is in parentheses after at least
    three spaces.
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
