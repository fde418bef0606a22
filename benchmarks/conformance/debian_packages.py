"""Find programs from Debian packages; install missing ones as root, or unpack them in the build folder."""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.conformance.environments import call
from benchmarks.conformance.subject import NotRunHereError

PACKAGES: Final = {
    "qemu-x86_64-static": "qemu-user-static",
    "qemu-aarch64-static": "qemu-user-static",
    "chromium": "chromium",
}
"""The Debian package of each program."""

SELF_CONTAINED: Final = ("qemu-user-static",)
"""Packages that run where they are unpacked. The others need their dependencies, so root must install them."""


@cache
def find_program(root: Path, program: str) -> str:
    """Return the path of a program. If it is missing, root installs it, and any other user unpacks it.

    Raises:
        NotRunHereError: It cannot be installed.
    """
    package = PACKAGES[program]
    unpacked = root / "debian" / package / "usr" / "bin" / program
    found = shutil.which(program) or (str(unpacked) if unpacked.exists() else None)
    if found:
        return found
    if shutil.which("apt-get") is None:
        raise NotRunHereError(f"{program} is not installed, and there is no apt-get to install {package}")
    if os.geteuid() == 0:
        call(["apt-get", "update", "-qq"], "apt-get update")
        call(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package], f"apt-get install {package}")
    elif package not in SELF_CONTAINED:
        raise NotRunHereError(f"{program} is not installed, and only root can install {package}")
    else:
        archives = root / "debian" / "archives"
        archives.mkdir(parents=True, exist_ok=True)
        call(
            ["sh", "-c", 'cd "$0" && exec apt-get download -qq "$1"', archives, package], f"apt-get download {package}"
        )
        unpack_archives(archives, root / "debian" / package)
    found = shutil.which(program) or (str(unpacked) if unpacked.exists() else None)
    if found is None:
        raise NotRunHereError(f"{package} does not contain {program}")
    return found


def unpack_archives(archives: Path, target: Path) -> None:
    """Unpack every .deb file of a folder into `target`, without root.

    Raises:
        NotRunHereError: dpkg fails.
    """
    target.mkdir(parents=True, exist_ok=True)
    for archive in sorted(archives.glob("*.deb")):
        call(["dpkg", "-x", archive, target], f"dpkg -x {archive.name}")
