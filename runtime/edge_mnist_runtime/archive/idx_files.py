"""Read ranges of IDX files of pictures or tensors. `dataset.decode_idx` knows the format."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from edge_mnist_runtime.archive.ranges import (
    CHUNK_PICTURES,
    CHUNK_TENSORS,
    PICTURE_UNITS,
    RANGE_PICTURES,
    RANGE_UNITS,
    Chunk,
    Range,
)
from edge_mnist_runtime.dataset import decode_idx
from edge_mnist_runtime.errors import DataError
from edge_mnist_runtime.tensor import Pixels


def find_idx_ranges(name: str, path: Path) -> Iterator[Range]:
    """Divide an IDX file into ranges.

    Raises:
        DataError: The file is damaged, or holds labels.
    """
    images = _open(name, path)
    if images.ndim != 3:
        raise DataError(f"{name}: an IDX file of labels; name the file of images")
    is_tensor = images.shape[1:] == (28, 28)
    size, units = (RANGE_UNITS, 1) if is_tensor else (RANGE_PICTURES, PICTURE_UNITS)
    for start in range(0, len(images), size):
        count = min(size, len(images) - start)
        yield Range("idx", name, str(path), count, start, units * count)


def read_idx(found: Range) -> Iterator[Chunk]:
    """Read a range. The file is a memory map, so only these pictures are read."""
    images = _open(found.name, Path(found.path))
    is_tensor = images.shape[1:] == (28, 28)
    size, end = CHUNK_TENSORS if is_tensor else CHUNK_PICTURES, found.start + found.count
    for start in range(found.start, end, size):
        chunk = images[start : min(start + size, end)]
        ids = [f"{found.name}#{row}" for row in range(start, start + len(chunk))]
        yield Chunk(ids, chunk if is_tensor else iter(chunk))


def _open(name: str, path: Path) -> Pixels:
    try:
        with path.open("rb") as file:
            return decode_idx(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), origin=name)
    except (OSError, ValueError) as error:  # ValueError: an empty file
        raise DataError(f"{name}: cannot be read ({error})") from error
