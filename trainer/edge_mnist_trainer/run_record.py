"""run.json: what a training run was, and what it came to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from edge_mnist_runtime.errors import CorruptModelError, UsageError, first_line
from edge_mnist_trainer.augment.settings import Augmentation
from edge_mnist_trainer.config import TrainingConfig
from edge_mnist_trainer.typed_json import parse_record

RUN_SCHEMA_VERSION: Final = 2

Status = Literal["running", "completed", "stopped early", "interrupted", "diverged"]


@dataclass(frozen=True)
class DefinitionRecord:
    """Which definition was in use: of the preprocessing, or of how pictures are read."""

    version: int
    sha256: str


@dataclass(frozen=True)
class SplitRecord:
    """The images of one split."""

    n: int
    """How many."""
    sha256: str
    """Over pixels and labels."""


@dataclass(frozen=True)
class DatasetRecord:
    """The digits that a run learnt from and was validated on."""

    name: str
    splits: dict[str, SplitRecord]
    """`train` and `validation`."""
    left_out: tuple[str, ...]
    """Files that could not be read or were not used, a line each."""
    notes: tuple[str, ...] = ()
    """What was read in another way than it is written, a sentence each."""
    picture_reading: DefinitionRecord | None = None
    """How the digits were found in pictures; None if they did not come as pictures."""


@dataclass(frozen=True)
class TeachingSplitRecord:
    """The images that teachers read."""

    name: str
    split: str
    n: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class TransferSetRecord:
    """transfer_set.json: what a distillation set was made of. Each run that learns from one records it."""

    schema_version: Literal[1] = 1
    views: int
    """As many epochs pass before a student sees an image again."""
    seed: int
    teachers: tuple[str, ...]
    """SHA-256 of their model files."""
    augmentation: Augmentation
    """How the images were distorted."""
    dataset: TeachingSplitRecord
    preprocess: DefinitionRecord


@dataclass(frozen=True)
class StartRecord:
    """The trained weights that a run began with."""

    sha256: str
    """Of the model's file."""
    trained: dict[str, Any]
    """How that model was trained: the parts of its own run.json that decided its weights."""


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch."""

    epoch: int
    """From 1."""
    accuracy: float
    """On the training batches, in 0..1."""
    loss: float
    val_accuracy: float
    """On the validation images, in 0..1."""
    val_loss: float


@dataclass(frozen=True)
class BestEpoch:
    """The epoch whose weights model.keras holds."""

    epoch: int
    """From 1."""
    validation_top1: float
    """In 0..1."""


@dataclass(frozen=True)
class OtherDigitsReport:
    """Top-1 accuracies, in 0..1, on digits that are not MNIST's."""

    unseen_fonts: float
    """Digits printed in font families that no training has seen."""
    sklearn_digits: float
    """scikit-learn's 1,797 handwritten 8x8 digits."""
    corruptions: dict[str, float]
    """Each corruption of `corruptions.py`, over its three severities."""

    @property
    def mean_corruption(self) -> float:
        """The mean over the corruptions."""
        return float(np.mean(list(self.corruptions.values())))

    def to_dict(self) -> dict[str, Any]:
        """As records and reports store it."""
        return {
            "unseen_fonts": self.unseen_fonts,
            "sklearn_digits": self.sklearn_digits,
            "mean_corruption": self.mean_corruption,
            "corruptions": self.corruptions,
        }


@dataclass(frozen=True)
class Acceptance:
    """From which confidence on a network's answers are accepted, and what that rejects."""

    least_confidence: float
    """In 0..1."""
    rejected_digits: float
    """Part of the validation images below it, in 0..1."""
    rejected_no_digits: dict[str, float]
    """Likewise of each kind of picture that is no digit."""

    def __post_init__(self) -> None:
        if not 0 <= self.least_confidence <= 1:
            raise UsageError(f"least_confidence must be in 0..1, not {self.least_confidence}")


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The content of run.json, once a run has begun."""

    status: Status
    architecture: str
    options: dict[str, Any]
    """The sizes of a `custom` network; empty for all others."""
    parameters: int
    config: TrainingConfig
    transfer_set: TransferSetRecord | None
    """What the run learnt from in place of the training images and labels."""
    started_from: StartRecord | None = None
    preprocess: DefinitionRecord
    input_range: tuple[float, float]
    """What the bytes 0 and 255 become before the network reads them."""
    dataset: DatasetRecord
    versions: dict[str, str]
    best: BestEpoch | None = None
    """None until an epoch is finished."""
    epochs: tuple[Epoch, ...] = ()
    seconds: float = 0.0
    """Time in training."""
    other_digits: OtherDigitsReport | None = None
    """How the kept model reads other digits; None until its page is written."""
    acceptance: Acceptance | None = None
    """Which answers of the kept model are relied on; None until its page is written."""

    def to_dict(self) -> dict[str, Any]:
        """As run.json has it."""
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
        """What `to_json` was made from.

        Raises:
            ValueError: It is no such record, or one of another schema version.
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
            remedy: What to do if it is damaged, as the end of the message.

        Raises:
            CorruptModelError: It cannot be read, or is no record of this version.
        """
        try:
            return cls.from_json(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            raise CorruptModelError(
                f"{path}: no record of a run that can be read ({first_line(error)}); {remedy}"
            ) from error
