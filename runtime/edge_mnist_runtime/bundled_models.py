"""The models inside this package, by name.

    robust    the default: reads printed digits, poor pictures and other hands as well as MNIST's
    edge      smaller and faster, for digits like MNIST's
    nano      the smallest

Why `robust` is the default: docs/results/other-digits.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

# importlib.resources would cost a cold start 5 ms.
BUNDLED_MODELS: Final = {
    name: Path(__file__).with_name("models") / f"{name}_int8.onnx" for name in ("robust", "edge", "nano")
}
"""Their int8 ONNX files."""

BUNDLED_GOLDEN: Final = Path(__file__).with_name("models") / "golden.npz"
"""Digits that the project drew, and what each of them answers, as in a bundle; made by `make golden`."""

DEFAULT_MODEL: Final = "robust"
"""What `DigitClassifier()` uses."""


def find_bundled(model: str | Path | None) -> Path | None:
    """The file of the bundled model that `model` names, the default's for None; None where it names something else.

    A file or folder of that name goes before.
    """
    if model is None:
        return BUNDLED_MODELS[DEFAULT_MODEL]
    named = BUNDLED_MODELS.get(str(model))
    return None if named is None or Path(model).exists() else named
