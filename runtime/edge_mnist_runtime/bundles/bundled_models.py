"""The models inside this package, by name.

    robust    the default: reads printed digits, poor pictures and other hands as well as MNIST's
    edge      smaller and faster, for digits like MNIST's
    nano      the smallest

Why `robust` is the default: docs/results/other-digits.md.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

# importlib.resources would cost a cold start 5 ms, and pathlib 3.
_FOLDER: Final = os.path.join(os.path.dirname(os.path.dirname(__file__)), "models")

BUNDLED_MODELS: Final = {name: os.path.join(_FOLDER, f"{name}_int8.onnx") for name in ("robust", "edge", "nano")}
"""Paths of their int8 ONNX files."""

BUNDLED_GOLDEN: Final = os.path.join(_FOLDER, "golden.npz")
"""Digits that the project drew, and what each of them answers, as in a bundle; made by `make golden`."""

DEFAULT_MODEL: Final = "robust"
"""What `DigitClassifier()` uses."""


def read_package_file(path: str) -> bytes:
    """A file inside this package, read by what imported it: a zip archive that holds the package is no folder."""
    loader: Any = __spec__.loader
    data: bytes = loader.get_data(path)
    return data


def find_bundled(model: str | Path | None) -> str | None:
    """Path of the bundled model that `model` names, of the default for None; None where it names something else.

    A file or folder of that name goes before.
    """
    if model is None:
        return BUNDLED_MODELS[DEFAULT_MODEL]
    named = BUNDLED_MODELS.get(str(model))
    return None if named is None or os.path.exists(model) else named
