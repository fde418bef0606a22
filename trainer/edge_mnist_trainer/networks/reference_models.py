"""The trained models inside the trainer package, by name."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final

REFERENCE_MODELS: Final = ("edge", "nano", "robust")
"""Their names; the first is exported where nothing else is there."""


def find_reference_model(name: str = REFERENCE_MODELS[0]) -> Path:
    """Path of a trained model; its run's record lies beside it, as NAME.json."""
    return Path(str(resources.files("edge_mnist_trainer") / "models" / f"{name}.keras"))
