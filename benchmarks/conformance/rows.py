"""Run the programs on the model files and compare their predictions."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.conformance.differences import Difference, compare_predictions
from benchmarks.conformance.explanations import EXPLANATIONS, Explanation
from benchmarks.conformance.recorded import ModelFile
from benchmarks.conformance.subject import Command, NotRunHereError, RefusedError, Subject, run_command
from edge_mnist_runtime.tensor import Pixels


@dataclass(frozen=True)
class Row:
    """Result of one program under one condition for one file."""

    subject: Subject
    file: ModelFile
    version: str | None = None
    difference: Difference | None = None
    """Differences from the recorded predictions; None if there are no predictions."""
    refused: str | None = None
    """Why the program refuses the file."""
    not_run: str | None = None
    """Why the program could not be run here."""

    @property
    def explanation(self) -> Explanation | None:
        """Why it differs or refuses; None if it does not, or if the reason is unknown."""
        known = EXPLANATIONS.get((self.subject.key, self.file.format))
        return known if known and self._differs and known.covers(self.difference) else None

    @property
    def unexplained(self) -> bool:
        """Whether it differs or refuses for an unknown reason."""
        return self._differs and self.explanation is None

    @property
    def _differs(self) -> bool:
        return self.refused is not None or (self.difference is not None and not self.difference.same)

    def to_dict(self) -> dict[str, Any]:
        """Return the row for JSON."""
        return {
            "subject": self.subject.key,
            "program": self.subject.program,
            "condition": self.subject.condition,
            "version": self.version,
            "file": self.file.path.name,
            "file_sha256": self.file.sha256,
            "difference": self.difference and asdict(self.difference),
            "refused": self.refused,
            "not_run": self.not_run,
        }


def read_rows(
    records: Sequence[dict[str, Any]], subjects: Mapping[str, Subject], files: Sequence[ModelFile]
) -> list[Row]:
    """Read rows from `Row.to_dict`, of these programs and of files with the same bytes only."""
    by_sha256 = {file.sha256: file for file in files}
    return [
        Row(
            subjects[record["subject"]],
            by_sha256[record["file_sha256"]],
            record["version"],
            record["difference"] and Difference(**record["difference"]),
            record["refused"],
            record["not_run"],
        )
        for record in records
        if record["subject"] in subjects and record["file_sha256"] in by_sha256
    ]


@dataclass(frozen=True)
class ImageSet:
    """A file of images for workers."""

    path: Path
    n: int


def write_images(folder: Path, images: Pixels) -> ImageSet:
    """Write images to a file for workers."""
    path = folder / f"images-{len(images)}.u8"
    np.ascontiguousarray(images).tofile(path)
    return ImageSet(path, len(images))


def make_rows(subject: Subject, files: Sequence[ModelFile], images: ImageSet, root: Path) -> list[Row]:
    """Run a program on every file of its formats.

    Args:
        subject: The program.
        files: The files under test.
        images: All images of the recorded predictions, or the first of them.
        root: Folder for the programs and their predictions.
    """
    (root / "predictions").mkdir(parents=True, exist_ok=True)
    own = [file for file in files if file.format in subject.formats]
    try:
        command = subject.prepare(root)
    except NotRunHereError as error:
        reason = _without_paths(str(error))
        print(f"{subject.key}: not run here: {reason}", file=sys.stderr, flush=True)
        return [Row(subject, file, not_run=reason) for file in own]
    rows = []
    for file in own:
        started = time.monotonic()
        rows.append(_make_row(subject, command, file, images, root))
        print(_progress(rows[-1], time.monotonic() - started), file=sys.stderr, flush=True)
    return rows


def _make_row(subject: Subject, command: Command, file: ModelFile, images: ImageSet, root: Path) -> Row:
    output = root / "predictions" / f"{subject.key}-{file.path.name}.f32"
    try:
        run = run_command(command, file.path.resolve(), images.path, output)
    except RefusedError as error:
        return Row(subject, file, refused=_without_paths(str(error)))
    return Row(subject, file, run.version, compare_predictions(file.recorded[: images.n], run.probabilities))


def _without_paths(text: str) -> str:
    """Remove this machine's folders, and source positions at the beginning, from a message."""
    return re.sub(r"(?<!\S)/\S*/", "", re.sub(r"/\S+:\d+: ", "", text))


def _progress(row: Row, seconds: float) -> str:
    return f"{row.subject.key} {row.file.path.name}: {row.refused or row.difference} ({seconds:.0f} s)"
