"""What a classifier really uses: the model, the back end and its options, and how pictures are read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_mnist_runtime.engines.info import EngineInfo
from edge_mnist_runtime.reading.modes import ReadingMode
from edge_mnist_runtime.reading.parameters import PICTURE_READING

if TYPE_CHECKING:
    from edge_mnist_runtime.bundles.opened import MeasuredFile, OpenedModel

INFO_SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class ClassifierInfo:
    """What `DigitClassifier.info()` gives."""

    model: str
    """Name of the model, as its contract has it."""
    file: str | None
    """Path of the model file, or name of the bundled one; None where the caller opened the model."""
    format: str
    """`onnx` or `tflite`."""
    precision: str
    sha256: str | None
    """SHA-256 of the model file; None for a session of the caller's."""
    size_bytes: int | None
    engine: EngineInfo
    """The back end and its options, as they were applied."""
    measured: tuple[MeasuredFile, ...] | None
    """Of `backend="auto"` with a bundle: all of its files, and how fast each is here; else None."""
    preprocess: ReadingMode
    """How pictures are read."""
    preprocess_version: int | None
    """Version of the way from ink to the tensor."""
    preprocess_sha256: str | None
    picture_reading_version: int
    """Version of the way from a picture to ink."""
    least_confidence: float
    """Answers below it are rejected, 0..1; 0 accepts every answer."""
    can_saturate: bool
    """Whether the file's int8 sums can saturate in other programs, by its contract (see `int8_sums`)."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"schema_version": INFO_SCHEMA_VERSION, **asdict(self)}


def describe_classifier(opened: OpenedModel, mode: ReadingMode, *, callers: bool) -> ClassifierInfo:
    """What is known of a loaded model and of how pictures reach it; `callers`: it was loaded by the caller."""
    engine, contract = opened.engine, opened.engine.contract
    return ClassifierInfo(
        model=contract.name,
        file=None if callers else opened.file,
        format=engine.format,
        precision=contract.precision,
        sha256=engine.sha256,
        size_bytes=engine.size_bytes,
        engine=engine.info,
        measured=opened.measured,
        preprocess=mode,
        preprocess_version=contract.preprocess_version,
        preprocess_sha256=contract.preprocess_sha256,
        picture_reading_version=PICTURE_READING.version,
        least_confidence=contract.least_confidence,
        can_saturate=contract.can_saturate,
    )
