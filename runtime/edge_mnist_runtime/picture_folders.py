"""Which files are pictures: folders, searched to the bottom."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge_mnist_runtime.errors import PictureError

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
"""What counts as a picture inside a folder; a file that is named itself may have any suffix."""


def find_pictures(path: Path, unlisted: list[tuple[Path, PictureError]] | None = None) -> list[Path]:
    """A path that is no folder as it is; for a folder the pictures below it, sorted by path.

    Links to folders are followed, each folder once.

    Args:
        path: A file, or a folder.
        unlisted: Takes the folders that cannot be listed, each with its error; None: the first one is raised.

    Raises:
        PictureError: The folder holds no picture, or one below it cannot be listed.
    """
    if not path.is_dir():
        return [path]
    failed: list[tuple[Path, PictureError]] = []
    found = sorted(Path(file) for file in _walk(str(path), set(), failed))
    if failed and unlisted is None:
        raise failed[0][1]
    if not found and not failed:
        raise PictureError(f"{path}: no pictures in this folder; looked for {', '.join(SUFFIXES)}")
    if unlisted is not None:
        unlisted += failed
    return found


def _walk(folder: str, seen: set[tuple[int, int]], failed: list[tuple[Path, PictureError]]) -> Iterator[str]:
    """Every picture below a folder, in any order; `Path.rglob` takes several times as long."""
    try:
        place = Path(folder).stat()
        entries = [*os.scandir(folder)]
    except OSError as error:
        failed.append((Path(folder), PictureError(f"{folder}: cannot be listed ({error.strerror}); may it be read?")))
        return
    if (place.st_dev, place.st_ino) in seen:
        return
    seen.add((place.st_dev, place.st_ino))
    for entry in entries:
        if entry.is_dir():
            yield from _walk(entry.path, seen, failed)
        # Hidden files are no pictures of the user's: macOS leaves a `._digit.png` beside each `digit.png`.
        elif entry.name.lower().endswith(SUFFIXES) and not entry.name.startswith(".") and entry.is_file():
            yield entry.path
