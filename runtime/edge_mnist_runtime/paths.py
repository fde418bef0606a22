"""What a path leads to: every such question is asked here, so that a path that cannot be looked at is a named error.

pathlib's own `is_dir`, `is_file` and `exists` raise PermissionError below a folder without permission, and OSError of
names that are too long.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import TYPE_CHECKING, Final, TypeAlias

from edge_mnist_runtime.errors import EdgeMnistError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

AnyPath: TypeAlias = "str | os.PathLike[str]"

URL: Final = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)
"""How URLs begin: pathlib leaves one slash of two. Windows' drives have one letter."""

FILE_URL: Final = re.compile(r"file:(/{1,2}localhost(?=/))?/*(?P<path>/.*)", re.IGNORECASE | re.DOTALL)
"""A URL of a file on this machine (RFC 8089), as it is or as pathlib leaves it."""

LEADS_NOWHERE: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""What stat says of a path that leads to nothing."""


def is_folder(path: AnyPath, error: type[EdgeMnistError] = UsageError) -> bool:
    """Whether a path leads to a folder; raises `error`, which names it, where that cannot be known."""
    mode = _mode_of(path, error)
    return mode is not None and stat.S_ISDIR(mode)


def is_file(path: AnyPath, error: type[EdgeMnistError] = UsageError) -> bool:
    """Whether a path leads to a regular file; raises `error`, which names it, where that cannot be known."""
    mode = _mode_of(path, error)
    return mode is not None and stat.S_ISREG(mode)


def exists(path: AnyPath, error: type[EdgeMnistError] = UsageError) -> bool:
    """Whether a path leads to anything; raises `error`, which names it, where that cannot be known."""
    return _mode_of(path, error) is not None


def list_folder(folder: Path, error: type[EdgeMnistError] = UsageError) -> list[Path]:
    """What a folder holds, sorted; raises `error`, which names it, where it cannot be listed."""
    try:
        return sorted(folder.iterdir())
    except OSError as problem:
        raise error(f"{folder}: cannot be listed ({problem.strerror}); check its permissions") from problem


def describe_missing(path: AnyPath, what: str, *, is_picture: bool = False) -> str:
    """What to say of a path that leads nowhere.

    Args:
        path: The path, which begins the message.
        what: What was expected there.
        is_picture: Whether it is a picture, which can also be piped in.
    """
    if inside := FILE_URL.fullmatch(os.fspath(path)):
        return f"{os.fspath(path)}: a URL; give the path: {_unquote(inside['path'])}"
    if is_url(path):
        shown = re.sub(r":/(?!/)", "://", os.fspath(path), count=1)
        piped = ", or pipe it in: curl URL | edge-mnist classify -" if is_picture else ""
        return f"{shown}: a URL, and nothing is fetched; download it first{piped}"
    return f"{os.fspath(path)}: no such {what}"


def is_url(path: AnyPath) -> bool:
    """Whether a path is a URL that somebody hoped would be fetched."""
    return bool(URL.match(os.fspath(path)))


def require_readable(path: AnyPath, error: type[EdgeMnistError] = UsageError) -> None:
    """Raise `error`, which names the path and what to do, where it leads to something that may not be read."""
    if exists(path, error) and not os.access(path, os.R_OK):
        raise error(describe_unreadable(path))


def describe_unreadable(path: AnyPath) -> str:
    """What to say of a path that permissions keep from being read."""
    return f"{os.fspath(path)}: cannot be read ({os.strerror(errno.EACCES)}); check its permissions"


def _unquote(text: str) -> str:
    from urllib.parse import unquote

    return unquote(text)


def explain(problem: Exception) -> str:
    """Why a path cannot be used, in a few words, of an OSError or ValueError."""
    return str(getattr(problem, "strerror", None) or problem)


def _mode_of(path: AnyPath, error: type[EdgeMnistError]) -> int | None:
    try:
        return os.stat(path).st_mode  # noqa: PTH116  # a cold start does without pathlib
    except ValueError:  # a null byte in the path
        return None
    except OSError as problem:
        if problem.errno in LEADS_NOWHERE:
            return None
        advice = "check the permissions of its folder" if isinstance(problem, PermissionError) else "name another path"
        raise error(f"{os.fspath(path)}: cannot be looked at ({explain(problem)}); {advice}") from problem


def require_named(argument: str, name: str = "an argument") -> None:
    """Raise `UsageError` if an argument is empty: as a path it would be the current folder."""
    if not argument:
        raise UsageError(f"{name} is empty; is a shell variable not set?")
