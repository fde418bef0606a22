"""Read and write conformance.json and conformance.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.conformance.page import format_page
from benchmarks.conformance.recorded import ModelFile
from benchmarks.conformance.rows import Row, read_rows
from benchmarks.conformance.subject import Subject
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.machine.environment import describe_environment


class Results:
    """Rows by program. A program keeps its rows of an earlier run until it runs again.

    Earlier rows are dropped if the file's bytes, the digits or the processor have changed.

    Args:
        folder: The folder of both files.
        subjects: Every program by key, in the order of the tables.
        files: The files under test.
        digits: The digits to predict.
    """

    def __init__(
        self, folder: Path, subjects: Mapping[str, Subject], files: Sequence[ModelFile], digits: LabelledDigits
    ) -> None:
        self._folder, self._files = folder, files
        environment = describe_environment()
        self._head: dict[str, Any] = {
            "digits": f"{digits.name}, {digits.split}, {len(digits):,}",
            "digits_sha256": digits.sha256,
            "processor": f"{environment['cpu']} ({', '.join(environment['instruction_sets'] or [])})",
        }
        self._rows: dict[str, list[Row]] = {key: [] for key in subjects}
        for row in self._read_earlier(subjects):
            self._rows[row.subject.key].append(row)

    def replace(self, subject: Subject, rows: list[Row]) -> None:
        """Replace a program's rows and write both files."""
        self._rows[subject.key] = rows
        self._folder.mkdir(parents=True, exist_ok=True)
        record = {**self._head, "rows": [row.to_dict() for row in self.rows]}
        (self._folder / "conformance.json").write_text(json.dumps(record, indent=2) + "\n")
        page = format_page(self.rows, self._files, self._head["digits"], self._head["processor"])
        (self._folder / "conformance.md").write_text(page)

    @property
    def rows(self) -> list[Row]:
        """All rows in the order of the tables."""
        return [row for rows in self._rows.values() for row in rows]

    def _read_earlier(self, subjects: Mapping[str, Subject]) -> list[Row]:
        path = self._folder / "conformance.json"
        if not path.exists():
            return []
        earlier = json.loads(path.read_text())
        if any(earlier.get(key) != value for key, value in self._head.items()):
            return []
        return read_rows(earlier["rows"], subjects, self._files)
