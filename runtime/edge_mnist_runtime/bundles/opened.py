"""A model that was opened, and which of a bundle's files it may be."""

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
    """What `backend="auto"` found of one of a bundle's files."""

    file: str
    backend: str
    precision: str
    p50_us: float | None
    """Median of single images, in the engine alone; None where it was not measured."""
    skipped: str | None
    """Why it cannot be used here; None where it was measured."""


class OpenedModel(NamedTuple):
    """A loaded model, and how it was chosen."""

    engine: Engine
    file: str
    """Path of the model file, or name of the bundled one."""
    measured: tuple[MeasuredFile, ...] | None = None
    """Of `backend="auto"`, all files of the bundle; None where there was nothing to choose."""


def choose_artifacts(
    folder: Path, manifest: Manifest, *, file: str | None = None, backend: Backend | None = None
) -> tuple[Artifact, ...]:
    """A bundle's model files that `file` and `backend` leave.

    Raises:
        UsageError: None is left.
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
