"""The models inside this package, by name.

    robust    the default; also reads printed digits, poor pictures and handwriting unlike MNIST's
    edge      smaller, for digits like MNIST's
    micro     a quarter of robust, for chips; also reads handwriting unlike MNIST's
    nano      the smallest

docs/results/other-digits.md shows why `robust` is the default.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

# Importing importlib.resources would add 5 ms to a cold start, pathlib 3 ms.
MODELS_FOLDER: Final = os.path.join(os.path.dirname(os.path.dirname(__file__)), "models")

BUNDLED_MODELS: Final = {
    name: os.path.join(MODELS_FOLDER, f"{name}_int8.onnx") for name in ("robust", "edge", "micro", "nano")
}
"""Paths of their int8 ONNX files."""

BUNDLED_GOLDEN: Final = os.path.join(MODELS_FOLDER, "golden.npz")
"""Golden vectors: digits that the project drew, with the answers of each model. `make golden` writes this file."""

DEFAULT_MODEL: Final = "robust"
"""The model of `DigitClassifier()`."""


def read_package_file(path: str) -> bytes:
    """Read a file inside this package through its importer, so that it also works from a zip archive."""
    loader: Any = __spec__.loader
    data: bytes = loader.get_data(path)
    return data


def find_bundled(model: str | Path | None) -> str | None:
    """Path of the bundled model that `model` names; None means the default. Return None for any other name.

    An existing file or folder of that name takes precedence.
    """
    if model is None:
        return BUNDLED_MODELS[DEFAULT_MODEL]
    named = BUNDLED_MODELS.get(str(model))
    return None if named is None or os.path.exists(model) else named
