"""Find the trained models in the trainer package by name."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final

REFERENCE_MODELS: Final = ("edge", "nano", "micro", "robust")
"""Their names; the first is the default of an export."""


def find_reference_model(name: str = REFERENCE_MODELS[0]) -> Path:
    """Path of a trained model; the record of its training run is NAME.json beside it."""
    return Path(str(resources.files("edge_mnist_trainer") / "models" / f"{name}.keras"))
