"""examples/minimal.py, run as its first line says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_digit_and_confidence_of_every_picture_are_printed(examples: Path, pictures: dict[str, Path]) -> None:
    done = subprocess.run(
        [sys.executable, examples / "minimal.py", *pictures.values()],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 10
    for line, (name, path) in zip(lines, pictures.items(), strict=True):
        assert line.startswith(f"{path}: {name[0]} ("), line
        assert "%)" in line


def test_it_has_five_lines_of_code(examples: Path) -> None:
    code = [line for line in (examples / "minimal.py").read_text().split('"""')[2].splitlines() if line.strip()]
    assert len([line for line in code if not line.startswith(("import", "from"))]) <= 5
