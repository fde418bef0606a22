"""List the layers of a Keras model, including those of nested models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def list_nested_layers(model: Any) -> Iterator[Any]:
    """Every layer of a `keras.Model` and its nested models, in order; nested models themselves are left out."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from list_nested_layers(layer)
        else:
            yield layer
