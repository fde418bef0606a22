"""A range: some pictures of one file or folder that are read one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from edge_mnist_runtime.errors import InputError
from edge_mnist_runtime.inputs import Picture
from edge_mnist_runtime.tensor import Pixels

Kind = Literal["pictures", "tar", "parquet", "idx"]

PICTURE_UNITS: Final = 8
"""A picture takes about so many times as long as a tensor."""

RANGE_UNITS: Final = 2048
"""Tensors in a range; there are `PICTURE_UNITS` times fewer pictures. Only a row group of Parquet may be longer."""

RANGE_PICTURES: Final = RANGE_UNITS // PICTURE_UNITS

CHUNK_TENSORS: Final = 512
"""Tensors that are classified in one call of the network."""

CHUNK_PICTURES: Final = 64
"""Pictures that are classified in one call of the network."""


@dataclass(frozen=True)
class Range:
    """Where some pictures are. Which fields are used depends on the kind."""

    kind: Kind
    name: str
    """Name of the file or folder as the user gave it; ids begin with it."""
    path: str
    """Its absolute path, or that of its unpacked copy."""
    count: int
    """Number of pictures."""
    start: int = 0
    """idx, parquet: first row in the file. tar: offset of the first member's header, in bytes."""
    units: int = 0
    """Expected work, in tensors."""
    names: tuple[str, ...] = ()
    """pictures: their paths inside the folder; empty: `path` is a picture itself."""
    group: int = 0
    """parquet: row group."""
    skip: int = 0
    """parquet: rows of the row group before the first one."""
    column: str = ""
    """parquet: column of pictures or tensors."""
    id_column: str = ""
    """parquet: column of ids; empty: ids are file name and row number."""

    def to_dict(self) -> dict[str, Any]:
        """For a line of the plan, without fields that have their defaults."""
        defaults = {field.name: field.default for field in fields(self)}
        return {name: value for name, value in asdict(self).items() if value != defaults[name]}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Range:
        """Read what `to_dict` gave."""
        return cls(**{**record, "names": tuple(record.get("names", ()))})


class Chunk(NamedTuple):
    """Pictures for one call of the network, with their ids."""

    ids: list[str]
    pictures: Pixels | Iterator[Picture | InputError]
    """Tensors, uint8, shape (N, 28, 28); or pictures, each read when it is its turn, or the error of one."""


ReadRange: TypeAlias = Callable[[Range], Iterator[Chunk]]
"""Reads the pictures of a range, in order, in chunks."""
