"""The layers of a Keras model, those of models inside it too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def list_nested_layers(model: Any) -> Iterator[Any]:
    """Every layer of a `keras.Model` that is no model itself, in order."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from list_nested_layers(layer)
        else:
            yield layer
