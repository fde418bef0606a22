"""The result of opening a model, and the choice among a bundle's files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from edge_mnist_runtime.engines import Engine
from edge_mnist_runtime.engines.options import FORMAT_OF, Backend
from edge_mnist_runtime.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from edge_mnist_runtime.bundles.manifest import Artifact, Manifest


@dataclass(frozen=True)
class MeasuredFile:
    """The measurement of one of a bundle's files for `backend="auto"`."""

    file: str
    backend: str
    precision: str
    p50_us: float | None
    """Median time of one image in the engine, in microseconds; None if it was not measured."""
    skipped: str | None
    """Why it cannot be used here; None if it was measured."""


class OpenedModel(NamedTuple):
    """A loaded model, and how it was chosen."""

    engine: Engine
    file: str
    """Path of the model file, or name of the bundled one."""
    measured: tuple[MeasuredFile, ...] | None = None
    """All files of the bundle for `backend="auto"`; otherwise None."""


def choose_artifacts(
    folder: Path, manifest: Manifest, *, file: str | None = None, backend: Backend | None = None
) -> tuple[Artifact, ...]:
    """Select a bundle's model files by name and back end.

    Raises:
        UsageError: No file matches.
    """
    wanted = FORMAT_OF.get(backend or "auto")
    chosen = tuple(
        artifact
        for artifact in manifest.artifacts
        if file in (None, artifact.file) and wanted in (None, artifact.format)
    )
    if manifest.artifacts and not chosen:
        names = ", ".join(artifact.file for artifact in manifest.artifacts)
        which = f" that {backend} runs" if backend else ""
        raise UsageError(f"{folder / (file or '')}: no model of this bundle{which}; it has {names}")
    return chosen
