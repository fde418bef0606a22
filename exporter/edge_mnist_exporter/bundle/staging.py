"""Hidden folders in which something is built before it appears: on the disk of its target, locked, swept up later."""

from __future__ import annotations

import glob
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

STAGING_SUFFIX: Final = ".partial"
"""Of the hidden folders."""


class StagingFolder:
    """A hidden folder beside `target`, locked for as long as this process lives, and removed when it is closed.

    What killed processes left there for the same target is removed first.

    Raises:
        OSError: It cannot be made.
    """

    def __init__(self, target: Path) -> None:
        _remove_leftovers(target)
        self.path, self._lock = _make_staging(target)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write files, by name, through to the disk.

        Raises:
            OSError: The disk is full or a file cannot be written.
        """
        for name, data in files.items():
            with (self.path / name).open("wb") as handle:
                handle.write(data)
                handle.flush()
                os.fsync(handle.fileno())
        sync_folder(self.path)

    def close(self) -> None:
        """Remove the folder and whatever is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> StagingFolder:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _make_staging(target: Path) -> tuple[Path, int | None]:
    """Make a hidden folder beside `target`, and lock it for as long as this process lives."""
    while True:
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=STAGING_SUFFIX, dir=target.parent))
        lock = _lock(staging)
        if staging.exists():  # another process may have taken it for a leftover before it was locked
            umask = os.umask(0)
            os.umask(umask)
            staging.chmod(0o777 & ~umask)
            return staging, lock


def _remove_leftovers(target: Path) -> None:
    """Remove the hidden folders of exports that were killed: those that no living process has locked."""
    for folder in target.parent.glob(f".{glob.escape(target.name)}.*{STAGING_SUFFIX}"):
        lock = _lock(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """Lock a folder until the descriptor is closed or the process dies; None where somebody else locked or removed it.

    flock(2), not a process number in the name: numbers mean nothing across containers that share a volume.
    """
    if sys.platform == "win32":
        return None  # no flock: leftovers of killed exports stay there
    import fcntl

    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def sync_folder(folder: Path) -> None:
    """Have the names in a folder written to the disk."""
    if os.name == "nt":
        return  # Windows cannot open folders; its renames are written through
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
