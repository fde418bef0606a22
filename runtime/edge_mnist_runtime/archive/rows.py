"""The rows of an archive: classify a chunk of pictures, and make its Arrow table."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from edge_mnist_runtime.box import Box
from edge_mnist_runtime.classifier import DigitClassifier
from edge_mnist_runtime.errors import InputError
from edge_mnist_runtime.images.arrays import as_tensors
from edge_mnist_runtime.inputs import Picture
from edge_mnist_runtime.predictions import Outcome, Predictor
from edge_mnist_runtime.reading.modes import find_tensors
from edge_mnist_runtime.tensor import IMAGE_SHAPES, Pixels

RESULT: Final = pa.schema(
    [
        ("digit", pa.int8()),
        ("likeliest", pa.int8()),
        ("confidence", pa.float32()),
        ("reason", pa.string()),
        ("box", pa.struct([(side, pa.int32()) for side in Box._fields])),
        ("error", pa.string()),
        ("model_sha256", pa.string()),
    ]
)
"""The columns that a classifier adds to a picture."""

SCHEMA: Final = pa.schema([pa.field("id", pa.string(), nullable=False), *RESULT])
"""The columns of an archive."""

Pictures: TypeAlias = "npt.NDArray[Any] | Iterable[Picture | InputError]"
"""Tensors, any dtype, shape (N, 28, 28) or (N, 784); or pictures, with an error for each that could not be fetched."""

Located: TypeAlias = tuple[list[Outcome], list["Box | None"]]


@dataclass
class Tally:
    """What the rows say, counted."""

    rows: int = 0
    unreadable: int = 0
    digits: Counter[str] = field(default_factory=Counter)
    """Accepted pictures by digit."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Rejected pictures by reason."""

    def count(self, outcomes: Iterable[Outcome]) -> None:
        """Count outcomes."""
        for outcome in outcomes:
            self.rows += 1
            if isinstance(outcome, InputError):
                self.unreadable += 1
            elif outcome.reason is None:
                self.digits[str(outcome.digit)] += 1
            else:
                self.rejected[outcome.reason] += 1

    def add(self, other: Tally) -> None:
        """Add another tally."""
        self.rows += other.rows
        self.unreadable += other.unreadable
        self.digits.update(other.digits)
        self.rejected.update(other.rejected)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "rows": self.rows,
            "unreadable": self.unreadable,
            "digits": dict(sorted(self.digits.items())),
            "rejected": dict(sorted(self.rejected.items())),
        }

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> Tally:
        """Read what `to_dict` gave."""
        return cls(record["rows"], record["unreadable"], Counter(record["digits"]), Counter(record["rejected"]))


class RowMaker:
    """Classifies chunks of pictures and makes rows of them."""

    def __init__(self, classifier: DigitClassifier) -> None:
        info = classifier.info()
        self._mode = info.mode
        self._sha256 = info.sha256
        self._predictor = Predictor(classifier.engine, info.mode, info.least_confidence)

    def classify(self, pictures: Pictures, names: list[str] | None = None) -> Located:
        """Classify pictures in one call of the network.

        Args:
            pictures: The pictures; an iterator is drawn one by one, so only one is in memory.
            names: Their names in errors.

        Returns:
            One outcome and one box (or None) for each.
        """
        if isinstance(pictures, np.ndarray):
            tensors = self._find_tensors(pictures)
            if tensors is not None:
                return [*self._predictor.predict_tensors(tensors)], [None] * len(tensors)
        return self._classify_each(pictures, names)

    def _find_tensors(self, pictures: npt.NDArray[Any]) -> Pixels | None:
        """The tensors if all are; None if one is a picture or cannot be read."""
        if pictures.shape[1:] not in IMAGE_SHAPES:
            return None
        try:
            return find_tensors(as_tensors(pictures), self._mode)
        except InputError:
            return None

    def _classify_each(self, pictures: Iterable[Picture | InputError], names: list[str] | None) -> Located:
        origins: list[str] = []

        def fetched() -> Iterator[Picture | InputError]:
            for picture in pictures:
                origins.append(picture if isinstance(picture, str) else "bytes")
                yield picture

        outcomes, boxes = self._predictor.predict_located(fetched())
        for index, outcome in enumerate(outcomes):
            if names and isinstance(outcome, InputError):
                outcomes[index] = _rename(outcome, origins[index], names[index])
        return outcomes, boxes

    def make_columns(self, located: Located) -> dict[str, list[Any]]:
        """The values of the columns of `RESULT`."""
        outcomes, boxes = located
        read = [None if isinstance(outcome, InputError) else outcome for outcome in outcomes]
        return {
            "digit": [found and found.digit for found in read],
            "likeliest": [found and found.likeliest for found in read],
            "confidence": [found and found.confidence for found in read],
            "reason": [found and found.reason for found in read],
            "box": [box and box._asdict() for box in boxes] if any(boxes) else [None] * len(boxes),
            "error": [str(outcome) if isinstance(outcome, InputError) else None for outcome in outcomes],
            "model_sha256": [self._sha256] * len(outcomes),
        }

    def make_batch(self, ids: list[str], located: Located) -> pa.RecordBatch:
        """The rows, with the columns of `SCHEMA`."""
        columns = {"id": [*map(printable, ids)], **self.make_columns(located)}
        return pa.RecordBatch.from_pydict(columns, schema=SCHEMA)


def printable(text: str) -> str:
    """Escape bytes of a file name that are not UTF-8, which Parquet cannot hold."""
    return text if text.isascii() else os.fsencode(text).decode("utf-8", "backslashreplace")


def _rename(error: InputError, origin: str, name: str) -> InputError:
    """Name the picture in an error as the user does."""
    text = str(error)
    return type(error)(printable(name + text.removeprefix(origin) if text.startswith(f"{origin}:") else text))
