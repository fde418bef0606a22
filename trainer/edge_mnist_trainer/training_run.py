"""A training run from digits to report.html: what `edge-mnist train` does, for programs."""

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
    """`completed`, `stopped early` if the validation loss fell no further, or `interrupted` by Ctrl-C."""
    epochs: int
    """Epochs that were finished."""
    best_epoch: int | None
    """The epoch, from 1, whose weights model.keras holds; None if no epoch was finished."""
    best_validation_top1: float | None
    """Accuracy of these weights on the validation images, in 0..1."""
    restored: bool = False
    """Whether the run that `force` was to replace is back in its place, because no epoch was finished."""


@dataclass(frozen=True)
class Watcher:
    """Who is told about a run while it trains."""

    on_note: Callable[[str], None] = lambda _note: None
    """Called with each remark on the data: how it was read, and what was left out."""
    on_start: Callable[[int, int], None] = lambda _steps, _epoch: None
    """Called with the number of steps an epoch, and the number of epochs that are already done."""
    callbacks: tuple[Any, ...] = ()
    """`keras.callbacks.Callback`s."""


@dataclass(frozen=True)
class Lessons:
    """What a network learns from, beside labelled digits; a resumed run needs the same again."""

    transfer_set: Path | None = None
    """A folder that `edge-mnist transfer-set` made: images with a teacher's probabilities."""
    start_from: Path | None = None
    """Weights to begin with: of a run, a .keras file, or the name of a reference model."""


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
    """Train a digit network, and keep its best epoch in a run folder with a report.

    Args:
        architecture: Its name (`edge-mnist archs` lists them), or an `Architecture`.
        output: The run folder. None: a new folder in runs/.
        config: Epochs, optimizer, distortions, seed. None: the architecture's own.
        data: MNIST's folder, or digits of your own. None: as EDGE_MNIST_DATA names it, else
            Keras's cache or download.
        lessons: What else the network learns from.
        force: Replace the run that is in `output`.
        watcher: Who is told about progress.

    Returns:
        How it ended. Ctrl-C ends a run early and keeps the best model so far.

    Raises:
        UsageError: There is no such network or data, or `output` holds a run and `force` is not set.
        DataError: The digits cannot be read.
        DivergedError: The loss is no longer a number; the last good model is kept.
        OutputError: The folder cannot be written.

    Example:
        >>> from edge_mnist_trainer import train
        >>> train("nano", output="runs/first").best_validation_top1  # doctest: +SKIP
        0.9912
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
    """Go on with a run that was interrupted or killed; it ends with the weights that it would have had.

    Args:
        path: The run folder.
        data: As for `train`; the same digits as before.
        lessons: The same as before.
        watcher: Who is told about progress.

    Raises:
        UsageError: There is no such run, or it has ended or never began, or other data or lessons are given.
        CorruptModelError: Its record cannot be read.
    """
    return _run(read_job(Path(path)), data, lessons, watcher, force=False)


@dataclass(frozen=True)
class TrainingJob:
    """What a run is to do, and where."""

    architecture: Architecture
    config: TrainingConfig
    path: Path
    resume: bool


def read_job(path: Path) -> TrainingJob:
    """What a run that was interrupted or killed has left to do.

    Raises:
        UsageError: There is no such run, or it has ended or never began.
        CorruptModelError: Its record cannot be read.
    """
    record = open_run_folder(path).read_record()
    if record.status not in ("running", "interrupted"):
        raise UsageError(f"{path}: is {record.status}, nothing is left to do; start anew with `force=True`")
    try:
        options: Any = {
            name: tuple(value) if isinstance(value, list) else value for name, value in record.options.items()
        }
        known = find_architecture(record.architecture)
        architecture = custom_architecture(**options) if known.name == "custom" else known
    except TypeError as error:
        raise CorruptModelError(
            f"{path / 'run.json'}: no sizes of a custom network ({first_line(error)}); train anew"
        ) from error
    return TrainingJob(architecture, record.config, path, resume=True)


def _run(
    job: TrainingJob, data: str | os.PathLike[str] | None, lessons: Lessons, watcher: Watcher, *, force: bool
) -> TrainingReport:
    source = None if data is None else Path(data)
    find_mnist_folder(source)  # what does not exist is said at once, not after TensorFlow's start
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
    finally:  # after an error, too
        restored = folder.restore_previous()
        if not restored:
            folder.drop_unless_begun()
    if outcome.best_epoch is not None:
        write_report_page(folder, digits)
    return TrainingReport(
        job.path, outcome.status, outcome.epochs, outcome.best_epoch, outcome.best_validation_top1, restored
    )
