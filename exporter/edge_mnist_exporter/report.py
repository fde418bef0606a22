"""report.json: what an export measured, as data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from edge_mnist_exporter.gates import Gate

REPORT_SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class DatasetRecord:
    """The images that every figure was measured on."""

    name: str
    split: str
    n: int
    sha256: str
    """Over pixels and labels."""
    notice: str | None
    """What must be said about them wherever a figure is shown; None for MNIST."""


@dataclass(frozen=True)
class ArtifactReport:
    """One exported file and its figures; see `evaluation.Comparison` for their meaning."""

    file: str
    format: str
    precision: str
    size_bytes: int
    sha256: str
    top1: float
    delta_points: float
    agreement: float
    max_abs_probability_diff: float


@dataclass(frozen=True)
class ExportReport:
    """Everything that one export measured."""

    name: str
    source: dict[str, Any]
    """`file`, `sha256`, `parameters` and `preprocess` (`recorded` or `assumed`) of the Keras model."""
    dataset: DatasetRecord
    calibration: dict[str, Any]
    """Data set, split, count, seed and index hash of the calibration images."""
    reference: dict[str, float]
    """`top1` of the Keras model."""
    artifacts: tuple[ArtifactReport, ...]
    gates: tuple[Gate, ...]
    versions: dict[str, str]

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return all(gate.passed for gate in self.gates)

    def to_dict(self) -> dict[str, Any]:
        """As report.json has it."""
        return {"schema_version": REPORT_SCHEMA_VERSION, "passed": self.passed, **asdict(self)}

    def to_json(self) -> str:
        """The text of report.json."""
        return json.dumps(self.to_dict(), indent=2) + "\n"
