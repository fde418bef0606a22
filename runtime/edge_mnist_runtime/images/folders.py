"""Find the pictures in a folder and its sub-folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge_mnist_runtime.errors import EmptyFolderError, PictureError
from edge_mnist_runtime.images import phone_pictures
from edge_mnist_runtime.paths import explain, is_folder

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
"""Suffixes of pictures inside a folder, besides HEIC and AVIF. A file that is named directly may have any suffix."""

KNOWN: Final = (*SUFFIXES, *phone_pictures.SUFFIXES)

SHOWN_NAMES: Final = 3
"""Maximum number of skipped pictures that an error names."""


def find_pictures(path: Path, unlisted: list[tuple[Path, PictureError]] | None = None) -> list[Path]:
    """List the pictures in a folder and its sub-folders, sorted by path. Any other path is returned as it is.

    Links to folders are followed, and each folder is visited once.

    Args:
        path: A file, or a folder.
        unlisted: Collects what is skipped, each with its error: folders that cannot be listed, and pictures of a
            format that cannot be read here. None: raise the first such error.

    Raises:
        EmptyFolderError: The folder has no pictures.
        PictureError: The path cannot be accessed, or something is skipped.
    """
    if not is_folder(path, PictureError):
        return [path]
    failed: list[tuple[Path, PictureError]] = []
    found = [Path(file) for file in walk_files(str(path), KNOWN, failed)]
    for kind in dict.fromkeys(phone_pictures.SUFFIXES.values()):
        of_kind = [file for file in found if phone_pictures.SUFFIXES.get(file.suffix.lower()) == kind]
        if of_kind and (reason := phone_pictures.why_unread(kind)):
            found = [file for file in found if file not in set(of_kind)]
            failed.append((path, PictureError(f"{path}: {_count_left_out(of_kind, path, kind)}. {reason}")))
    if failed and unlisted is None:
        raise failed[0][1]
    if not found and not failed:
        raise EmptyFolderError(f"{path}: no pictures in this folder; looked for {', '.join(KNOWN)}")
    if unlisted is not None:
        unlisted += failed
    return found


def _count_left_out(files: list[Path], folder: Path, kind: str) -> str:
    names = [file.relative_to(folder).as_posix() for file in files[:SHOWN_NAMES]]
    more = ", ..." if len(files) > SHOWN_NAMES else ""
    counted = "1 picture" if len(files) == 1 else f"{len(files)} pictures"
    return f"{counted} of kind {kind} left out ({', '.join(names)}{more})"


def walk_files(folder: str, suffixes: tuple[str, ...], failed: list[tuple[Path, PictureError]]) -> Iterator[str]:
    """Yield the files below a folder whose names end in one of `suffixes`, sorted by path.

    Hidden files are left out. Links to folders are followed, and each folder is visited once. `Path.rglob` takes
    several times as long. In memory are only the names in the folders on the way to the current one.

    Args:
        folder: The folder.
        suffixes: In lower case.
        failed: Collects the folders that cannot be listed, each with its error.
    """
    yield from _walk(folder, suffixes, failed, set())


def _walk(
    folder: str, suffixes: tuple[str, ...], failed: list[tuple[Path, PictureError]], seen: set[tuple[int, int]]
) -> Iterator[str]:
    try:
        place = Path(folder).stat()
        with os.scandir(folder) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
    except OSError as error:
        failed.append(
            (Path(folder), PictureError(f"{folder}: cannot be listed ({explain(error)}); check its permissions"))
        )
        return
    if (place.st_dev, place.st_ino) in seen:
        return
    seen.add((place.st_dev, place.st_ino))
    for entry in entries:
        try:
            is_dir = entry.is_dir()
        except OSError:  # a link to something without permission: opening it reports that
            is_dir = False
        if is_dir:
            yield from _walk(entry.path, suffixes, failed, seen)
        # Skip hidden files: macOS writes a `._digit.png` beside each `digit.png`.
        elif entry.name.lower().endswith(suffixes) and not entry.name.startswith(".") and _may_be_file(entry):
            yield entry.path


def _may_be_file(entry: os.DirEntry[str]) -> bool:
    """Whether it is a file, or a link that leads nowhere: opening that reports it."""
    try:
        return entry.is_file() or (entry.is_symlink() and not Path(entry.path).exists())
    except OSError:
        return True
