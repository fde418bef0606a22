"""Train a network with Keras's loop on newly distorted digits, and record every epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from edge_mnist_runtime.machine.versions import DISTRIBUTION, installed_versions
from edge_mnist_runtime.preprocess import PREPROCESS
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_trainer.augment.batches import TARGETS, DistortedBatches
from edge_mnist_trainer.config import TrainingConfig
from edge_mnist_trainer.data.sources import DigitSet
from edge_mnist_trainer.fit.callbacks import Checkpointer, FreshStatistics, Recorder
from edge_mnist_trainer.fit.checkpoint import read_checkpoint
from edge_mnist_trainer.fit.journal import Journal
from edge_mnist_trainer.fit.transfer_set import TransferBatches, TransferSet
from edge_mnist_trainer.networks.architectures import Architecture
from edge_mnist_trainer.networks.starting_point import StartingPoint
from edge_mnist_trainer.run_folder import RunFolder
from edge_mnist_trainer.run_record import DatasetRecord, DefinitionRecord, RunRecord, SplitRecord, Status


@dataclass(frozen=True)
class TrainingOutcome:
    """The result of a run."""

    status: str
    """`completed`, `stopped early` (no progress), or `interrupted` (Ctrl-C)."""
    epochs: int
    """Number of finished epochs."""
    best_epoch: int | None
    """The epoch, from 1, whose weights are in model.keras; None if no epoch was finished."""
    best_validation_top1: float | None
    """Accuracy of these weights on the validation images, in 0..1."""


def train(
    digits: DigitSet,
    architecture: Architecture,
    config: TrainingConfig,
    folder: RunFolder,
    *,
    transfer_set: TransferSet | None = None,
    start: StartingPoint | None = None,
    resume: bool = False,
    callbacks: tuple[Any, ...] = (),
    on_start: Callable[[int, int], None] = lambda _steps, _epoch: None,
) -> TrainingOutcome:
    """Train a network and keep the weights of its best or last epoch, as `config.keep` says.

    Args:
        digits: Training and validation images.
        architecture: The network.
        config: The settings; usually `architecture.config` with some changes.
        folder: Receives the model and the record after every epoch.
        transfer_set: Transfer set to learn from in place of the training images and labels.
        start: Trained weights to start from in place of random ones.
        resume: Continue from the folder's checkpoint.
        callbacks: Further Keras callbacks, for progress.
        on_start: Called with the number of steps in an epoch and the number of finished epochs.

    Returns:
        The outcome. Ctrl-C ends a run early and keeps the best model so far.

    Raises:
        DivergedError: The loss is no longer a number; the last good model is kept.
        OutputError: The folder cannot be written, for example on a full disk; the last good model is kept.
        UsageError: There is nothing to resume, the run has other settings, or `start` is of another network.
    """
    _make_repeatable(config.seed)
    batches: Any
    if transfer_set:
        batches = TransferBatches(transfer_set, batch_size=config.batch_size, seed=config.seed)
    else:
        batches = DistortedBatches(digits.training, config.augmentation, batch_size=config.batch_size, seed=config.seed)
    model = architecture.build()
    if start:
        start.give(model)
    _compile(model, config, total_steps=config.epochs * len(batches))
    record = _new_record(model, architecture, config, digits, transfer_set, start)
    if resume:
        record = read_checkpoint(folder, model, record)
        batches.skip_epochs(len(record.epochs))
    journal = Journal(folder, record)
    journal.write(status="running")
    on_start(len(batches), len(record.epochs))
    journal.write(status=_fit(model, batches, digits, journal, callbacks))
    record, best = journal.record, journal.record.best
    if record.status != "interrupted":
        folder.drop_checkpoint()
    return TrainingOutcome(
        record.status, len(record.epochs), best.epoch if best else None, best.validation_top1 if best else None
    )


def _fit(model: Any, batches: Any, digits: DigitSet, journal: Journal, callbacks: tuple[Any, ...]) -> Status:
    config = journal.record.config
    # The order matters. The averaged weights are swapped in for validation and the end of an epoch, their statistics
    # are measured, then the recorder saves the model. They are swapped back before the next epoch's checkpoint.
    observers = [Recorder(journal), Checkpointer(journal), *callbacks]
    if config.longest_average_steps:
        observers = [keras.callbacks.SwapEMAWeights(swap_on_epoch=True), FreshStatistics(batches), *observers]
    try:
        model.fit(
            batches,
            epochs=config.epochs,
            initial_epoch=len(journal.record.epochs),
            validation_data=(
                digits.validation.images / np.float32(255),
                TARGETS[digits.validation.labels],
            ),
            validation_batch_size=1000,
            callbacks=observers,
            verbose=0,
            shuffle=False,  # the batches shuffle by seed
        )
    except KeyboardInterrupt:
        return "interrupted"
    return "completed" if len(journal.record.epochs) == config.epochs else "stopped early"


def _make_repeatable(seed: int) -> None:
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def _compile(model: Any, config: TrainingConfig, *, total_steps: int) -> None:
    optimizer = _make_optimizer(config, total_steps)
    model.compile(
        optimizer, "categorical_crossentropy", metrics=["accuracy"], jit_compile="auto" if _needs_jit() else False
    )
    optimizer.build(model.trainable_variables)  # so that a checkpoint finds its variables before the first step
    # Make the variables of the metrics, too. If the first step makes them, TensorFlow traces that step twice.
    no_answer = np.zeros((1, model.output_shape[-1]), np.float32)
    model.compute_metrics(None, no_answer, no_answer)
    model.reset_metrics()


def _needs_jit() -> bool:
    return str(keras.backend.backend()) == "jax"  # JAX is too slow without; the other two are faster without


def _make_optimizer(config: TrainingConfig, total_steps: int) -> Any:
    learning_rate: Any = config.peak_learning_rate
    if config.schedule == "cosine":
        warmup_steps = max(1, int(total_steps * config.warmup_part))
        learning_rate = keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0,
            decay_steps=max(1, total_steps - warmup_steps),
            warmup_target=config.peak_learning_rate,
            warmup_steps=warmup_steps,
        )
    momentum = config.average_momentum(total_steps)
    average = {"use_ema": True, "ema_momentum": momentum} if momentum is not None else {}
    if config.optimizer == "adam":
        return keras.optimizers.Adam(learning_rate, **average)
    return keras.optimizers.AdamW(learning_rate, weight_decay=config.weight_decay, **average)


def _new_record(
    model: Any,
    architecture: Architecture,
    config: TrainingConfig,
    digits: DigitSet,
    transfer_set: TransferSet | None,
    start: StartingPoint | None,
) -> RunRecord:
    reading = DefinitionRecord(PICTURE_READING.version, PICTURE_READING.sha256) if digits.are_pictures else None
    return RunRecord(
        status="running",
        architecture=architecture.name,
        options=architecture.options,
        parameters=model.count_params(),
        config=config,
        transfer_set=transfer_set.record if transfer_set else None,
        started_from=start.record if start else None,
        preprocess=DefinitionRecord(PREPROCESS.version, PREPROCESS.sha256),
        input_range=(0.0, 1.0),
        dataset=DatasetRecord(
            digits.training.name,
            {part.split: SplitRecord(len(part), part.sha256) for part in (digits.training, digits.validation)},
            digits.left_out,
            digits.notes,
            reading,
        ),
        versions=installed_versions(DISTRIBUTION, "keras", keras.backend.backend(), "numpy"),
    )
