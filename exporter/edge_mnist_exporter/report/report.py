"""Read and write report.json, the measurements of an export."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from edge_mnist_exporter.evaluate.evaluation import Comparison, ModelFigures
from edge_mnist_exporter.evaluate.gates import Gate
from edge_mnist_exporter.evaluate.parity import AgreementMatrix, Int8Parity
from edge_mnist_exporter.evaluate.rejection import RejectionReport
from edge_mnist_exporter.program.c_program import ProgramReport
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.typed_json import parse_record

REPORT_SCHEMA_VERSION: Final = 5

LINE_CHARACTERS: Final = 240
"""Line width of report.json. A list or object without nested ones is on one line if it fits, such as a flip."""


@dataclass(frozen=True)
class DatasetRecord:
    """The evaluation images of an export."""

    name: str
    split: str
    n: int
    n_per_class: tuple[int, ...]
    """Number of images of each class, by label."""
    image_shape: tuple[int, ...]
    """Height, width and channels of one image."""
    sha256: str
    """Hash of pixels and labels."""
    notice: str | None
    """A notice about the images to show with every figure; None for MNIST."""

    @classmethod
    def describe(cls, digits: LabelledDigits, n_classes: int, notice: str | None) -> DatasetRecord:
        """Make the record of these images."""
        n_per_class = tuple(map(int, np.bincount(digits.labels, minlength=n_classes)))
        shape = tuple(map(int, digits.images.shape[1:]))
        return cls(digits.name, digits.split, len(digits), n_per_class, shape, digits.sha256, notice)


@dataclass(frozen=True)
class ArtifactReport:
    """One exported file with its figures. In report.json both are in one object."""

    file: str
    format: str
    precision: str
    size_bytes: int
    sha256: str
    audit: dict[str, Any]
    """Precision and cost, read from its graph; see `audit.GraphAudit`."""
    runtime_differences: int
    """Number of images for which the runtime package gives other probabilities than the library's default options.

    `figures` are those of the default options. If there are differences, the gates check both."""
    figures: Comparison
    """Figures with the default options of LiteRT or onnxruntime; for a C file, in TFLite's reference kernels."""
    program: ProgramReport | None = None
    """What a C program needs, and how it was proved; None for any other file."""

    def to_dict(self) -> dict[str, Any]:
        """The entry of report.json."""
        record = asdict(self)
        figures = record.pop("figures")
        return {**record, **figures}


@dataclass(frozen=True)
class MixedChoice:
    """A mixed file: the layers that stay in float, and their cost."""

    file: str
    """Name of the mixed file."""
    instead_of: str
    """Name of the int8 file that failed or could not be made."""
    float_layers: tuple[str, ...]
    """Layers that stay in float, in the network's order. Without any one of them the file fails."""
    trials: int
    """Number of files that were made and checked."""
    more_bytes: int | None
    """Size of the mixed file minus that of the int8 file; None if no int8 file could be made."""
    more_us: float | None
    """Median time of one call minus that of the int8 file, on this machine; None if no int8 file could be made."""

    def __str__(self) -> str:
        layers = ", ".join(self.float_layers)
        if self.more_bytes is None or self.more_us is None:
            return (
                f"{self.file} replaces {self.instead_of}, which cannot be made: {layers} in float "
                f"({self.trials} files tried)"
            )
        return (
            f"{self.file} replaces {self.instead_of}, which failed: {layers} in float, "
            f"for {self.more_bytes:+,} bytes and {self.more_us:+.1f} us ({self.trials} files tried)"
        )


@dataclass(frozen=True)
class ExportRecord:
    """All measurements of one export: the content of report.json."""

    name: str
    labels: tuple[str, ...]
    """Class names, in output order."""
    source: dict[str, Any]
    """`file`, `sha256`, `parameters` and `preprocess` (`recorded` or `assumed`) of the Keras model."""
    dataset: DatasetRecord
    calibration: dict[str, Any]
    """Data set, split, count, seed and index hash of the calibration images."""
    reference: ModelFigures
    """Figures of the Keras model."""
    artifacts: tuple[ArtifactReport, ...]
    agreement: AgreementMatrix
    """Agreement between the Keras model and the files."""
    int8_parity: Int8Parity | None
    """Differences between the two int8 files; None if there are not both."""
    gates: tuple[Gate, ...]
    versions: dict[str, str]
    rejection: RejectionReport | None = None
    """Confidence threshold and rejected images; None for a model that does not read digits."""
    mixed: tuple[MixedChoice, ...] = ()
    """Mixed files that replace failed int8 files."""

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return all(gate.passed for gate in self.gates)

    @property
    def failed_gates(self) -> tuple[Gate, ...]:
        """Every gate that failed."""
        return tuple(gate for gate in self.gates if not gate.passed)

    def passes(self, file: str) -> bool:
        """Whether every gate of a file passed."""
        return all(gate.passed for gate in self.gates if file in gate.files)

    def to_dict(self) -> dict[str, Any]:
        """The content of report.json."""
        artifacts = [artifact.to_dict() for artifact in self.artifacts]
        return {"schema_version": REPORT_SCHEMA_VERSION, "passed": self.passed, **asdict(self), "artifacts": artifacts}

    def to_json(self) -> str:
        """The text of report.json."""
        return _lay_out(self.to_dict()) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ExportRecord:
        """Parse the text of report.json.

        Raises:
            ValueError: It is not a valid report, or has another schema version.
        """
        content = json.loads(text)
        if not isinstance(content, dict) or content.get("schema_version") != REPORT_SCHEMA_VERSION:
            raise ValueError(f"not an export report of schema version {REPORT_SCHEMA_VERSION}")
        for item in content.get("artifacts", ()):
            item["figures"] = dict(item)  # one object in JSON; `parse_record` ignores names that a class does not have
        return parse_record(cls, content)


def _lay_out(value: Any, indent: str = "") -> str:
    """Format as indented JSON with short objects on one line, because a report may have thousands of flips."""
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
