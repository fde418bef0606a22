"""All networks by name, with their training settings.

Input: `image`, float32, shape (N, 28, 28, 1), bright ink on black, in 0..1. Output: `probabilities`, float32, shape
(N, 10).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, Literal

from edge_mnist_runtime.errors import UsageError
from edge_mnist_trainer.augment.settings import AffineRange, Augmentation
from edge_mnist_trainer.config import TrainingConfig
from edge_mnist_trainer.networks.builders import (
    FLATTEN,
    POOL,
    Convolution,
    build_normalised,
    build_sequence,
    halving,
    last,
    make_conv,
    make_dense,
    make_layer,
    pooled,
    separable,
    stem,
)


@dataclass(frozen=True)
class PublishedFigure:
    """An accuracy that others report for a network."""

    top1: float
    """In 0..1."""
    split: Literal["validation", "test"]
    """The images that it was measured on. The authors' validation images are not those of this project."""

    def __str__(self) -> str:
        return f"{self.top1:.2%} {self.split}"


@dataclass(frozen=True)
class Architecture:
    """A named network and its training settings."""

    name: str
    summary: str
    """Its purpose, in one line."""
    build: Callable[[], Any]
    """Makes an uncompiled, untrained `keras.Model` of this name."""
    config: TrainingConfig
    """Training settings."""
    published: PublishedFigure | None = None
    """The accuracy that its authors publish, if any."""
    options: dict[str, Any] = field(default_factory=dict)
    """The options of a `custom` network; empty for all others."""


# The settings of published baselines: plain Adam at Keras's learning rate, and the weights of the last epoch.
_PUBLISHED: Final = TrainingConfig(
    optimizer="adam",
    schedule="constant",
    peak_learning_rate=1e-3,
    warmup_part=0.0,
    weight_decay=0.0,
    longest_average_steps=0,
    augmentation=None,
    keep="last",
)


def _published(**changes: Any) -> TrainingConfig:
    return replace(_PUBLISHED, **changes)


def custom_architecture(
    *,
    filters: tuple[int, ...] = (32, 64),
    kernel_size: int = 3,
    pool: int = 2,
    dense: tuple[int, ...] = (64,),
) -> Architecture:
    """Define a network with the user's sizes: convolutions with ReLU and max-pooling, then Dense layers.

    Args:
        filters: Output channels of each convolution.
        kernel_size: Side of every kernel, in pixels; borders are padded.
        pool: Side of every max-pooling window, in pixels; 1 for no pooling.
        dense: Units of each hidden Dense layer; empty for none.

    Raises:
        UsageError: A size is below 1, or the poolings reduce 28 pixels to none.
    """
    for parameter, values in (("filters", filters), ("dense", dense), ("kernel_size", (kernel_size,))):
        if any(value < 1 for value in values):
            raise UsageError(f"`{parameter}` must be at least 1, not {min(values)}")
    if not filters:
        raise UsageError("`filters` must name at least one convolution, like 32,64")
    if pool < 1 or 28 // pool ** len(filters) < 1:
        raise UsageError(
            f"`pool` {pool} behind each of {len(filters)} convolutions leaves nothing of 28 pixels; "
            f"at most {math.floor(28 ** (1 / len(filters)))} fits"
        )
    stages: list[Callable[[], Any]] = []
    for n_filters in filters:
        stages.append(make_conv(n_filters, kernel_size, padding="same"))
        if pool > 1:
            stages.append(make_layer("MaxPooling2D", pool))
    stages += [FLATTEN, *map(make_dense, dense)]
    return Architecture(
        "custom",
        "your own sizes",
        partial(build_sequence, "custom", *stages),
        TrainingConfig(epochs=10),
        options={"filters": list(filters), "kernel_size": kernel_size, "pool": pool, "dense": list(dense)},
    )


# Augmentation for the project's own networks, strong enough that longer training still improves them. They keep the
# last epoch: with a cosine schedule and averaged weights, the best epoch on 5,000 images is mostly a matter of luck.
_ELASTIC: Final = Augmentation(elastic_pixels=0.8)
_ALL_DIGITS: Final = Augmentation(elastic_pixels=0.8, corrupted_part=0.4, printed_part=0.1, drawn_part=0.16)
_QUARTER_ELASTIC: Final = _ELASTIC.weakened(0.25)
_WITH_NEGATIVES: Final = replace(_ALL_DIGITS, no_digit_part=0.14)

