"""Find the pictures of the sources: walk folders, tell files by their content, and divide them into ranges."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from edge_mnist_runtime.archive.config import ArchiveConfig
from edge_mnist_runtime.archive.idx_files import find_idx_ranges
from edge_mnist_runtime.archive.picture_files import make_file_range, make_picture_range
from edge_mnist_runtime.archive.ranges import RANGE_PICTURES, Range
from edge_mnist_runtime.archive.tar_files import find_tar_ranges
from edge_mnist_runtime.atomic_file import replace_file
from edge_mnist_runtime.dataset import UINT8_IDX_MAGIC
from edge_mnist_runtime.errors import DataError, PictureError, UsageError
from edge_mnist_runtime.images.folders import KNOWN, walk_files
from edge_mnist_runtime.paths import describe_missing, describe_unreadable, explain, is_folder

CONTAINERS: Final = (".parquet", ".tar", ".tar.gz", ".tgz", ".idx", ".idx.gz", "idx3-ubyte", "idx3-ubyte.gz")
"""Endings of files with many pictures inside a folder. A file that is named directly may have any name."""

GZIP: Final = b"\x1f\x8b"

TAR_MAGIC: Final = slice(257, 262)
"""Place of `ustar` in the first header of a tar file (POSIX.1-2001, pax)."""

OTHER_ARCHIVES: Final = {
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"7z\xbc\xaf": "7z",
    b"(\xb5/\xfd": "zstd",
}
"""First bytes of archives that are not read."""

UNPACK_ADVICE: Final = "free some space; .gz files are unpacked into the output while the run lasts"

Content = Literal["picture", "tar", "parquet", "idx"]


@dataclass(frozen=True)
class Found:
    """A file of the sources."""

    name: str
    """Its name: the source as it was given, then the path inside it."""
    source: str
    """The source as it was given; equal to `name` for a file that was named."""
    is_picture: bool
    """Whether it is a picture by its name; otherwise its content tells."""

    @property
    def inside(self) -> str:
        """Its path inside the source folder."""
        return self.name[len(self.source) :].lstrip(os.sep)


def walk_sources(sources: Iterable[str]) -> Iterator[Found]:
    """Yield every file of the sources, in an order that depends on nothing else.

    Raises:
        UsageError: A source does not exist or cannot be read, or one of its folders cannot be listed.
    """
    for source in sources:
        if not is_folder(source):
            yield Found(source, source, is_picture=False)
            continue
        failed: list[tuple[Path, PictureError]] = []
        for file in walk_files(source, (*KNOWN, *CONTAINERS), failed):
            yield Found(file, source, is_picture=file.lower().endswith(KNOWN))
        if failed:  # a row for each picture cannot be promised
            raise UsageError(str(failed[0][1]))


def require_sources(sources: tuple[str, ...]) -> None:
    """Raise `UsageError` unless each source exists and none is, or lies in, another one."""
    for source in sources:
        try:
            status = os.stat(source)  # noqa: PTH116  # one call for all checks
        except (OSError, ValueError) as error:
            problem = describe_unreadable(source) if isinstance(error, PermissionError) else None
            raise UsageError(problem or describe_missing(source, "file or folder")) from error
        if not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)):
            raise UsageError(f"{source}: neither a file nor a folder; a pipe, for example, cannot be read twice")
    real = [Path(source).resolve() for source in sources]
    for index, path in enumerate(real):
        for other in (*real[:index], *real[index + 1 :]):
            if path == other or other in path.parents:
                raise UsageError(f"{sources[index]}: its pictures are in another source, too; name it once")


def sign_sources(sources: tuple[str, ...]) -> str:
    """A SHA-256 of the names of all pictures, and of name, size and time of all files that hold several.

    It tells whether a run may go on. Pictures in folders are not opened, so one that is replaced is not noticed.
    """
    digest = hashlib.sha256()
    for source in sources:
        digest.update(f"{Path(source).resolve()}\0".encode("utf-8", "surrogateescape"))
    for found in walk_sources(sources):
        digest.update(os.fsencode(found.name) + b"\0")
        if not found.is_picture:
            status = _stat(found)
            digest.update(b"%d %d\0" % (status.st_size, status.st_mtime_ns))
    return digest.hexdigest()


def _stat(found: Found) -> os.stat_result:
    try:
        return Path(found.name).stat()
    except OSError as error:
        raise UsageError(f"{found.name}: cannot be read ({explain(error)})") from error


def find_ranges(
    sources: tuple[str, ...], config: ArchiveConfig, unpacked: Path, add_ids: Callable[[list[str]], None]
) -> Iterator[Range]:
    """Divide all sources into ranges, in the order of `walk_sources`.

    Args:
        sources: Files and folders.
        config: Which Parquet columns are meant.
        unpacked: Folder for the content of .gz files.
        add_ids: Gets the ids that may repeat: all but those with row numbers. A Parquet file may hold the path of a
            picture as an id, and two names that are not UTF-8 may be escaped alike.

    Raises:
        DataError: A file is damaged.
        UsageError: A file is of another kind, or a source cannot be read.
    """
    waiting: list[str] = []
    folder = ""
    for found in walk_sources(sources):
        if waiting and (found.source != folder or not found.is_picture or len(waiting) == RANGE_PICTURES):
            yield _of_folder(folder, waiting, add_ids)
            waiting = []
        if found.is_picture:
            folder = found.source
            waiting.append(found.inside)
        else:
            yield from _divide(found, config, unpacked, add_ids)
    if waiting:
        yield _of_folder(folder, waiting, add_ids)


def _of_folder(folder: str, names: list[str], add_ids: Callable[[list[str]], None]) -> Range:
    found = make_picture_range(folder, str(Path(folder).resolve()), names)
    add_ids([f"{found.name}/{name}" for name in names])
    return found


def _divide(
    found: Found, config: ArchiveConfig, unpacked: Path, add_ids: Callable[[list[str]], None]
) -> Iterator[Range]:
    path = _require_unpacked(found, unpacked)
    start = _read_start(path, found.name)
    content = _tell_content(start)
    if content == "parquet":
        from edge_mnist_runtime.archive.parquet_files import find_parquet_ranges

        yield from find_parquet_ranges(found.name, path, config, add_ids)
    elif content == "tar":
        yield from find_tar_ranges(found.name, path, add_ids)
    elif content == "idx":
        yield from find_idx_ranges(found.name, path)
    else:
        _require_picture(found, start)
        add_ids([found.name])
        yield make_file_range(found.name, str(path))


def unpack_sources(sources: tuple[str, ...], unpacked: Path) -> None:
    """Unpack the .gz files again whose unpacked copies are missing."""
    for found in walk_sources(sources):
        if not found.is_picture:
            _require_unpacked(found, unpacked)


def _require_unpacked(found: Found, unpacked: Path) -> Path:
    """The absolute path of a file, or that of its unpacked copy."""
    path = Path(found.name).resolve()
    return _unpack(path, found.name, unpacked) if _read_start(path, found.name).startswith(GZIP) else path


def _tell_content(start: bytes) -> Content:
    if start.startswith(b"PAR1"):
        return "parquet"
    if start[TAR_MAGIC] == b"ustar":
        return "tar"
    if int.from_bytes(start[:4], "big") in UINT8_IDX_MAGIC.values():
        return "idx"
    return "picture"


def _require_picture(found: Found, start: bytes) -> None:
    """Refuse a file that should hold many pictures and holds something else, but not a damaged picture."""
    for magic, kind in OTHER_ARCHIVES.items():
        if start.startswith(magic):
            raise UsageError(
                f"{found.name}: a {kind} archive; expected tar, Parquet, IDX, .gz or a folder: unpack it first"
            )
    if found.name.lower().endswith(CONTAINERS):
        raise DataError(f"{found.name}: damaged: by its content neither tar nor Parquet nor IDX; fetch it again")


def _read_start(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(TAR_MAGIC.stop)
    except OSError as error:
        raise UsageError(f"{name}: cannot be read ({explain(error)}); check its permissions") from error


def _unpack(path: Path, name: str, folder: Path) -> Path:
    """Unpack a .gz file, because pictures in its middle are read by several processes."""
    status = path.stat()
    identity = f"{path}\0{status.st_size}\0{status.st_mtime_ns}".encode("utf-8", "surrogateescape")
    target = folder / hashlib.sha256(identity).hexdigest()[:16]
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)

    def write(partial: Path) -> None:
        with gzip.open(path) as packed, partial.open("wb") as file:
            try:
                shutil.copyfileobj(packed, file, 1 << 20)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise DataError(f"{name}: damaged .gz file ({error}); fetch it again") from error

    replace_file(target, write, advice=UNPACK_ADVICE)
    return target
