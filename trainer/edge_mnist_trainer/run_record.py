"""Read and write run.json: the settings of a training run and its results."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from edge_mnist_runtime.errors import CorruptModelError, UsageError, first_line
from edge_mnist_runtime.thresholds import Thresholds
from edge_mnist_trainer.augment.settings import Augmentation
from edge_mnist_trainer.config import TrainingConfig
from edge_mnist_trainer.typed_json import parse_record

RUN_SCHEMA_VERSION: Final = 2

Status = Literal["running", "completed", "stopped early", "interrupted", "diverged"]


@dataclass(frozen=True)
class DefinitionRecord:
    """Version and hash of a definition: of the preprocessing, or of picture reading."""

    version: int
    sha256: str


@dataclass(frozen=True)
class SplitRecord:
    """The images of one split."""

    n: int
    """Number of images."""
    sha256: str
    """Hash of pixels and labels."""


@dataclass(frozen=True)
class DatasetRecord:
    """The training and validation images of a run."""

    name: str
    splits: dict[str, SplitRecord]
    """`train` and `validation`."""
    left_out: tuple[str, ...]
    """Files that could not be read or were not used, one line each."""
    notes: tuple[str, ...] = ()
    """Changes made while reading, such as transposed images, one sentence each."""
    picture_reading: DefinitionRecord | None = None
    """How digits were found in pictures; None if the data were not pictures."""


@dataclass(frozen=True)
class TeachingSplitRecord:
    """The images of a transfer set, before distortion."""

    name: str
    split: str
    n: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class TransferSetRecord:
    """The content of transfer_set.json. A run that learns from the set has a copy in its record."""

    schema_version: Literal[1] = 1
    views: int
    """Number of distorted views of each image. A student sees a view again after so many epochs."""
    seed: int
    teachers: tuple[str, ...]
    """SHA-256 of their model files."""
    augmentation: Augmentation
    """Distortions of the images."""
    dataset: TeachingSplitRecord
    preprocess: DefinitionRecord


@dataclass(frozen=True)
class StartRecord:
    """The trained weights that a run started from."""

    sha256: str
    """Hash of the model's file."""
    trained: dict[str, Any]
    """Entries of that model's run.json that determine its weights: architecture, config, data."""


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch."""

    epoch: int
    """Number of the epoch, from 1."""
    accuracy: float
    """Accuracy on the training batches, in 0..1."""
    loss: float
    val_accuracy: float
    """Accuracy on the validation images, in 0..1."""
    val_loss: float


@dataclass(frozen=True)
class BestEpoch:
    """The epoch whose weights are in model.keras."""

    epoch: int
    """Number of the epoch, from 1."""
    validation_top1: float
    """Accuracy on the validation images, in 0..1."""


@dataclass(frozen=True)
class OtherDigitsReport:
    """Top-1 accuracies, in 0..1, on digits from outside MNIST."""

    unseen_fonts: float
    """On digits printed in font families that are not used in training."""
    sklearn_digits: float
    """On scikit-learn's 1,797 handwritten 8x8 digits."""
    corruptions: dict[str, float]
    """For each corruption of `corruptions.py`, over its three severities."""

    @property
    def mean_corruption(self) -> float:
        """The mean over the corruptions."""
        return float(np.mean(list(self.corruptions.values())))

    def to_dict(self) -> dict[str, Any]:
        """The entry of records and reports."""
        return {
            "unseen_fonts": self.unseen_fonts,
            "sklearn_digits": self.sklearn_digits,
            "mean_corruption": self.mean_corruption,
            "corruptions": self.corruptions,
        }


@dataclass(frozen=True)
class Acceptance:
    """The confidence threshold of a network, and the fractions of images that it rejects."""

    least_confidence: float
    """The threshold, in 0..1. Predictions below it are rejected."""
    rejected_digits: float
    """Rejected fraction of the validation images, in 0..1."""
    rejected_no_digits: dict[str, float]
    """Rejected fraction of each kind of negatives, in 0..1."""
    thresholds: Thresholds | None = None
    """The named thresholds; None in a record of an older version."""

    def __post_init__(self) -> None:
        if not 0 <= self.least_confidence <= 1:
            raise UsageError(f"least_confidence must be in 0..1, not {self.least_confidence}")


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The content of run.json, once the training has begun."""

    status: Status
    architecture: str
    options: dict[str, Any]
    """The layer sizes of a `custom` network; empty for all others."""
    parameters: int
    config: TrainingConfig
    transfer_set: TransferSetRecord | None
    """Transfer set that the run learns from in place of the training images and labels."""
    started_from: StartRecord | None = None
    preprocess: DefinitionRecord
    input_range: tuple[float, float]
    """Input values of the network for the bytes 0 and 255."""
    dataset: DatasetRecord
    versions: dict[str, str]
    best: BestEpoch | None = None
    """None until an epoch is finished."""
    epochs: tuple[Epoch, ...] = ()
    seconds: float = 0.0
    """Training time."""
    other_digits: OtherDigitsReport | None = None
    """Accuracy of the saved model on other digits; None until its report page is written."""
    acceptance: Acceptance | None = None
    """Confidence threshold of the saved model; None until its report page is written."""

    def to_dict(self) -> dict[str, Any]:
        """The content of run.json."""
        record = {"schema_version": RUN_SCHEMA_VERSION, **asdict(self)}
        for optional in ("notes", "picture_reading"):
            if not record["dataset"][optional]:
                del record["dataset"][optional]
        if self.other_digits:
            record["other_digits"] = self.other_digits.to_dict()
        return {name: part for name, part in record.items() if part or name not in ("other_digits", "acceptance")}

    def to_json(self) -> str:
        """The text of run.json."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> RunRecord:
        """Parse the text of run.json.

        Raises:
            ValueError: It is not a valid record, or has another schema version.
        """
        content = json.loads(text)
        version = content.get("schema_version") if isinstance(content, dict) else None
        if version != RUN_SCHEMA_VERSION:
            raise ValueError(f"schema version {version}; expected {RUN_SCHEMA_VERSION}")
        return parse_record(cls, content)

    @classmethod
    def load(cls, path: Path, *, remedy: str) -> RunRecord:
        """Read a run's record.

        Args:
            path: run.json, or NAME.json beside NAME.keras.
            remedy: What to do if it is damaged; the last part of the message.

        Raises:
            CorruptModelError: It cannot be read, or is not a record of this version.
        """
        try:
            return cls.from_json(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise CorruptModelError(
                f"{path}: not a readable record of a run ({first_line(error)}); {remedy}"
            ) from error
