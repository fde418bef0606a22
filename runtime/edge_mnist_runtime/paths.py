"""Check paths, and turn every failure into one of our own errors that names the path.

pathlib's `is_dir`, `is_file` and `exists` raise PermissionError inside a folder without permission, and OSError for
names that are too long.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import TYPE_CHECKING, BinaryIO, Final, TypeAlias

from edge_mnist_runtime.errors import EdgeMnistError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

AnyPath: TypeAlias = "str | os.PathLike[str]"

URL: Final = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
"""The start of a URL. pathlib keeps one of its two slashes. A single letter is a Windows drive."""

FILE_URL: Final = re.compile(r"file:(/{1,2}localhost(?=/))?/*(?P<path>/.*)", re.IGNORECASE | re.DOTALL)
"""A URL of a local file (RFC 8089), also as pathlib shortens it."""

LEADS_NOWHERE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""Error numbers of `stat` for a path that does not exist."""


def is_folder(path: AnyPath, error: type[EdgeMnistError] = UsageError) -> bool:
    """Whether a path is a folder; raise `error`, which names the path, if that cannot be found out."""
    mode = _mode_of(path, error)
    return mode is not None and stat.S_ISDIR(mode)


def is_file(path: AnyPath, error: type[EdgeMnistError] = UsageError) -> bool:
    """Whether a path is a regular file; raise `error`, which names the path, if that cannot be found out."""
    mode = _mode_of(path, error)
    return mode is not None and stat.S_ISREG(mode)


def exists(path: AnyPath, error: type[EdgeMnistError] = UsageError) -> bool:
    """Whether a path exists; raise `error`, which names the path, if that cannot be found out."""
    return _mode_of(path, error) is not None


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        OSError: It cannot be opened, or is a pipe or device, which could keep the reader waiting or never end.
    """
    no_waiting = getattr(os, "O_NONBLOCK", 0)  # for the writer of a pipe; Windows has none
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | no_waiting))  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return file


def list_folder(folder: Path, error: type[EdgeMnistError] = UsageError) -> list[Path]:
    """List a folder, sorted; raise `error`, which names the folder, if it cannot be listed."""
    try:
        return sorted(folder.iterdir())
    except OSError as problem:
        raise error(f"{folder}: cannot be listed ({problem.strerror}); check its permissions") from problem


def describe_missing(path: AnyPath, what: str, *, is_picture: bool = False) -> str:
    """Make the error message for a path that does not exist.

    Args:
        path: The path; the message begins with it.
        what: What was expected there.
        is_picture: Whether to suggest a pipe, which works for pictures.
    """
    if inside := FILE_URL.fullmatch(os.fspath(path)):
        return f"{os.fspath(path)}: a URL; give the path: {_unquote(inside['path'])}"
    if is_url(path):
        shown = re.sub(r":/(?!/)", "://", os.fspath(path), count=1)
        piped = ", or pipe it in: curl URL | edge-mnist classify -" if is_picture else ""
        return f"{shown}: a URL, and edge-mnist does not download; download it first{piped}"
    return f"{os.fspath(path)}: no such {what}"


def is_url(path: AnyPath) -> bool:
    """Whether a path looks like a URL."""
    return bool(URL.match(os.fspath(path)))


def require_readable(path: AnyPath, error: type[EdgeMnistError] = UsageError) -> None:
    """Raise `error`, which names the path and what to do, if the path exists but permissions forbid reading it."""
    if exists(path, error) and not os.access(path, os.R_OK):
        raise error(describe_unreadable(path))


def require_private(path: Path, what: str) -> None:
    """Raise `UsageError` if others may read or write a file; `what` is in it.

    A file of another user may be open to its group: a service often reads its token so.
    """
    if os.name != "posix":
        return  # Windows has access lists, which these bits do not show
    status = path.stat()
    is_own = status.st_uid == os.getuid()
    if status.st_mode & (stat.S_IRWXO | (stat.S_IRWXG if is_own else 0)):
        mode = "600" if is_own else "o-rwx"
        raise UsageError(f"{path}: other users may read {what}; protect it: chmod {mode} {path}")


def describe_unreadable(path: AnyPath) -> str:
    """Make the error message for a path that permissions forbid to read."""
    return f"{os.fspath(path)}: cannot be read ({os.strerror(errno.EACCES)}); check its permissions"


def _unquote(text: str) -> str:
    from urllib.parse import unquote

    return unquote(text)


def explain(problem: Exception) -> str:
    """The reason in an OSError or ValueError, in a few words."""
    return str(getattr(problem, "strerror", None) or problem)


def _mode_of(path: AnyPath, error: type[EdgeMnistError]) -> int | None:
    try:
        return os.stat(path).st_mode  # noqa: PTH116  # importing pathlib costs 3 ms of a cold start
    except ValueError:  # a null byte in the path
        return None
    except OSError as problem:
        if problem.errno in LEADS_NOWHERE:
            return None
        advice = "check the permissions of its folder" if isinstance(problem, PermissionError) else "name another path"
        raise error(f"{os.fspath(path)}: cannot be accessed ({explain(problem)}); {advice}") from problem


def require_named(argument: str, name: str = "an argument") -> None:
    """Raise `UsageError` if an argument is empty, because an empty path means the current folder."""
    if not argument:
        raise UsageError(f"{name} is empty; is a shell variable not set?")
