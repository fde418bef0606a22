"""Create, read and write run folders: the output of a training run, and the input of an export.

    model.keras      the best model so far, by validation accuracy
    run.json         status, configuration, versions, data hashes, figures of every epoch
    report.html      the report page
    checkpoint.npz   the state to resume from, until the run is complete
    tensorboard/     logs, if requested

Each file is written to a temporary file, synced and renamed, so that a killed run leaves the last good ones.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_mnist_runtime.atomic_file import PARTIAL_PREFIX, replace_file
from edge_mnist_runtime.errors import OutputError, UsageError
from edge_mnist_runtime.paths import describe_missing, exists, is_file, is_folder, is_url, list_folder
from edge_mnist_trainer.run_record import RunRecord

RUNS_FOLDER: Final = Path("runs")
"""Default folder of runs. An export without a model takes the newest run in it."""

MODEL_FILE: Final = "model.keras"
RECORD_FILE: Final = "run.json"
REPORT_FILE: Final = "report.html"
CHECKPOINT_FILE: Final = "checkpoint.npz"
LOGS_FOLDER: Final = "tensorboard"

NOT_BEGUN: Final = b'{\n  "status": "started"\n}\n'
"""The content of run.json before the training begins."""


@dataclass(frozen=True)
class RunFolder:
    """An existing, writable run folder."""

    path: Path
    previous: Path | None = None
    """The run that this one replaces. It is kept here until this one has a model."""

    @property
    def model_path(self) -> Path:
        """The best model so far."""
        return self.path / MODEL_FILE

    def require_model(self) -> Path:
        """Return the path of the model.

        Raises:
            UsageError: No epoch of the run is finished.
        """
        if not exists(self.model_path):
            raise UsageError(f"{self.path}: holds no {MODEL_FILE} yet; train it for at least one epoch")
        return self.model_path

    def drop_previous(self) -> None:
        """Remove the replaced run, once this run has a model."""
        if self.previous:
            shutil.rmtree(self.previous, ignore_errors=True)

    def drop_checkpoint(self) -> None:
        """Remove the checkpoint of a complete run."""
        (self.path / CHECKPOINT_FILE).unlink(missing_ok=True)

    def restore_previous(self) -> bool:
        """Put the replaced run back if this run has no model. Return whether that was done."""
        if self.model_path.exists() or not self.previous or not self.previous.exists():
            return False
        shutil.rmtree(self.path)
        self.previous.rename(self.path)
        return True

    def drop_unless_begun(self) -> None:
        """Remove the folder if the training never began."""
        if not self.has_begun:
            shutil.rmtree(self.path)

    @property
    def has_begun(self) -> bool:
        """Whether the training has begun, and run.json holds a record."""
        return (self.path / RECORD_FILE).read_bytes() != NOT_BEGUN

    def read_record(self) -> RunRecord:
        """Read run.json.

        Raises:
            UsageError: The training has not begun.
            CorruptModelError: The record is missing or damaged.
        """
        path = self.path / RECORD_FILE
        if exists(path) and not self.has_begun:
            raise UsageError(f"{self.path}: ended before the training began; start again with `force=True`")
        return RunRecord.load(path, remedy="train again")

    def write_record(self, record: RunRecord) -> None:
        """Replace run.json."""
        self.replace(RECORD_FILE, lambda path: path.write_text(record.to_json(), "utf-8"))

    def replace(self, file_name: str, write: Callable[[Path], object]) -> None:
        """Replace a file atomically: `write` creates a temporary file, which is synced and renamed.

        Raises:
            OutputError: The folder cannot be written; the old file is still there.
        """
        replace_file(self.path / file_name, write, advice="free space or name another `output`")


def check_run_path(path: Path, *, force: bool = False) -> None:
    """Raise `UsageError` if a new run cannot be written to `path`.

    Args:
        path: The run folder: a new or empty folder, or with `force` an older run.
        force: Whether an older run may be replaced.
    """
    if exists(path) and not is_folder(path):
        raise UsageError(f"{path}: exists and is not a folder; name another `output`")
    if is_folder(path) and (files := list_folder(path)):
        names = {file.name for file in files if not file.name.startswith(PARTIAL_PREFIX)}
        unknown = names - {MODEL_FILE, RECORD_FILE, REPORT_FILE, CHECKPOINT_FILE, LOGS_FOLDER}
        if unknown or not exists(path / RECORD_FILE):
            found = min(unknown, default=MODEL_FILE)
            raise UsageError(f"{path}: holds {found} and is not a run folder; name another `output`")
        if not force:
            raise UsageError(f"{path}: already holds a run; name another `output`, or replace it with `force=True`")


def create_run_folder(path: Path, *, force: bool = False) -> RunFolder:
    """Create a run folder. With `force` it may replace an older run.

    Raises:
        UsageError: Something else is at `path`, as in `check_run_path`.
        OutputError: The folder cannot be created or written.
    """
    try:
        check_run_path(path, force=force)
        previous = _previous_path(path)
        if (path / RECORD_FILE).exists():
            # If a run was killed before it had a model, keep the run that it was to replace.
            if (path / MODEL_FILE).exists() or not previous.exists():
                shutil.rmtree(previous, ignore_errors=True)
                path.rename(previous)
            else:
                shutil.rmtree(path)
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be used as a run folder ({error.strerror or error}); name another `output`"
        ) from error
    folder = RunFolder(path, previous)
    # Write a file now, so that a folder that is not writable is reported before the first epoch.
    folder.replace(RECORD_FILE, lambda path: path.write_bytes(NOT_BEGUN))
    return folder


def _previous_path(path: Path) -> Path:
    """Where a replaced run is kept until the run at `path` has a model."""
    return path.with_name(f".{path.name}.previous")


def read_record_beside(model: Path) -> RunRecord | None:
    """Read the training record of a model: run.json in a run folder, NAME.json beside any other NAME.keras.

    Returns:
        The record; None if there is none. A NAME.json without `architecture` is another program's.

    Raises:
        CorruptModelError: The record is damaged.
    """
    in_run_folder = model.name == MODEL_FILE
    path = model.with_name(RECORD_FILE) if in_run_folder else model.with_suffix(".json")
    if not is_file(path) or not (in_run_folder or b'"architecture"' in path.read_bytes()):
        return None
    return RunRecord.load(path, remedy="train the model again, or move it away from the record")


def open_run_folder(path: Path) -> RunFolder:
    """Open an existing run.

    Raises:
        UsageError: There is no run at `path`.
    """
    if is_url(path):
        raise UsageError(describe_missing(path, "run folder"))
    if not exists(path / RECORD_FILE):
        raise UsageError(f"{path}: not a run folder (it holds no {RECORD_FILE}); name one that edge-mnist train made")
    return RunFolder(path, _previous_path(path))


def unused_run_path(name: str) -> Path:
    """The first path of runs/NAME, runs/NAME-2, runs/NAME-3, ... that does not exist."""
    path, number = RUNS_FOLDER / name, 1
    while path.exists():
        number += 1
        path = RUNS_FOLDER / f"{name}-{number}"
    return path


def newest_run(runs: Path = RUNS_FOLDER) -> Path | None:
    """Find the run under `runs` with the newest model; None if there is no run."""
    models = list(runs.glob(f"*/{MODEL_FILE}"))
    return max(models, key=lambda model: model.stat().st_mtime_ns).parent if models else None
