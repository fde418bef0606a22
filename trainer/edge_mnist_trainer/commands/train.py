"""The command `edge-mnist train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.errors import INTERRUPTED_EXIT_CODE
from edge_mnist_trainer.commands.training_options import (
    ArchOption,
    BatchSizeOption,
    DataOption,
    DenseOption,
    EpochsOption,
    FiltersOption,
    ForceOption,
    KernelSizeOption,
    LearningRateOption,
    OutputOption,
    PatienceOption,
    PoolOption,
    ResumeOption,
    SeedOption,
    StartFromOption,
    TensorboardOption,
    TransferSetOption,
    plan_job,
    refuse_beside_resume,
)

if TYPE_CHECKING:
    from edge_mnist_trainer.training_run import Lessons, TrainingJob, TrainingReport

TRAIN_MODULES: Final = ("keras", "jinja2", "matplotlib", "sklearn", "scipy", "pymupdf_fonts", "font_lato")
"""Modules of the extra that a run needs. If one is missing, the extra is not installed."""


def train(
    architecture: ArchOption = None,
    data: DataOption = None,
    epochs: EpochsOption = None,
    batch_size: BatchSizeOption = None,
    peak_learning_rate: LearningRateOption = None,
    patience: PatienceOption = None,
    seed: SeedOption = None,
    transfer_set: TransferSetOption = None,
    start_from: StartFromOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
    resume: ResumeOption = None,
    tensorboard: TensorboardOption = False,
    filters: FiltersOption = None,
    kernel_size: KernelSizeOption = None,
    pool: PoolOption = None,
    dense: DenseOption = None,
    debug: DebugOption = False,
) -> None:
    """Train a digit network on MNIST or on your own digits.

    Ctrl-C ends training early and keeps the model so far; --resume continues.
    """
    from edge_mnist_runtime.extras import require_extra
    from edge_mnist_trainer.training_run import Lessons, read_job

    sizes = {"filters": filters, "kernel_size": kernel_size, "pool": pool, "dense": dense}
    settings = {
        "epochs": epochs,
        "batch_size": batch_size,
        "peak_learning_rate": peak_learning_rate,
        "patience": patience,
        "seed": seed,
    }
    require_extra("train", "edge-mnist train", *TRAIN_MODULES)
    if tensorboard:
        require_extra("tensorboard", "--tensorboard", "tensorboard", "tensorflow")
    if resume:
        refuse_beside_resume(
            {"architecture": architecture, "output": output, "force": force or None, **settings, **sizes}
        )
        job = read_job(resume)
    else:
        job = plan_job(architecture, settings, sizes, output)
    lessons = Lessons(transfer_set, start_from)
    _conclude(_run(job, data, lessons, force=force, tensorboard=tensorboard, debug=debug), job)


def _run(
    job: TrainingJob, data: Path | None, lessons: Lessons, *, force: bool, tensorboard: bool, debug: bool
) -> TrainingReport:
    from edge_mnist_runtime.commands.chatter import chatter_silenced
    from edge_mnist_runtime.dataset import find_mnist_folder
    from edge_mnist_trainer.networks.starting_point import find_starting_point
    from edge_mnist_trainer.run_folder import check_run_path
    from edge_mnist_trainer.training_run import Watcher, resume_training
    from edge_mnist_trainer.training_run import train as run_training

    # The library checks these again. Here they are checked before TensorFlow starts, which takes seconds.
    find_mnist_folder(data)
    if lessons.start_from:
        find_starting_point(lessons.start_from)
    if not job.resume:
        check_run_path(job.path, force=force)
    with chatter_silenced(show=debug) as terminal:
        from edge_mnist_trainer.commands.progress import TrainingProgress

        with TrainingProgress(job.config.epochs, terminal) as progress:
            callbacks = (progress.callback(), *_tensorboard(job.path, on=tensorboard))
            watcher = Watcher(on_note=progress.note, on_start=progress.start, callbacks=callbacks)
            if job.resume:
                return resume_training(job.path, data=data, lessons=lessons, watcher=watcher)
            return run_training(
                job.architecture,
                output=job.path,
                config=job.config,
                data=data,
                lessons=lessons,
                force=force,
                watcher=watcher,
            )


def _tensorboard(path: Path, *, on: bool) -> tuple[Any, ...]:
    if not on:
        return ()
    import keras

    from edge_mnist_trainer.run_folder import LOGS_FOLDER

    return (keras.callbacks.TensorBoard(str(path / LOGS_FOLDER)),)


def _conclude(report: TrainingReport, job: TrainingJob) -> None:
    from edge_mnist_trainer.run_folder import LOGS_FOLDER

    path, interrupted = report.path, report.status == "interrupted"
    if report.best_epoch is None:
        left = f"{path} still holds the older run" if report.restored else f"there is no model in {path}"
        typer.echo(f"Stopped before the first epoch was finished; {left}.", err=True)
        raise typer.Exit(INTERRUPTED_EXIT_CODE)
    if interrupted:
        typer.echo(
            f"Stopped after {report.epochs} of {job.config.epochs} epochs; the model so far is kept.\n"
            f"Resume with: edge-mnist train --resume {path}",
            err=True,
        )
    elif report.status == "stopped early":
        typer.echo(
            f"Ended after {report.epochs} of {job.config.epochs} epochs, the last {job.config.patience} without a "
            "better validation loss.",
            err=True,
        )
    logs = path / LOGS_FOLDER
    typer.echo(
        f"Validation top-1 {report.best_validation_top1:.2%} (epoch {report.best_epoch} of {report.epochs}).\n"
        f"{path / 'model.keras'}\n{path / 'run.json'}\n{path / 'report.html'}\n"
        + (f"{logs} (tensorboard --logdir {logs})\n" if logs.exists() else "")
        + f"Next: edge-mnist export {path} --int8"
    )
    if interrupted:
        raise typer.Exit(INTERRUPTED_EXIT_CODE)
