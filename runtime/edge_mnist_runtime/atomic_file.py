"""Replace a file atomically, so that a killed program leaves the old one or the new one, never a part.

Also: write files and names so that they survive a power failure.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge_mnist_runtime.errors import OutputError

PARTIAL_PREFIX: Final = ".partial-"
"""Prefix of files that are being written. A file that a killed program left can be ignored."""


def replace_file(
    target: Path, write: Callable[[Path], object], *, advice: str, several_writers: bool = False, synced: bool = True
) -> None:
    """Replace a file: `write` creates a temporary file beside it, which is synced and renamed.

    A link stays, and the file that it names is replaced. With `several_writers` each call has a temporary file of its
    own, so that processes on any machine may write the same target at once. Without `synced` a power failure may damage
    the file, and the caller must notice that.

    Raises:
        OutputError: The folder cannot be written, or the target is no file, such as /dev/null; what was there is still
            there. The message ends with `advice`.
    """
    if target.is_symlink():  # renaming onto a link would replace the link
        target = target.resolve()
    if target.exists() and not target.is_file():
        raise OutputError(f"{target}: cannot be written (not a file); {advice}")
    writer = f"{secrets.token_hex(8)}-" if several_writers else ""
    name = f"{PARTIAL_PREFIX}{writer}{target.name}"  # with the same suffix, because Keras checks it
    partial = target.with_name(name)
    try:
        write(partial)
        if synced:
            sync_file(partial)
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(f"{target}: cannot be written ({error.strerror or error}); {advice}") from error
    except BaseException:  # also Ctrl-C
        partial.unlink(missing_ok=True)
        raise


def sync_file(path: Path) -> None:
    """Sync the content of a file to disk."""
    with path.open("rb+") as handle:
        os.fsync(handle.fileno())


def write_synced(path: Path, data: bytes) -> None:
    """Write a file and sync its content to disk; `sync_folder` syncs its name."""
    with path.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())


def sync_folder(folder: Path) -> None:
    """Sync the names of files in a folder to disk."""
    if os.name == "nt":
        return  # Windows cannot open folders; it writes renames to disk at once
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
