"""A run folder: what a training run leaves on disk, and what an export starts from.

    model.keras   the best model so far, by validation accuracy
    run.json      status, configuration, versions, data hashes, figures of every epoch
    report.html   the same as pictures
    checkpoint.npz   what a resumed run goes on from, while the run is not complete
    tensorboard/  logs, where they were asked for

Each file is replaced whole (written beside itself, synced, renamed), so a run that is killed leaves the last good ones.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge_mnist_runtime.errors import OutputError, UsageError
from edge_mnist_runtime.paths import describe_missing, exists, is_file, is_folder, is_url, list_folder
from edge_mnist_trainer.run_record import RunRecord

RUNS_FOLDER: Final = Path("runs")
"""Where runs go, and where an export without a model looks for the newest."""

MODEL_FILE: Final = "model.keras"
RECORD_FILE: Final = "run.json"
REPORT_FILE: Final = "report.html"
CHECKPOINT_FILE: Final = "checkpoint.npz"
LOGS_FOLDER: Final = "tensorboard"

NOT_BEGUN: Final = b'{\n  "status": "started"\n}\n'
"""The content of run.json from the making of the folder to the beginning of the training."""

PARTIAL_PREFIX: Final = ".partial-"
"""Of files that are being written; one that a killed run left belongs to nobody."""


@dataclass(frozen=True)
class RunFolder:
    """One run folder, existing and writable."""

    path: Path
    previous: Path | None = None
    """Where the run that this one replaces is kept until this one has a model."""

    @property
    def model_path(self) -> Path:
        """The best model so far."""
        return self.path / MODEL_FILE

    def drop_previous(self) -> None:
        """Remove the run that this one replaces: this one has a model now."""
        if self.previous:
            shutil.rmtree(self.previous, ignore_errors=True)

    def drop_checkpoint(self) -> None:
        """Remove what a run goes on from: it is complete."""
        (self.path / CHECKPOINT_FILE).unlink(missing_ok=True)

    def restore_previous(self) -> bool:
        """Put the run that this one should have replaced back in its place; False where there was none.

        A run that has a model stays.
        """
        if self.model_path.exists() or not self.previous or not self.previous.exists():
            return False
        shutil.rmtree(self.path)
        self.previous.rename(self.path)
        return True

    def drop_unless_begun(self) -> None:
        """Remove a run that was refused before it began: it holds nothing."""
        if not self.has_begun:
            shutil.rmtree(self.path)

    @property
    def has_begun(self) -> bool:
        """Whether the training began: until then run.json holds no record."""
        return (self.path / RECORD_FILE).read_bytes() != NOT_BEGUN

    def read_record(self) -> RunRecord:
        """The content of run.json.

        Raises:
            UsageError: The run has not begun.
            CorruptModelError: It is no record.
        """
        path = self.path / RECORD_FILE
        if exists(path) and not self.has_begun:
            raise UsageError(f"{self.path}: was ended before it began; start anew with `force=True`")
        return RunRecord.load(path, remedy="train anew")

    def write_record(self, record: RunRecord) -> None:
        """Replace run.json."""
        self.replace(RECORD_FILE, lambda path: path.write_text(record.to_json(), "utf-8"))

    def replace(self, file_name: str, write: Callable[[Path], object]) -> None:
        """Have `write` make a file, sync it, and move it over `file_name` in one step.

        Raises:
            OutputError: The folder cannot be written; the old file is still there.
        """
        target = self.path / file_name
        partial = target.with_name(f"{PARTIAL_PREFIX}{file_name}")  # the suffix stays: Keras goes by it
        try:
            write(partial)
            with partial.open("rb+") as handle:
                os.fsync(handle.fileno())
            partial.replace(target)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise OutputError(
                f"{target}: cannot be written ({error.strerror or error}); free space or name another `output`"
            ) from error
        except BaseException:  # Ctrl-C among them
            partial.unlink(missing_ok=True)
            raise


def check_run_path(path: Path, *, force: bool = False) -> None:
    """Raise `UsageError` if something at `path` is in the way of a new run.

    Args:
        path: Where the run shall be: a new or empty folder, or with `force` an older run.
        force: Whether an older run may be replaced.
    """
    if exists(path) and not is_folder(path):
        raise UsageError(f"{path}: exists and is no folder; name another `output`")
    if is_folder(path) and (files := list_folder(path)):
        names = {file.name for file in files if not file.name.startswith(PARTIAL_PREFIX)}
        unknown = names - {MODEL_FILE, RECORD_FILE, REPORT_FILE, CHECKPOINT_FILE, LOGS_FOLDER}
        if unknown or not exists(path / RECORD_FILE):
            found = min(unknown, default=MODEL_FILE)
            raise UsageError(f"{path}: holds {found} and is no run folder; name another `output`")
        if not force:
            raise UsageError(f"{path}: holds a run already; name another `output`, or replace it with `force=True`")


def create_run_folder(path: Path, *, force: bool = False) -> RunFolder:
    """Make a new run folder; with `force` in place of an older run.

    Raises:
        UsageError: As `check_run_path`.
        OutputError: The folder cannot be made or written.
    """
    try:
        check_run_path(path, force=force)
        previous = _previous_path(path)
        if (path / RECORD_FILE).exists():
            # A run that was killed before it had a model is worth less than the one that it would have replaced.
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
    folder.replace(
        RECORD_FILE, lambda path: path.write_bytes(NOT_BEGUN)
    )  # found out now that the folder is writable, not after an epoch
    return folder


def _previous_path(path: Path) -> Path:
    """Where a run is kept that the one at `path` replaces, until that one has a model."""
    return path.with_name(f".{path.name}.previous")


def read_record_beside(model: Path) -> RunRecord | None:
    """What the run that trained a model recorded: run.json in a run folder, NAME.json beside any other NAME.keras.

    Returns:
        None if there is no record. Other programs write NAME.json, too: one that names no `architecture` is theirs.

    Raises:
        CorruptModelError: The record is damaged.
    """
    in_run_folder = model.name == MODEL_FILE
    path = model.with_name(RECORD_FILE) if in_run_folder else model.with_suffix(".json")
    if not is_file(path) or not (in_run_folder or b'"architecture"' in path.read_bytes()):
        return None
    return RunRecord.load(path, remedy="train the model again, or move it to where no record is")


def open_run_folder(path: Path) -> RunFolder:
    """An existing run.

    Raises:
        UsageError: There is none at `path`.
    """
    if is_url(path):
        raise UsageError(describe_missing(path, "run folder"))
    if not exists(path / RECORD_FILE):
        raise UsageError(f"{path}: no run folder (it holds no {RECORD_FILE}); name one that edge-mnist train made")
    return RunFolder(path, _previous_path(path))


def unused_run_path(name: str) -> Path:
    """The first of runs/NAME, runs/NAME-2, runs/NAME-3, ... that does not exist yet."""
    path, number = RUNS_FOLDER / name, 1
    while path.exists():
        number += 1
        path = RUNS_FOLDER / f"{name}-{number}"
    return path


def newest_run(runs: Path = RUNS_FOLDER) -> Path | None:
    """The run folder under `runs` whose model was written last, or None where there is none."""
    models = list(runs.glob(f"*/{MODEL_FILE}"))
    return max(models, key=lambda model: model.stat().st_mtime_ns).parent if models else None
