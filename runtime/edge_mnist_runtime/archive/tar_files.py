"""Read ranges of tar files of pictures.

A range begins at the header of a member, so that its pictures are found without reading those before.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from edge_mnist_runtime.archive.ranges import CHUNK_PICTURES, PICTURE_UNITS, RANGE_PICTURES, Chunk, Range
from edge_mnist_runtime.dataset import is_left_by_a_file_manager
from edge_mnist_runtime.errors import DataError, InputError, PictureError, first_line
from edge_mnist_runtime.images.folders import KNOWN
from edge_mnist_runtime.inputs import Picture

MAX_PICTURE_BYTES: Final = 100_000_000
"""Larger members are not read: a picture of `MAX_PIXELS` hardly takes more, and each is read into memory."""


READ_BYTES: Final = 1 << 20
"""Zeros after the last member that are read at once."""


def find_tar_ranges(name: str, path: Path, add_ids: Callable[[list[str]], None]) -> Iterator[Range]:
    """Divide an uncompressed tar file into ranges; `add_ids` gets the ids of each.

    Raises:
        DataError: The file is damaged.
    """
    with path.open("rb") as file:
        members = _pictures_in(name, file)
        while found := [*islice(members, RANGE_PICTURES)]:
            add_ids([f"{name}/{member.name}" for member in found])
            yield Range("tar", name, str(path), len(found), found[0].offset, PICTURE_UNITS * len(found))


def read_tar(found: Range) -> Iterator[Chunk]:
    """Read a range."""
    with open(found.path, "rb") as headers, open(found.path, "rb") as contents:  # noqa: PTH123
        headers.seek(found.start)
        members = islice(_pictures_in(found.name, headers), found.count)
        while chunk := [*islice(members, CHUNK_PICTURES)]:
            ids = [f"{found.name}/{member.name}" for member in chunk]
            yield Chunk(ids, (_read(member, contents) for member in chunk))


def _pictures_in(name: str, file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """Yield the members that are pictures by their names, from the file's current position on."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            while member := archive.next():
                archive.members.clear()  # type: ignore[attr-defined]  # tarfile keeps them all
                if member.name.lower().endswith(KNOWN) and not member.isdir() and not _is_hidden(member):
                    yield member
            _require_end(file, archive.offset)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{name}: damaged tar file ({first_line(error)}); fetch it again") from error


def _is_hidden(member: tarfile.TarInfo) -> bool:
    return any(part != ".." and is_left_by_a_file_manager(part) for part in PurePosixPath(member.name).parts)


def _require_end(file: BinaryIO, offset: int) -> None:
    """Raise `ReadError` unless the members end here, because `tarfile` ends without an error at a damaged header."""
    file.seek(offset)
    first = file.read(tarfile.BLOCKSIZE)
    if len(first) < tarfile.BLOCKSIZE:
        raise tarfile.ReadError("it ends without an end mark, so members may be missing")
    if any(first):
        raise tarfile.ReadError(f"no header at byte {offset}")
    while block := file.read(READ_BYTES):
        if block.count(0) != len(block):
            raise tarfile.ReadError(f"data follow the end mark at byte {offset}, as after `cat a.tar b.tar`")


def _read(member: tarfile.TarInfo, file: BinaryIO) -> Picture | InputError:
    if not member.isreg() or member.issparse():
        return PictureError(f"{member.name}: a link or sparse file inside the tar file; pack the picture itself")
    if member.size > MAX_PICTURE_BYTES:
        return PictureError(f"{member.name}: {member.size:,} bytes; the limit is {MAX_PICTURE_BYTES:,} bytes")
    file.seek(member.offset_data)
    return file.read(member.size)
