"""report.json: what an export measured, as data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from edge_mnist_exporter.evaluate.evaluation import Comparison, ModelFigures
from edge_mnist_exporter.evaluate.gates import Gate
from edge_mnist_exporter.evaluate.parity import AgreementMatrix, Int8Parity
from edge_mnist_exporter.evaluate.rejection import RejectionReport
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.typed_json import parse_record

REPORT_SCHEMA_VERSION: Final = 4

LINE_CHARACTERS: Final = 240
"""Of report.json: a list or object of numbers and words stands on one line if it fits, as a flip does."""


@dataclass(frozen=True)
class DatasetRecord:
    """The images that every figure was measured on."""

    name: str
    split: str
    n: int
    n_per_class: tuple[int, ...]
    """How many of them there are of each class, by label."""
    image_shape: tuple[int, ...]
    """Height, width and channels of one image."""
    sha256: str
    """Over pixels and labels."""
    notice: str | None
    """What must be said about them wherever a figure is shown; None for MNIST."""

    @classmethod
    def describe(cls, digits: LabelledDigits, n_classes: int, notice: str | None) -> DatasetRecord:
        """The record of these images."""
        n_per_class = tuple(map(int, np.bincount(digits.labels, minlength=n_classes)))
        shape = tuple(map(int, digits.images.shape[1:]))
        return cls(digits.name, digits.split, len(digits), n_per_class, shape, digits.sha256, notice)


@dataclass(frozen=True)
class ArtifactReport:
    """One exported file and its figures, which report.json has beside each other."""

    file: str
    format: str
    precision: str
    size_bytes: int
    sha256: str
    audit: dict[str, Any]
    """What its graph proves and costs; see `audit.GraphAudit`."""
    runtime_differences: int
    """Images on which the runtime package, with its own options, gives other probabilities than a program with default
    options, by a bit or more. The figures are the latter's; where there are any, the gates judge both."""
    figures: Comparison
    """With the default options of LiteRT or onnxruntime."""

    def to_dict(self) -> dict[str, Any]:
        """As report.json has it."""
        record = asdict(self)
        figures = record.pop("figures")
        return {**record, **figures}


@dataclass(frozen=True)
class MixedChoice:
    """Which layers stay in float, and what that costs."""

    file: str
    """The mixed file."""
    instead_of: str
    """The int8 file that fell short, or could not be made."""
    float_layers: tuple[str, ...]
    """Those that stay in float, in the network's order; none of them can be left out."""
    trials: int
    """Files that were made and judged."""
    more_bytes: int | None
    """Size of the mixed file less that of the int8 file; None where no int8 file could be made."""
    more_us: float | None
    """Likewise the median time of one call, on this machine."""

    def __str__(self) -> str:
        layers = ", ".join(self.float_layers)
        if self.more_bytes is None or self.more_us is None:
            return (
                f"{self.file} is in the place of {self.instead_of}, which cannot be made: {layers} in float "
                f"({self.trials} files tried)"
            )
        return (
            f"{self.file} is in the place of {self.instead_of}, which fell short: {layers} in float, "
            f"for {self.more_bytes:+,} bytes and {self.more_us:+.1f} us ({self.trials} files tried)"
        )


@dataclass(frozen=True)
class ExportReport:
    """Everything that one export measured."""

    name: str
    labels: tuple[str, ...]
    """Class names, in output order."""
    source: dict[str, Any]
    """`file`, `sha256`, `parameters` and `preprocess` (`recorded` or `assumed`) of the Keras model."""
    dataset: DatasetRecord
    calibration: dict[str, Any]
    """Data set, split, count, seed and index hash of the calibration images."""
    reference: ModelFigures
    """Of the Keras model."""
    artifacts: tuple[ArtifactReport, ...]
    agreement: AgreementMatrix
    """Between the Keras model and every file."""
    int8_parity: Int8Parity | None
    """Between the two int8 files; None where there are none."""
    gates: tuple[Gate, ...]
    versions: dict[str, str]
    rejection: RejectionReport | None = None
    """From which confidence on answers are accepted; None for what reads no digits."""
    mixed: tuple[MixedChoice, ...] = ()
    """What stays in float where int8 fell short."""

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return all(gate.passed for gate in self.gates)

    @property
    def failed_gates(self) -> tuple[Gate, ...]:
        """Every gate that did not."""
        return tuple(gate for gate in self.gates if not gate.passed)

    def passes(self, file: str) -> bool:
        """Whether every gate that is about a file passed."""
        return all(gate.passed for gate in self.gates if file in gate.files)

    def to_dict(self) -> dict[str, Any]:
        """As report.json has it."""
        artifacts = [artifact.to_dict() for artifact in self.artifacts]
        return {"schema_version": REPORT_SCHEMA_VERSION, "passed": self.passed, **asdict(self), "artifacts": artifacts}

    def to_json(self) -> str:
        """The text of report.json."""
        return _lay_out(self.to_dict()) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ExportReport:
        """What `to_json` was made from.

        Raises:
            ValueError: It is no report, a damaged one, or one of another schema version.
        """
        content = json.loads(text)
        if not isinstance(content, dict) or content.get("schema_version") != REPORT_SCHEMA_VERSION:
            raise ValueError(f"no export report of schema version {REPORT_SCHEMA_VERSION}")
        for item in content.get("artifacts", ()):
            item["figures"] = dict(item)  # they stand beside the file's name; each class takes what it knows
        return parse_record(cls, content)


def _lay_out(value: Any, indent: str = "") -> str:
    """JSON text, indented; a file that lost every answer flips thousands of images, and each shall take one line."""
    line = json.dumps(value, allow_nan=False)
    parts = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(parts, (list, tuple)) or not parts:
        return line
    if len(line) <= LINE_CHARACTERS and not any(isinstance(part, (dict, list, tuple)) for part in parts):
        return line
    inner = f"{indent}  "
    names = [f"{json.dumps(name)}: " for name in value] if isinstance(value, dict) else [""] * len(parts)
    lines = [f"{inner}{name}{_lay_out(part, inner)}" for name, part in zip(names, parts, strict=True)]
    first, last = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{first}\n" + ",\n".join(lines) + f"\n{indent}{last}"
