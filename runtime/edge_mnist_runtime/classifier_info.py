"""Describe a classifier: its model, back end, options and reading mode, as they are really used."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_mnist_runtime.engines.info import EngineInfo
from edge_mnist_runtime.reading.modes import ReadingMode
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.thresholds import Thresholds

if TYPE_CHECKING:
    from edge_mnist_runtime.bundles.opened import MeasuredFile, OpenedModel

CLASSIFIER_INFO_SCHEMA_VERSION: Final = 2


@dataclass(frozen=True)
class ClassifierInfo:
    """The result of `DigitClassifier.info()`."""

    model: str
    """Name of the model, from its contract."""
    file: str | None
    """Path of the model file, or name of the bundled model; None if the caller loaded it."""
    format: str
    """`onnx` or `tflite`."""
    precision: str
    sha256: str | None
    """SHA-256 of the model file; None if the caller passed a session."""
    size_bytes: int | None
    engine: EngineInfo
    """The back end and its options, as they were applied."""
    measured: tuple[MeasuredFile, ...] | None
    """Speed of every file of a bundle on this machine, with `backend="auto"`; otherwise None."""
    mode: ReadingMode
    """Mode in which pictures are read."""
    preprocess_version: int | None
    """Version of the preprocessing from ink to tensor."""
    preprocess_sha256: str | None
    picture_reading_version: int
    """Version of the picture reading, from picture to ink."""
    least_confidence: float
    """Minimum confidence in use, 0..1. Predictions below it are rejected; 0 accepts all."""
    thresholds: Thresholds | None
    """The file's values for `lenient`, `balanced` and `strict`; None if it has none."""
    can_saturate: bool
    """Whether, by its contract, the file's int8 sums can saturate in other programs (see `int8_sums`)."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON output."""
        return {"schema_version": CLASSIFIER_INFO_SCHEMA_VERSION, **asdict(self)}


def describe_classifier(
    opened: OpenedModel, mode: ReadingMode, least_confidence: float, *, callers: bool
) -> ClassifierInfo:
    """Describe a loaded model and how it is used; `callers` means that the caller loaded the model."""
    engine, contract = opened.engine, opened.engine.contract
    return ClassifierInfo(
        model=contract.name,
        file=None if callers else opened.file,
        format=engine.format,
        precision=contract.precision,
        sha256=engine.sha256,
        size_bytes=engine.size_bytes,
        engine=engine.info(),
        measured=opened.measured,
        mode=mode,
        preprocess_version=contract.preprocess_version,
        preprocess_sha256=contract.preprocess_sha256,
        picture_reading_version=PICTURE_READING.version,
        least_confidence=least_confidence,
        thresholds=contract.thresholds,
        can_saturate=contract.can_saturate,
    )
