"""Bundles appear whole or not at all.

A bundle is built in a hidden folder beside its target, synced to disk, and put in place by one rename. Where an older
bundle stands in that place, the two folders change names in one step (renameat2 with RENAME_EXCHANGE on Linux,
renamex_np with RENAME_SWAP on macOS), so that at every moment the target is one whole bundle.
"""

from __future__ import annotations

import ctypes
import errno
import glob
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from edge_mnist_runtime.errors import OutputError, UsageError
from edge_mnist_runtime.manifest import MANIFEST_FILE

STAGING_SUFFIX: Final = ".partial"
"""Of the hidden folders that bundles are built in."""

AT_FDCWD: Final = -100
RENAME_EXCHANGE: Final = 2
"""Flag of Linux's renameat2(2); macOS's RENAME_SWAP has the same value."""


class BundleWriter:
    """Writes one bundle. Made before the work begins, so that a target that cannot be written is found out at once.

    Args:
        target: Where the bundle shall be: a new or empty folder, or an older bundle, which is replaced.

    Raises:
        UsageError: There is something else at `target`.
        OutputError: Nothing can be written there.
    """

    def __init__(self, target: Path) -> None:
        self.target = Path(os.path.realpath(target))  # a link keeps pointing where it points
        if not self.target.name:
            raise UsageError(f"{target}: a bundle cannot be the root folder; name another with -o")
        with _explained(self.target):
            _recover(self.target)
            _check_replaceable(self.target)
            self.target.parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(self.target)
            self._staging, self._lock = _make_staging(self.target)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write all files, by name, and put the bundle in place.

        Raises:
            OutputError: The disk is full or a file cannot be written; an older bundle is untouched.
        """
        with _explained(self.target):
            for name, data in files.items():
                with (self._staging / name).open("wb") as handle:
                    handle.write(data)
                    handle.flush()
                    os.fsync(handle.fileno())
            _sync_folder(self._staging)
            _check_replaceable(self.target)  # again: it is minutes since the work began
            _put_in_place(self._staging, self.target)
            _sync_folder(self.target.parent)

    def close(self) -> None:
        """Remove the hidden folder: a bundle that was not finished, or the older one that was replaced."""
        shutil.rmtree(self._staging, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> BundleWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _check_replaceable(target: Path) -> None:
    """Raise `UsageError` unless `target` is absent, an empty folder, or a bundle and nothing but a bundle."""
    if not target.exists():
        return
    if not target.is_dir():
        raise UsageError(f"{target}: exists and is no folder; name another with -o")
    present = {path.name for path in target.iterdir()}
    unknown = present - _bundle_files(target / MANIFEST_FILE)
    if unknown:
        raise UsageError(
            f"{target}: holds {min(unknown)}, which belongs to no bundle and would be lost; name another folder with -o"
        )


def _bundle_files(manifest: Path) -> set[str]:
    """Names of the files that belong to a bundle of any version, by its manifest; none where it is no manifest."""
    try:
        record = json.loads(manifest.read_text("utf-8"))
        models = {artifact["file"] for artifact in record["artifacts"]}
        return {MANIFEST_FILE, *models, *record["files"]} if record["preprocess"] else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{target}: cannot be written ({error.strerror or error}); free space or name another folder with -o"
        ) from error


def _recover(target: Path) -> None:
    """Undo what a kill between the two renames of `_put_in_place` left."""
    previous = _previous(target)
    if previous.exists() and not target.exists():
        previous.rename(target)


def _previous(target: Path) -> Path:
    return target.with_name(f".{target.name}.previous")


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
    """Lock a folder until the descriptor is closed or the process dies; None where somebody else has locked it.

    flock(2), not a process number in the name: numbers mean nothing across containers that share a volume.
    """
    if sys.platform == "win32":
        return None  # no flock: leftovers of killed exports stay there
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot open folders; its renames are written through
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _put_in_place(staging: Path, target: Path) -> None:
    if not target.exists():
        staging.rename(target)
        return
    try:
        _exchange(staging, target)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
            raise
        # A file system without exchange: the older bundle is whole throughout, for a moment under another name.
        previous = _previous(target)
        shutil.rmtree(previous, ignore_errors=True)
        target.rename(previous)
        staging.rename(target)
        shutil.rmtree(previous)


def _exchange(one: Path, other: Path) -> None:
    """Let two paths change names in one step.

    Raises:
        OSError: With errno ENOSYS, EINVAL or ENOTSUP where the system or the file system cannot do it.
    """
    first, second = os.fsencode(one), os.fsencode(other)
    libc: Any = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else object()
    if hasattr(libc, "renameat2"):  # Linux
        failed = libc.renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE)
    elif hasattr(libc, "renamex_np"):  # macOS
        failed = libc.renamex_np(first, second, RENAME_EXCHANGE)
    else:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if failed:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
