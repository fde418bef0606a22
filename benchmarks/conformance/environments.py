"""Install other programs in their own virtual environments and npm folders.

Each is installed once. Delete build/conformance to get newer versions.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from benchmarks.conformance.subject import NotRunHereError


@cache
def make_venv(root: Path, name: str, *packages: str) -> Path:
    """Make a virtual environment with packages from PyPI, and return its Python.

    Raises:
        NotRunHereError: pip cannot install them.
    """
    python = root / "venvs" / name / "bin" / "python"
    with filled_once(root / "venvs" / name) as missing:
        if missing:
            call([sys.executable, "-m", "venv", python.parents[1]], f"cannot make a virtual environment for {name}")
            call([python, "-m", "pip", "install", "--quiet", *packages], f"pip cannot install {' '.join(packages)}")
    return python


@cache
def install_npm_packages(root: Path, *packages: str) -> Path:
    """Install npm packages, without their install scripts, and return the folder.

    Raises:
        NotRunHereError: Node.js or npm is missing, or npm cannot install them.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise NotRunHereError(f"{program} is not installed")
    folder = root / "npm" / packages[0].replace("/", "-").lstrip("@")
    with filled_once(folder) as missing:
        if missing:
            folder.mkdir(parents=True)
            (folder / "package.json").write_text('{"private": true, "type": "module"}\n')
            command = ["npm", "install", "--prefix", folder, "--silent", "--ignore-scripts", *packages]
            call(command, f"npm cannot install {' '.join(packages)}")
    return folder


@contextmanager
def filled_once(folder: Path) -> Iterator[bool]:
    """Yield whether the caller must fill a folder, and mark it as complete after that.

    An incomplete folder of an earlier run is deleted.
    """
    mark = folder / ".made"
    if mark.exists():
        yield False
        return
    shutil.rmtree(folder, ignore_errors=True)
    yield True
    mark.touch()


def call(command: Sequence[object], failure: str, env: dict[str, str] | None = None) -> str:
    """Run a command and return its standard output.

    Raises:
        NotRunHereError: It failed. The message is `failure` and the command's last error line.
    """
    try:
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, errors="replace", env=env, check=False
        )
    except OSError as error:
        raise NotRunHereError(f"{failure}: {error}") from error
    if done.returncode:
        said = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        errors = [line for line in said if line.upper().startswith(("ERROR", "E:", "NPM ERR"))]
        raise NotRunHereError(f"{failure}: {(errors or said or ['no message'])[-1]}")
    return done.stdout
