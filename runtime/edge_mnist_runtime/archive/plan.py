"""The plan of a run: which pictures are in which part. It is written once, and every process works by it.

    OUT/_run/ranges.jsonl    one `Range` a line
    OUT/_run/plan.json       what decides the rows, and the lines of each part; it is written last
    OUT/_run/unpacked/       the content of .gz files, until the run is complete
    OUT/_run/lock            held by the process that runs
    OUT/part-000000.parquet  the rows of part 0
    OUT/_summary.json        written when every part is there

Parquet readers ignore names that begin with `_` or `.`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final
from zlib import crc32

from edge_mnist_runtime.archive.config import ArchiveConfig
from edge_mnist_runtime.archive.idx_files import read_idx
from edge_mnist_runtime.archive.parquet_files import read_parquet
from edge_mnist_runtime.archive.picture_files import read_pictures
from edge_mnist_runtime.archive.ranges import RANGE_UNITS, Chunk, Range, ReadRange
from edge_mnist_runtime.archive.repeats import RepeatFinder
from edge_mnist_runtime.archive.sources import find_ranges
from edge_mnist_runtime.archive.tar_files import read_tar
from edge_mnist_runtime.atomic_file import replace_file
from edge_mnist_runtime.errors import DataError, UsageError
from edge_mnist_runtime.paths import explain

PLAN_SCHEMA_VERSION: Final = 1

MIN_PARTS: Final = 32
"""A small source has about so many parts, so that all processes have work and progress is seen."""

MAX_PART_UNITS: Final = 16 * RANGE_UNITS
"""Work in a part of a large source, in tensors. A kill loses at most one part for each process."""

ADVICE: Final = "free some space or name another folder; the same command goes on"
"""What to do if a file of the output cannot be written."""

READERS: Final[dict[str, ReadRange]] = {
    "pictures": read_pictures,
    "tar": read_tar,
    "parquet": read_parquet,
    "idx": read_idx,
}


@dataclass(frozen=True)
class RunFiles:
    """The files of a run."""

    out: Path

    @property
    def work(self) -> Path:
        """Folder of the files that are not results."""
        return self.out / "_run"

    @property
    def ranges(self) -> Path:
        """One range a line."""
        return self.work / "ranges.jsonl"

    @property
    def plan(self) -> Path:
        """The plan."""
        return self.work / "plan.json"

    @property
    def unpacked(self) -> Path:
        """Content of .gz files."""
        return self.work / "unpacked"

    @property
    def lock(self) -> Path:
        """Locked by the process that runs."""
        return self.work / "lock"

    @property
    def summary(self) -> Path:
        """Written at the end."""
        return self.out / "_summary.json"

    def part(self, index: int) -> Path:
        """The rows of a part."""
        return self.out / f"part-{index:06}.parquet"


@dataclass(frozen=True)
class Part:
    """Some ranges, whose rows are one Parquet file."""

    offset: int
    """Place of the first range in ranges.jsonl, in bytes."""
    n_ranges: int
    rows: int
    checksum: int
    """Of the lines of its ranges, see `_join_checksums`."""


@dataclass(frozen=True)
class Plan:
    """What decides the rows of a run, and its parts."""

    sources: tuple[str, ...]
    """The sources as they were given."""
    sources_sha256: str
    """See `sign_sources`."""
    config: ArchiveConfig
    classifier: dict[str, Any]
    """What the classifier says of itself: model, SHA-256, versions, thresholds."""
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        """Number of pictures."""
        return sum(part.rows for part in self.parts)

    @property
    def sha256(self) -> str:
        """Identifies the plan in its parts."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """The content of plan.json."""
        record = {
            "schema_version": PLAN_SCHEMA_VERSION,
            "sources": self.sources,
            "sources_sha256": self.sources_sha256,
            "config": self.config.to_dict(),
            "classifier": self.classifier,
            "parts": [astuple(part) for part in self.parts],
        }
        return json.dumps(record)

    @classmethod
    def load(cls, files: RunFiles) -> Plan:
        """Read plan.json.

        Raises:
            DataError: It is damaged.
        """
        try:
            record = json.loads(files.plan.read_text("utf-8"))
            if record["schema_version"] == PLAN_SCHEMA_VERSION:
                parts = tuple(Part(*part) for part in record["parts"])
                config = ArchiveConfig(**record["config"])
                return cls(tuple(record["sources"]), record["sources_sha256"], config, record["classifier"], parts)
            problem: object = "of another version of edge-mnist"
        except (OSError, ValueError, KeyError, TypeError) as error:
            problem = error
        raise DataError(f"{files.plan}: cannot be read ({problem}); delete {files.out} and start again")

    def differences_from(
        self, sources: tuple[str, ...], config: ArchiveConfig, classifier: dict[str, Any]
    ) -> list[str]:
        """Name what another run would do differently."""
        before, now = (
            self._options(self.sources, self.config, self.classifier),
            self._options(sources, config, classifier),
        )
        return [name for name in now if before.get(name) != now[name]]

    @staticmethod
    def _options(sources: tuple[str, ...], config: ArchiveConfig, classifier: dict[str, Any]) -> dict[str, Any]:
        # `sha256` and others say what the classifier made of the model and the options that have the same name.
        return {"sources": sources, **config.to_dict(), "model": None, **classifier}


def read_part(files: RunFiles, part: Part) -> Iterator[Chunk]:
    """Read the pictures of a part, in order.

    Raises:
        DataError: The plan or a source is damaged.
    """
    try:
        with files.ranges.open("rb") as file:
            file.seek(part.offset)
            lines = [*islice(file, part.n_ranges)]
        is_whole = _join_checksums(map(crc32, lines)) == part.checksum
        problem = None if is_whole else "damaged"
    except OSError as error:
        problem = explain(error)
    if problem:
        raise DataError(f"{files.ranges}: cannot be read ({problem}); delete {files.out} and start again")
    for line in lines:
        found = Range.from_dict(json.loads(line))
        try:
            yield from READERS[found.kind](found)
        except OSError as error:
            raise DataError(f"{found.name}: cannot be read ({explain(error)}); restore it and start again") from error


def make_plan(
    files: RunFiles, sources: tuple[str, ...], config: ArchiveConfig, classifier: dict[str, Any], sources_sha256: str
) -> Plan:
    """Find all pictures, divide them into parts, and write the plan.

    Raises:
        UsageError: There are no pictures, or an id repeats.
        DataError: A source is damaged.
    """
    lines: list[tuple[int, int, int, int]] = []

    def write(partial: Path) -> None:
        offset = 0
        with RepeatFinder(files.work) as repeats, partial.open("wb") as file:
            for found in find_ranges(sources, config, files.unpacked, repeats.add):
                line = json.dumps(found.to_dict()).encode() + b"\n"
                file.write(line)
                lines.append((offset, found.units, found.count, crc32(line)))
                offset += len(line)
            _refuse_repeats(repeats, sources, config, files)

    replace_file(files.ranges, write, advice=ADVICE)
    if not lines:
        raise UsageError(f"{', '.join(sources)}: no pictures; expected pictures, or tar, Parquet or IDX files of them")
    plan = Plan(sources, sources_sha256, config, classifier, tuple(_pack(lines)))
    replace_file(files.plan, lambda partial: partial.write_text(plan.to_json(), "utf-8"), advice=ADVICE)
    return plan


def _refuse_repeats(repeats: RepeatFinder, sources: tuple[str, ...], config: ArchiveConfig, files: RunFiles) -> None:
    def all_ids() -> Iterator[list[str]]:
        batches: list[list[str]] = []
        for _ in find_ranges(sources, config, files.unpacked, batches.append):
            yield from batches
            batches.clear()

    if (repeated := repeats.find(all_ids)) is not None:
        raise UsageError(f"{', '.join(sources)}: the id {repeated} repeats; each picture needs one of its own")


def _pack(lines: Iterable[tuple[int, int, int, int]]) -> Iterator[Part]:
    """Join ranges, given as (offset, units, count, CRC-32), to parts of about equal work."""
    lines = [*lines]
    limit = min(MAX_PART_UNITS, max(RANGE_UNITS, sum(units for _, units, _, _ in lines) // MIN_PARTS))
    first = rows = work = 0
    checksums: list[int] = []
    for offset, units, count, checksum in lines:
        if checksums and work + units > limit:
            yield Part(first, len(checksums), rows, _join_checksums(checksums))
            rows = work = 0
            checksums.clear()
        if not checksums:
            first = offset
        checksums.append(checksum)
        rows, work = rows + count, work + units
    yield Part(first, len(checksums), rows, _join_checksums(checksums))


def _join_checksums(checksums: Iterable[int]) -> int:
    """One CRC-32 of those of several lines, so that the lines need not stay in memory."""
    return crc32(b"".join(checksum.to_bytes(4, "big") for checksum in checksums))
