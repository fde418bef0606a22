"""Hidden, locked folders in which output is built beside its target before a rename puts it in place."""

from __future__ import annotations

import glob
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edge_mnist_runtime.atomic_file import sync_folder, write_synced

STAGING_SUFFIX: Final = ".partial"
"""Suffix of the hidden folders."""


class StagingFolder:
    """A hidden folder beside `target`, locked while this process lives and removed by `close`.

    It first removes the hidden folders that killed processes left for the same target.

    Raises:
        OSError: It cannot be made.
    """

    def __init__(self, target: Path) -> None:
        _remove_leftovers(target)
        self.path, self._lock = _make_staging(target)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write files, by name, and sync them to disk.

        Raises:
            OSError: The disk is full or a file cannot be written.
        """
        for name, data in files.items():
            write_synced(self.path / name, data)
        sync_folder(self.path)

    def close(self) -> None:
        """Remove the folder and its content."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> StagingFolder:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _make_staging(target: Path) -> tuple[Path, int | None]:
    """Make a hidden folder beside `target`, and lock it while this process lives."""
    while True:
        staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=STAGING_SUFFIX, dir=target.parent))
        lock = _lock(staging)
        if staging.exists():  # another process may have removed it as a leftover before it was locked
            umask = os.umask(0)
            os.umask(umask)
            staging.chmod(0o777 & ~umask)
            return staging, lock


def _remove_leftovers(target: Path) -> None:
    """Remove the hidden folders of killed exports: those that no living process has locked."""
    for folder in target.parent.glob(f".{glob.escape(target.name)}.*{STAGING_SUFFIX}"):
        lock = _lock(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path) -> int | None:
    """Lock a folder until the descriptor is closed or the process ends; None if another process locked or removed it.

    It uses flock(2), because process numbers have no meaning across containers that share a volume.
    """
    if sys.platform == "win32":
        return None  # no flock: leftovers of killed exports stay
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
