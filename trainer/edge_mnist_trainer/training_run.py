"""Train a network from digits to report.html. The API behind `edge-mnist train`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_mnist_runtime.dataset import find_mnist_folder
from edge_mnist_runtime.errors import CorruptModelError, UsageError, first_line
from edge_mnist_trainer.config import TrainingConfig
from edge_mnist_trainer.networks.architectures import (
    DEFAULT_ARCHITECTURE,
    Architecture,
    custom_architecture,
    find_architecture,
)
from edge_mnist_trainer.networks.starting_point import find_starting_point, open_starting_point
from edge_mnist_trainer.run_folder import check_run_path, create_run_folder, open_run_folder, unused_run_path


@dataclass(frozen=True)
class TrainingReport:
    """How a training run ended."""

    path: Path
    """The run folder: model.keras, run.json, report.html."""
    status: str
    """`completed`, `stopped early` (the validation loss no longer fell), or `interrupted` (Ctrl-C)."""
    epochs: int
    """Number of finished epochs."""
    best_epoch: int | None
    """The epoch, from 1, whose weights model.keras holds; None if no epoch was finished."""
    best_validation_top1: float | None
    """Accuracy of these weights on the validation images, in 0..1."""
    restored: bool = False
    """Whether the older run was put back, because no epoch of the new one was finished."""


@dataclass(frozen=True)
class Watcher:
    """Callbacks for progress."""

    on_note: Callable[[str], None] = lambda _note: None
    """Called with each remark on the data: files that were left out, and how it was read."""
    on_start: Callable[[int, int], None] = lambda _steps, _epoch: None
    """Called with the number of steps in an epoch and the number of finished epochs."""
    callbacks: tuple[Any, ...] = ()
    """`keras.callbacks.Callback`s."""


@dataclass(frozen=True)
class Lessons:
    """Inputs of a run besides labelled digits. A resumed run needs the same again."""

    transfer_set: Path | None = None
    """A transfer set that `edge-mnist transfer-set` made: images with teachers' probabilities."""
    start_from: Path | None = None
    """Trained weights to start from: a run folder, a .keras file, or the name of a reference model."""


def train(
    architecture: str | Architecture = DEFAULT_ARCHITECTURE,
    *,
    output: str | os.PathLike[str] | None = None,
    config: TrainingConfig | None = None,
    data: str | os.PathLike[str] | None = None,
    lessons: Lessons = Lessons(),
    force: bool = False,
    watcher: Watcher = Watcher(),
) -> TrainingReport:
    """Train a digit network and save its best epoch in a run folder, with a report.

    Args:
        architecture: Its name (`edge-mnist archs` lists them), or an `Architecture`.
        output: The run folder. None: a new folder in runs/.
        config: Epochs, optimizer, distortions, seed. None: the architecture's own.
        data: MNIST's folder, or your own digits. None: EDGE_MNIST_DATA, else Keras's cache or download.
        lessons: Transfer set and weights to start from.
        force: Replace the run that is in `output`.
        watcher: Callbacks for progress.

    Returns:
        The outcome. Ctrl-C ends a run early and keeps the best model so far.

    Raises:
        UsageError: There is no such network or data, or `output` holds a run and `force` is not set.
        DataError: The digits cannot be read.
        DivergedError: The loss is no longer a number; the last good model is kept.
        OutputError: The folder cannot be written.

    Example:
        >>> from edge_mnist_trainer import TrainingConfig, train
        >>> report = train("nano", output="runs/first", data="digits.npz", config=TrainingConfig(epochs=1))
        >>> report.status, report.best_epoch
        ('completed', 1)
    """
    if isinstance(architecture, str):
        architecture = find_architecture(architecture)
    path = unused_run_path(architecture.name) if output is None else Path(output)
    check_run_path(path, force=force)
    job = TrainingJob(architecture, config or architecture.config, path, resume=False)
    return _run(job, data, lessons, watcher, force=force)


def resume_training(
    path: str | os.PathLike[str],
    *,
    data: str | os.PathLike[str] | None = None,
    lessons: Lessons = Lessons(),
    watcher: Watcher = Watcher(),
) -> TrainingReport:
    """Resume an interrupted or killed run. It ends with the same weights as an uninterrupted run.

    Args:
        path: The run folder.
        data: The same digits as before, named as for `train`.
        lessons: The same as before.
        watcher: Callbacks for progress.

    Raises:
        UsageError: There is no such run, or it has ended or never began, or data or lessons differ.
        CorruptModelError: Its record cannot be read.
    """
    return _run(read_job(Path(path)), data, lessons, watcher, force=False)


@dataclass(frozen=True)
class TrainingJob:
    """A run that is to be started or resumed."""

    architecture: Architecture
    config: TrainingConfig
    path: Path
    resume: bool


def read_job(path: Path) -> TrainingJob:
    """Read the settings of an interrupted or killed run.

    Raises:
        UsageError: There is no such run, or it has ended or never began.
        CorruptModelError: Its record cannot be read.
    """
    record = open_run_folder(path).read_record()
    if record.status not in ("running", "interrupted"):
        raise UsageError(f"{path}: is {record.status}, nothing is left to resume; start again with `force=True`")
    try:
        options: Any = {
            name: tuple(value) if isinstance(value, list) else value for name, value in record.options.items()
        }
        known = find_architecture(record.architecture)
        architecture = custom_architecture(**options) if known.name == "custom" else known
    except TypeError as error:
        raise CorruptModelError(
            f"{path / 'run.json'}: not the options of a custom network ({first_line(error)}); train again"
        ) from error
    return TrainingJob(architecture, record.config, path, resume=True)


def _run(
    job: TrainingJob, data: str | os.PathLike[str] | None, lessons: Lessons, watcher: Watcher, *, force: bool
) -> TrainingReport:
    source = None if data is None else Path(data)
    find_mnist_folder(source)  # reports a missing folder before TensorFlow starts, which takes seconds
    if lessons.start_from:
        find_starting_point(lessons.start_from)

    from edge_mnist_trainer.data.sources import load_digit_set
    from edge_mnist_trainer.fit.training import train as fit
    from edge_mnist_trainer.fit.transfer_set import open_transfer_set
    from edge_mnist_trainer.report.page import write_report_page

    transfer_set = open_transfer_set(lessons.transfer_set) if lessons.transfer_set else None
    start = open_starting_point(lessons.start_from) if lessons.start_from else None
    digits = load_digit_set(source)
    for line in digits.remarks:
        watcher.on_note(line)
    folder = open_run_folder(job.path) if job.resume else create_run_folder(job.path, force=force)
    try:
        outcome = fit(
            digits,
            job.architecture,
            job.config,
            folder,
            transfer_set=transfer_set,
            start=start,
            resume=job.resume,
            callbacks=watcher.callbacks,
            on_start=watcher.on_start,
        )
    finally:  # also after an error
        restored = folder.restore_previous()
        if not restored:
            folder.drop_unless_begun()
    if outcome.best_epoch is not None:
        write_report_page(folder, digits)
    return TrainingReport(
        job.path, outcome.status, outcome.epochs, outcome.best_epoch, outcome.best_validation_top1, restored
    )
