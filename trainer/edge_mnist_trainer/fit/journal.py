"""The record of a run under way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from edge_mnist_trainer.run_folder import RunFolder
from edge_mnist_trainer.run_record import RunRecord


@dataclass
class Journal:
    """What a run has come to so far; its record on disk is the same after every change."""

    folder: RunFolder
    record: RunRecord

    def write(self, **changes: Any) -> None:
        """Change fields of the record, and replace run.json.

        Raises:
            OutputError: The folder cannot be written.
        """
        self.record = replace(self.record, **changes)
        self.folder.write_record(self.record)