_KNOWN: Final = (
    Architecture(
        "edge",
        "the default: best for its size",
        partial(build_normalised, "edge", pooled(16), Convolution(16), pooled(32), Convolution(24), last(32)),
        TrainingConfig(epochs=60, peak_learning_rate=4e-3, augmentation=_ELASTIC, keep="last"),
    ),
    Architecture(
        "nano",
        "at most 4 kB of int8 weights",
        partial(build_normalised, "nano", pooled(8), pooled(10), Convolution(14), last(13)),
        TrainingConfig(epochs=80, peak_learning_rate=6e-3, augmentation=Augmentation(), keep="last"),
    ),
    Architecture(
        "pico",
        "at most 2 kB of int8 weights",
        partial(
            build_normalised,
            "pico",
            *(Convolution(6), separable(10, 5, pooled=True), separable(16, 5, pooled=True)),
            last(20, 5, separable=True),
        ),
        TrainingConfig(epochs=40, peak_learning_rate=8e-3, augmentation=_QUARTER_ELASTIC, keep="last"),
    ),
    Architecture(
        "tiny",
        "bytes of nano, fewer mistakes",
        partial(
            build_normalised,
            "tiny",
            *(Convolution(10), separable(16, 5, pooled=True), separable(28, 5, pooled=True)),
            last(36, 5, separable=True),
        ),
        TrainingConfig(epochs=40, peak_learning_rate=8e-3, augmentation=_QUARTER_ELASTIC, keep="last"),
    ),
    Architecture(
        "small",
        "at most 11 kB of int8 weights",
        partial(
            build_normalised,
            "small",
            *(pooled(16), Convolution(16), separable(32, 5, pooled=True), separable(48, 5)),
            last(56, 5, separable=True),
        ),
        TrainingConfig(epochs=40, peak_learning_rate=6e-3, augmentation=_ELASTIC.weakened(0.5), keep="last"),
    ),
    Architecture(
        "micro",
        "robust within 12 kB",
        partial(build_normalised, "micro", pooled(10), pooled(16), Convolution(26), last(26)),
        TrainingConfig(epochs=60, peak_learning_rate=4e-3, augmentation=_WITH_NEGATIVES, keep="last"),
    ),
    Architecture(
        "robust",
        "printed digits, poor pictures",
        partial(build_normalised, "robust", stem(20), halving(32), Convolution(44), last(48)),
        TrainingConfig(epochs=60, peak_learning_rate=4e-3, augmentation=_WITH_NEGATIVES, keep="last"),
    ),
    Architecture(
        "teacher",
        "large, teaches the small ones",
        partial(build_normalised, "teacher", stem(32), Convolution(48), halving(96), Convolution(96), last(96)),
        TrainingConfig(epochs=20, batch_size=256, peak_learning_rate=2e-3, augmentation=_ALL_DIGITS, keep="last"),
    ),
    Architecture(
        "teacher-mnist",
        "large, knows MNIST alone",
        partial(
            build_normalised,
            "teacher-mnist",
            *(pooled(32), Convolution(64), pooled(64), Convolution(128), last(128)),
        ),
        TrainingConfig(epochs=36, peak_learning_rate=2e-3, weight_decay=0.05, augmentation=_ELASTIC, keep="last"),
    ),
    Architecture(
        "conv64-32",
        "baseline: one pooling",
        partial(build_sequence, "conv64-32", make_conv(64), make_conv(32), POOL, FLATTEN),
        _published(epochs=10),
        PublishedFigure(0.9815, "validation"),
    ),
    Architecture(
        "conv32-64-64",
        "baseline: one Dense layer",
        partial(
            build_sequence,
            "conv32-64-64",
            make_conv(32),
            POOL,
            make_conv(64),
            POOL,
            make_conv(64),
            FLATTEN,
            make_dense(64),
        ),
        _published(epochs=5),
        PublishedFigure(0.99, "test"),
    ),
    Architecture(
        "conv3-dense2",
        "baseline: two Dense layers",
        partial(
            build_sequence,
            "conv3-dense2",
            *(
                make_conv(32, padding="same"),
                POOL,
                make_conv(64, padding="same"),
                POOL,
                make_conv(64, padding="same"),
                POOL,
            ),
            *(FLATTEN, make_dense(128), make_dense(64)),
        ),
        _published(epochs=5),
    ),
    Architecture(
        "dropout-augment",
        "baseline: dropout, augmented",
        partial(
            build_sequence,
            "dropout-augment",
            *(make_conv(32), make_conv(32), POOL, make_layer("Dropout", 0.25), make_conv(64), make_conv(64), POOL),
            *(make_layer("Dropout", 0.25), FLATTEN, make_dense(128), make_layer("Dropout", 0.5)),
        ),
        _published(
            epochs=12,
            augmentation=Augmentation(AffineRange(rotation_degrees=10, log_scale=0.1, shear=0.0, shift_pixels=2.8)),
            keep="best",
        ),
    ),
)

ARCHITECTURES: Final = {architecture.name: architecture for architecture in (*_KNOWN, custom_architecture())}
"""Every network by name; `custom` with its default sizes."""

DEFAULT_ARCHITECTURE: Final = "edge"


def find_architecture(name: str) -> Architecture:
    """Find a network by name.

    Raises:
        UsageError: There is no such network; the message lists the names.
    """
    if name not in ARCHITECTURES:
        raise UsageError(f"`architecture` {name}: no such architecture; known are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name]
