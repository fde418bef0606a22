"""What the exporter's tests share: scripts in processes of their own, the reference model, and its exported files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edge_mnist_trainer.strokes import draw_digits

if TYPE_CHECKING:
    from edge_mnist_exporter.source_model import SourceModel

REFERENCE_MODEL = Path(__file__).parents[2] / "trainer" / "edge_mnist_trainer" / "models" / "edge.keras"


@pytest.fixture(scope="session")
def reference_model() -> Path:
    """The trained model inside the trainer package."""
    return REFERENCE_MODEL


@pytest.fixture(scope="session")
def reference_source(reference_model: Path) -> SourceModel:
    """The same, loaded."""
    from edge_mnist_exporter.source_model import load_source

    return load_source("edge", reference_model)


@pytest.fixture(scope="session")
def drawn_images() -> Any:
    """A hundred digits that the project draws itself, uint8, (100, 28, 28, 1)."""
    return draw_digits(10, seed=0)[0]


@pytest.fixture(scope="session")
def report(reference_bundle: Path) -> dict[str, Any]:
    """report.json of the reference bundle."""
    return json.loads((reference_bundle / "report.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def folder_hashes() -> Callable[[Path], dict[str, str]]:
    """SHA-256 of every file of a folder, by name."""

    def hashes(folder: Path) -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}

    return hashes
