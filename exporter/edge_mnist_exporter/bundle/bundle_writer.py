"""Write bundles atomically: a bundle appears whole or not at all.

A bundle is built in a hidden folder beside its target, synced to disk, and put in place by one rename. If an older
bundle exists, the two folders exchange names in one step (renameat2 with RENAME_EXCHANGE on Linux, renamex_np with
RENAME_SWAP on macOS). So the target is a whole bundle at every moment.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from edge_mnist_exporter.bundle.staging import StagingFolder
from edge_mnist_runtime.atomic_file import sync_folder
from edge_mnist_runtime.bundles.manifest import MANIFEST_FILE
from edge_mnist_runtime.bundles.signature import SIGNATURE_FILE
from edge_mnist_runtime.errors import OutputError, UsageError

AT_FDCWD: Final = -100
RENAME_EXCHANGE: Final = 2
"""Flag of Linux's renameat2(2); macOS's RENAME_SWAP has the same value."""


class BundleWriter:
    """Writes one bundle. Create it before long work, so that a target that cannot be written fails at once.

    Args:
        target: Path of the bundle: a new or empty folder, or an older bundle, which is replaced.
        name_own_files: Lists the files in a folder that may be replaced; by default those of a bundle.

    Raises:
        UsageError: `target` is something else.
        OutputError: `target` cannot be written.
    """

    def __init__(self, target: Path, name_own_files: Callable[[Path], set[str]] | None = None) -> None:
        self.target = resolve_target(target)
        self._name_own_files = name_own_files or name_bundle_files
        with explained(self.target):
            _recover(self.target)
            check_replaceable(self.target, self._name_own_files)
            self._made = [folder for folder in self.target.parents if not folder.exists()]  # the innermost first
            self.target.parent.mkdir(parents=True, exist_ok=True)
            self._staging = StagingFolder(self.target)

    def write(self, files: Mapping[str, bytes]) -> None:
        """Write all files, by name, and put the bundle in place.

        Raises:
            OutputError: The disk is full or a file cannot be written; an older bundle is untouched.
        """
        with explained(self.target):
            self._staging.write(files)
            check_replaceable(self.target, self._name_own_files)  # again, because the work took minutes
            _put_in_place(self._staging.path, self.target)
            sync_folder(self.target.parent)

    def close(self) -> None:
        """Remove the hidden folder, which holds an unfinished bundle or the replaced one."""
        self._staging.close()
        for folder in self._made:
            with suppress(OSError):  # not empty: it holds the bundle, or the report of a failure
                folder.rmdir()

    def __enter__(self) -> BundleWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def resolve_target(target: Path) -> Path:
    """Resolve links in the path of a bundle, so that a link is kept and the folder behind it is replaced.

    Raises:
        UsageError: The path is the root folder.
    """
    resolved = Path(os.path.realpath(target))
    if not resolved.name:
        raise UsageError(f"{target}: a bundle cannot be the root folder; name another `output`")
    return resolved


def name_bundle_files(folder: Path) -> set[str]:
    """Names of the files of the bundle in `folder`, of any version; empty if there is no bundle."""
    try:
        record = json.loads((folder / MANIFEST_FILE).read_text("utf-8"))
        models = {artifact["file"] for artifact in record["artifacts"]}
        return {MANIFEST_FILE, SIGNATURE_FILE, *models, *record["files"]} if record["preprocess"] else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def check_replaceable(target: Path, name_own_files: Callable[[Path], set[str]]) -> None:
    """Raise `UsageError` unless `target` is absent, an empty folder, or contains only `name_own_files`."""
    if not target.exists():
        return
    if not target.is_dir():
        raise UsageError(f"{target}: exists and is no folder; name another `output`")
    unknown = {path.name for path in target.iterdir()} - name_own_files(target)
    if unknown:
        raise UsageError(
            f"{target}: holds {min(unknown)}, which no export wrote and which would be lost; name another `output`"
        )


@contextmanager
def explained(target: Path) -> Iterator[None]:
    """Turn an OSError into an `OutputError` that names the target and what to do."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{target}: cannot be written ({error.strerror or error}); free space or name another `output`"
        ) from error


def _recover(target: Path) -> None:
    """Restore the older bundle if the process was killed between the two renames of `_put_in_place`."""
    previous = _previous(target)
    if previous.exists() and not target.exists():
        previous.rename(target)


def _previous(target: Path) -> Path:
    return target.with_name(f".{target.name}.previous")


def _put_in_place(staging: Path, target: Path) -> None:
    if not target.exists():
        staging.rename(target)
        return
    try:
        _exchange(staging, target)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
            raise
        # The file system cannot exchange names. The older bundle stays whole, for a moment under another name.
        previous = _previous(target)
        shutil.rmtree(previous, ignore_errors=True)
        target.rename(previous)
        staging.rename(target)
        shutil.rmtree(previous)


def _exchange(one: Path, other: Path) -> None:
    """Exchange the names of two paths in one step.

    Raises:
        OSError: With errno ENOSYS, EINVAL or ENOTSUP if the system or the file system cannot do it.
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
