"""Read ranges of Parquet files of pictures or tensors.

| column type | read as |
|---|---|
| binary, or a struct with a binary field `bytes` (Hugging Face) | the bytes of a picture file |
| binary of the fixed length 784 | a tensor: grey levels, bright ink on black |
| list of 784 numbers, or list of lists of numbers | an array, see `edge_mnist_runtime.images.arrays` |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from edge_mnist_runtime.archive.config import ArchiveConfig
from edge_mnist_runtime.archive.ranges import CHUNK_TENSORS, PICTURE_UNITS, RANGE_UNITS, Chunk, Range
from edge_mnist_runtime.errors import DataError, InputError, PictureError, UsageError, first_line
from edge_mnist_runtime.inputs import Picture

NAMES: Final = ("image", "picture", "tensor", "pixels", "bytes", "content")
"""Usual names of the column, in order of preference. Without one of them there must be only one column that fits."""

ID_NAME: Final = "id"

ROW_GROUP_UNITS: Final = 16 * RANGE_UNITS
"""Longer row groups are divided..."""

MAX_PIECES: Final = 8
"""...into at most so many ranges, because each one decodes the rows of the group before it, too."""

CHUNK_PICTURES: Final = 16
"""Picture files in memory at once; fewer than elsewhere, because they are read together."""

READ_BYTES: Final = 1 << 20
"""Pages are read in blocks of this size, so that a large row group is not loaded at once."""


def find_parquet_ranges(
    name: str, path: Path, config: ArchiveConfig, add_ids: Callable[[list[str]], None]
) -> Iterator[Range]:
    """Divide a Parquet file into ranges; `add_ids` gets the ids of the id column, if there is one.

    Raises:
        DataError: The file is damaged, or a row has no id.
        UsageError: The columns are not clear.
    """
    with _explained(name), pq.ParquetFile(path, buffer_size=READ_BYTES) as file:
        schema = file.schema_arrow
        column, id_column = _find_column(name, schema, config.column), _find_id_column(name, schema, config.id_column)
        units = PICTURE_UNITS if _is_file(schema.field(column).type) else 1
        start = 0
        for group in range(file.num_row_groups):
            n_rows = file.metadata.row_group(group).num_rows
            if id_column:
                _add_ids(name, file, group, id_column, add_ids)
            n_pieces = max(1, min(MAX_PIECES, -(-n_rows * units // ROW_GROUP_UNITS)))
            edges = [n_rows * piece // n_pieces for piece in range(n_pieces + 1)]
            for skip, end in pairwise(edges):
                count = end - skip
                if count:
                    yield Range(
                        "parquet",
                        name,
                        str(path),
                        count,
                        start + skip,
                        units * count,
                        group=group,
                        skip=skip,
                        column=column,
                        id_column=id_column or "",
                    )
            start += n_rows


def read_parquet(found: Range) -> Iterator[Chunk]:
    """Read a range."""
    columns = [found.column, *([found.id_column] if found.id_column else [])]
    with _explained(found.name), pq.ParquetFile(found.path, buffer_size=READ_BYTES) as file:
        size = CHUNK_PICTURES if _is_file(file.schema_arrow.field(found.column).type) else CHUNK_TENSORS
        first, end, at = found.skip, found.skip + found.count, 0
        for batch in file.iter_batches(size, row_groups=[found.group], columns=columns, use_threads=False):
            begin, at = at, at + len(batch)
            if at <= first:
                continue
            rows = batch.slice(max(0, first - begin), min(at, end) - max(begin, first))
            row = found.start + max(begin, first) - first
            ids = (
                _as_text(rows.column(found.id_column)).to_pylist()
                if found.id_column
                else [f"{found.name}#{row + index}" for index in range(len(rows))]
            )
            yield Chunk(ids, take_pictures(rows.column(found.column)))
            if at >= end:
                return


def take_pictures(column: pa.Array) -> npt.NDArray[Any] | Iterator[Picture | InputError]:
    """Take the pictures of a column: one array, (N, 784), if all are tensors; otherwise one by one."""
    shape = tuple(getattr(column.type, "shape", ()))  # of Ray's and Arrow's types for tensors
    column = column.storage if isinstance(column.type, pa.BaseExtensionType) else column
    kind = column.type
    if pa.types.is_fixed_size_binary(kind):
        return (_take_bytes(value) for value in column.to_pylist())
    if _is_list(kind) and not _is_list(kind.value_type) and not column.null_count and math.prod(shape) in (1, 784):
        values, lengths = column.flatten(), pc.list_value_length(column)
        if not values.null_count and pc.all(pc.equal(lengths, 784)).as_py():
            return np.asarray(values).reshape(-1, 784)
    return (_take(item, shape) for item in column)


def _take(item: pa.Scalar, shape: tuple[int, ...]) -> Picture | InputError:
    value = item.as_py()
    if isinstance(value, dict):
        value = value["bytes"]
    if value is None:
        return PictureError("no picture: the value is null")
    if isinstance(value, list) and not _is_list(item.values.type):
        levels = np.asarray(item.values)
        return levels.reshape(shape) if shape else levels
    return value  # type: ignore[no-any-return]


def _take_bytes(tensor: bytes | None) -> Picture | InputError:
    if tensor is None:
        return PictureError("no picture: the value is null")
    return np.frombuffer(tensor, np.uint8).reshape(28, 28)


def is_usable(kind: pa.DataType) -> bool:
    """Whether a column of this type can hold pictures or tensors."""
    kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    if _is_file(kind):
        return True
    if pa.types.is_fixed_size_binary(kind):
        return bool(kind.byte_width == 784)
    while _is_list(kind):
        kind = kind.value_type
        if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
            return True
    return False


def _is_file(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0 and _is_file(kind.field("bytes").type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _find_column(name: str, schema: pa.Schema, asked: str | None) -> str:
    usable = [field.name for field in schema if is_usable(field.type)]
    if asked is not None:
        if asked not in schema.names:
            raise UsageError(f"{name}: no column {asked}; it has {', '.join(schema.names)}")
        if asked not in usable:
            raise UsageError(
                f"{name}: column {asked} of type {schema.field(asked).type} holds no pictures; expected picture files "
                "(binary) or 784 numbers (list)"
            )
        return asked
    named = [usual for usual in NAMES if usual in usable]
    if not usable:
        columns = ", ".join(f"{field.name} ({field.type})" for field in schema)
        raise UsageError(f"{name}: no column of picture files (binary) or of 784 numbers (list); it has {columns}")
    if not named and len(usable) != 1:
        raise UsageError(f"{name}: which column holds the pictures? Name it by `column`: {', '.join(usable)}")
    return (named or usable)[0]


def _find_id_column(name: str, schema: pa.Schema, asked: str | None) -> str | None:
    if asked is not None and asked not in schema.names:
        raise UsageError(f"{name}: no column {asked}; it has {', '.join(schema.names)}")
    return asked or (ID_NAME if ID_NAME in schema.names else None)


def _add_ids(name: str, file: pq.ParquetFile, group: int, id_column: str, add_ids: Callable[[list[str]], None]) -> None:
    for batch in file.iter_batches(1 << 16, row_groups=[group], columns=[id_column], use_threads=False):
        ids = _as_text(batch.column(0))
        if ids.null_count:
            raise DataError(f"{name}: a row has no id (column {id_column}); give each picture one")
        add_ids(ids.to_pylist())


def _as_text(ids: pa.Array) -> pa.Array:
    return ids if ids.type == pa.string() else ids.cast(pa.string())


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn the errors of pyarrow into a `DataError` that names the file."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{name}: cannot be read as Parquet ({first_line(error)}); write it again") from error
