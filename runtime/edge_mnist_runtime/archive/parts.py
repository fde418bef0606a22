"""Make the rows of one part, and write them as a Parquet file in one step, in any process and as often as needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from edge_mnist_runtime.archive.plan import ADVICE, Plan, RunFiles, read_part
from edge_mnist_runtime.archive.rows import SCHEMA, RowMaker, Tally
from edge_mnist_runtime.atomic_file import replace_file
from edge_mnist_runtime.box import Box
from edge_mnist_runtime.errors import DataError
from edge_mnist_runtime.predictions import Outcome

METADATA_KEY: Final = b"edge_mnist"
"""Key in the footer of a part: the plan's SHA-256, and the tally of the rows."""

ROW_GROUP: Final = 8_192
"""Maximum number of rows that wait to be written."""


class PartMaker:
    """Opens the plan and the classifier of a run once, and makes its parts.

    Args:
        out: The output of the run.

    Raises:
        DataError: The plan is damaged.
        HashMismatchError: This machine has another model.
    """

    def __init__(self, out: Path) -> None:
        self._files = RunFiles(out)
        self._plan = Plan.load(self._files)
        self._sha256 = self._plan.sha256
        self._maker = RowMaker(self._plan.config.open(sha256=self._plan.classifier["sha256"]))

    def make(self, index: int) -> None:
        """Classify the pictures of a part and write its file; do nothing if it stands.

        Raises:
            OutputError: The file cannot be written.
            DataError: A source is damaged, or has changed since the plan was made.
        """
        target = self._files.part(index)
        part = self._plan.parts[index]
        if read_tally(target, self._sha256, part.rows) is None:
            # Synced when the run ends: a sync takes as long as 200 pictures, and damage is noticed.
            replace_file(
                target,
                lambda partial: self._write(partial, index),
                advice=ADVICE,
                several_writers=True,
                synced=False,
            )

    def _write(self, partial: Path, index: int) -> None:
        part, tally = self._plan.parts[index], Tally()
        ids: list[str] = []
        outcomes: list[Outcome] = []
        boxes: list[Box | None] = []
        with pq.ParquetWriter(partial, SCHEMA, compression="zstd", write_page_checksum=True) as writer:

            def write_waiting() -> None:
                tally.count(outcomes)
                writer.write_batch(self._maker.make_batch(ids, (outcomes, boxes)))
                for waiting in (ids, outcomes, boxes):
                    waiting.clear()

            for names, pictures in read_part(self._files, part):
                found, places = self._maker.classify(pictures, names)
                ids += names
                outcomes += found
                boxes += places
                if len(ids) >= ROW_GROUP:
                    write_waiting()
            if ids:
                write_waiting()
            if tally.rows != part.rows:
                raise DataError(f"part {index}: {tally.rows} pictures, but {part.rows} were planned; a source changed")
            writer.add_key_value_metadata({METADATA_KEY: json.dumps({"plan": self._sha256, **tally.to_dict()})})


def read_tally(path: Path, plan_sha256: str, rows: int, *, whole: bool = True) -> Tally | None:
    """Read the tally in the footer of a part; None if the file is missing, damaged or of another run.

    `whole` also reads the rows and compares the checksums of their pages.
    """
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            footer = file.metadata
            record = json.loads(footer.metadata[METADATA_KEY])
            for _ in file.iter_batches(use_threads=False) if whole else ():
                pass
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError):
        return None
    return Tally.from_dict(record) if record["plan"] == plan_sha256 and footer.num_rows == rows else None
