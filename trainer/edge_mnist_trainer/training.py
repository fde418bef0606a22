"""Training: Keras's own loop, fed with freshly distorted digits, watched and recorded epoch by epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.preprocess import PREPROCESS
from edge_mnist_runtime.versions import installed_versions
from edge_mnist_trainer.architectures import build_edge
from edge_mnist_trainer.augmentation import AffineRange, draw_affine_maps, warp
from edge_mnist_trainer.config import TrainingConfig
from edge_mnist_trainer.keras_file import save_keras
from edge_mnist_trainer.run_folder import MODEL_FILE, RunFolder
from edge_mnist_trainer.splits import split_train_validation

RUN_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class TrainingOutcome:
    """What a run ended with."""

    status: str
    """`completed`, or `interrupted` by Ctrl-C."""
    epochs: int
    """Epochs that were finished."""
    best_epoch: int | None
    """The epoch, from 1, whose weights model.keras holds; None where no epoch was finished."""
    best_validation_top1: float | None
    """Their accuracy on the validation images, in 0..1."""


class DistortedBatches(keras.utils.PyDataset):  # type: ignore[misc]  # keras ships no types
    """Batches of shuffled, randomly distorted digits, another draw each epoch, repeatable by seed."""

    def __init__(self, digits: LabelledDigits, affine: AffineRange, *, batch_size: int, seed: int) -> None:
        super().__init__()
        self._digits, self._affine = digits, affine
        self._batch_size, self._seed, self._epoch = batch_size, seed, 0
        self._shuffle()

    def __len__(self) -> int:
        return math.ceil(len(self._digits) / self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Batch `index`: images float32 (B, 28, 28, 1) in 0..1, labels uint8 (B,)."""
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        rng = np.random.default_rng((self._seed, self._epoch, index))
        maps = draw_affine_maps(len(chosen), self._affine, rng)
        return warp(self._digits.images[chosen], maps) / np.float32(255), self._digits.labels[chosen]

    def on_epoch_end(self) -> None:
        """Shuffle anew."""
        self._epoch += 1
        self._shuffle()

    def _shuffle(self) -> None:
        self._order = np.random.default_rng((self._seed, self._epoch)).permutation(len(self._digits))


class _FreshStatistics(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Measures BatchNorm's means and variances anew for the averaged weights before they are judged.

    The moving statistics belong to the weights of the last steps; on averaged weights they are wrong while training is
    fast. Averaging weights calls for this (Izmailov et al., "Averaging Weights Leads to Wider Optima", 2018).
    """

    def __init__(self, batches: DistortedBatches, n_batches: int = 40) -> None:
        super().__init__()
        self._batches, self._n_batches = batches, min(n_batches, len(batches))

    def on_test_begin(self, logs: dict[str, float] | None = None) -> None:
        norms = [layer for layer in self.model.layers if isinstance(layer, keras.layers.BatchNormalization)]
        momenta = [norm.momentum for norm in norms]
        for index in range(self._n_batches):
            for norm in norms:
                norm.momentum = index / (index + 1)  # the plain mean of all batches
            self.model(self._batches[index][0], training=True)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


class _Recorder(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """Keeps the best model and the figures of every epoch on disk."""

    def __init__(self, folder: RunFolder, record: dict[str, Any]) -> None:
        super().__init__()
        self._folder, self.record = folder, record
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        figures = {name: float(value) for name, value in (logs or {}).items()}
        best = self.record["best"]
        if best is None or figures["val_accuracy"] > best["validation_top1"]:
            self._folder.replace(MODEL_FILE, lambda path: save_keras(self.model, path))
            self._folder.drop_previous()
            self.record["best"] = {"epoch": epoch + 1, "validation_top1": figures["val_accuracy"]}
        self.record["epochs"].append({"epoch": epoch + 1, **figures})
        self.record["seconds"] = round(time.perf_counter() - self._started, 1)
        self._folder.write_record(self.record)


def train(
    digits: LabelledDigits,
    config: TrainingConfig,
    folder: RunFolder,
    *,
    callbacks: tuple[Any, ...] = (),
    on_start: Callable[[int], None] = lambda _steps: None,
) -> TrainingOutcome:
    """Train `edge` on the training split and keep the weights that read the validation split best.

    Args:
        digits: MNIST's training half, both splits of it.
        config: The settings.
        folder: Where the model and the record go, epoch by epoch.
        callbacks: Further Keras callbacks, for progress.
        on_start: Called with the number of steps an epoch.

    Returns:
        How it ended. Ctrl-C ends a run early and keeps the best model so far.
    """
    training, validation = split_train_validation(digits)
    _make_repeatable(config.seed)
    batches = DistortedBatches(training, config.affine, batch_size=config.batch_size, seed=config.seed)
    model = build_edge()
    _compile(model, config, total_steps=config.epochs * len(batches))
    recorder = _Recorder(folder, _new_record(model, config, training, validation))
    folder.write_record(recorder.record)
    on_start(len(batches))
    try:
        model.fit(
            batches,
            epochs=config.epochs,
            validation_data=(validation.images / np.float32(255), validation.labels),
            validation_batch_size=1000,
            # In this order: the averaged weights are swapped in for validation and for the end of an epoch, their
            # statistics are measured, and then the recorder saves the model.
            callbacks=[
                keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
                _FreshStatistics(batches),
                recorder,
                *callbacks,
            ],
            verbose=0,
            shuffle=False,  # DistortedBatches shuffles by seed
        )
        recorder.record["status"] = "completed"
    except KeyboardInterrupt:
        recorder.record["status"] = "interrupted"
    folder.write_record(recorder.record)
    best = recorder.record["best"] or {}
    return TrainingOutcome(
        recorder.record["status"], len(recorder.record["epochs"]), best.get("epoch"), best.get("validation_top1")
    )


def _make_repeatable(seed: int) -> None:
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def _compile(model: Any, config: TrainingConfig, *, total_steps: int) -> None:
    warmup_steps = max(1, int(total_steps * config.warmup_part))
    learning_rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, total_steps - warmup_steps),
        warmup_target=config.peak_learning_rate,
        warmup_steps=warmup_steps,
    )
    optimizer = keras.optimizers.AdamW(
        learning_rate,
        weight_decay=config.weight_decay,
        use_ema=True,
        ema_momentum=config.average_momentum(total_steps),
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)


def _new_record(
    model: Any, config: TrainingConfig, training: LabelledDigits, validation: LabelledDigits
) -> dict[str, Any]:
    return {
        "schema_version": RUN_SCHEMA_VERSION,
        "status": "running",
        "architecture": model.name,
        "parameters": model.count_params(),
        "config": config.to_dict(),
        "preprocess": PREPROCESS.to_dict(),
        "input_range": [0.0, 1.0],
        "dataset": {
            "name": training.name,
            "splits": {part.split: {"n": len(part), "sha256": part.sha256} for part in (training, validation)},
        },
        "versions": installed_versions("edge-mnist", "keras", "tensorflow", "numpy"),
        "best": None,
        "epochs": [],
        "seconds": 0.0,
    }
