"""Find ids that repeat among millions, in bounded memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Final

import numpy as np

from edge_mnist_runtime.archive.rows import printable

BUCKETS: Final = 64
"""Files of hashes. One at a time is in memory: for 100 million ids 12.5 MB."""

WAITING: Final = 1 << 18
"""Hashes kept until they are written: 2 MB."""


class RepeatFinder:
    """Collects a 64-bit hash of each id in temporary files.

    Args:
        folder: Where the files are made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(dir=folder, prefix=".partial-ids-")
        self._waiting: list[int] = []

    def __enter__(self) -> RepeatFinder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def add(self, ids: list[str]) -> None:
        """Add ids."""
        self._waiting.extend(map(hash, map(printable, ids)))
        if len(self._waiting) >= WAITING:
            self._write()

    def find(self, all_ids: Callable[[], Iterable[list[str]]]) -> str | None:
        """Return an id that was added twice; None if there is none.

        Args:
            all_ids: Gives all ids again. It is called only if two hashes are equal, and decides whether the ids are.
        """
        self._write()
        suspects = {value for bucket in range(BUCKETS) for value in self._find_in(bucket)}
        seen: set[str] = set()
        for ids in all_ids() if suspects else ():
            for found in map(printable, ids):
                if hash(found) in suspects:
                    if found in seen:
                        return found
                    seen.add(found)
        return None

    def _write(self) -> None:
        hashes = np.array(self._waiting, np.int64)
        self._waiting.clear()
        buckets = hashes % BUCKETS
        for bucket in np.unique(buckets).tolist():
            with self._file(bucket).open("ab") as file:
                file.write(hashes[buckets == bucket].tobytes())

    def _find_in(self, bucket: int) -> list[int]:
        path = self._file(bucket)
        if not path.exists():
            return []
        hashes = np.sort(np.fromfile(path, np.int64))
        repeated: list[int] = hashes[1:][hashes[1:] == hashes[:-1]].tolist()
        return repeated[:1000]  # one example is enough

    def _file(self, bucket: int) -> Path:
        return Path(self._folder.name) / str(bucket)
