"""How an archive is classified: the options of a run, and the classifier that they give."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from edge_mnist_runtime.errors import HashMismatchError, UsageError

if TYPE_CHECKING:
    from edge_mnist_runtime.classifier import DigitClassifier
    from edge_mnist_runtime.engines.options import Backend
    from edge_mnist_runtime.reading.modes import ReadingMode
    from edge_mnist_runtime.thresholds import LeastConfidence


@dataclass(frozen=True)
class ArchiveConfig:
    """The options of `DigitClassifier` that decide what the rows are, and where to find pictures in Parquet files."""

    model: str | None = None
    """A bundle, a model file or the name of a built-in model; None is the default model."""
    mode: ReadingMode = "auto"
    """How pictures are read."""
    least_confidence: LeastConfidence | None = None
    """Confidence below which predictions are rejected; None is the model's own."""
    backend: Backend | None = None
    """Engine that runs the model. `auto` is refused, because two machines could choose different files."""
    column: str | None = None
    """Parquet column of pictures or tensors; None finds it by name and type."""
    id_column: str | None = None
    """Parquet column of ids; None takes `id` if there is one, otherwise file and row number."""

    def __post_init__(self) -> None:
        if self.backend == "auto":
            raise UsageError("`backend` auto: each process could choose another file of the bundle; name the engine")
        if self.model is not None and os.path.exists(self.model):  # noqa: PTH110  # other processes may work elsewhere
            object.__setattr__(self, "model", os.path.abspath(self.model))  # noqa: PTH100

    def to_dict(self) -> dict[str, Any]:
        """For the plan."""
        return asdict(self)

    def open(self, *, sha256: str | None = None) -> DigitClassifier:
        """Load the classifier; with `sha256` only if the model file has that hash.

        Raises:
            EdgeMnistError: As `DigitClassifier`.
            HashMismatchError: The model file is not the one that the run began with.
        """
        from edge_mnist_runtime.classifier import DigitClassifier

        classifier = DigitClassifier(
            self.model, mode=self.mode, least_confidence=self.least_confidence, backend=self.backend
        )
        found = classifier.engine.sha256
        if sha256 is not None and found != sha256:
            raise HashMismatchError(
                f"{self.model or 'the built-in model'}: SHA-256 {str(found)[:12]}... here, but the run began with "
                f"{sha256[:12]}...; install the same model everywhere"
            )
        return classifier
