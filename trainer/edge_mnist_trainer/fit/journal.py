"""Keep run.json up to date while a run trains."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from edge_mnist_trainer.run_folder import RunFolder
from edge_mnist_trainer.run_record import RunRecord


@dataclass
class Journal:
    """The record of a running training run. Every change is written to run.json at once."""

    folder: RunFolder
    record: RunRecord

    def write(self, **changes: Any) -> None:
        """Change fields of the record, and replace run.json.

        Raises:
            OutputError: The folder cannot be written.
        """
        self.record = replace(self.record, **changes)
        self.folder.write_record(self.record)
