"""Which Keras layer an operation of a converted graph came from, by the names that converters leave in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any


def list_layers(model: Any) -> Iterator[tuple[str, bool]]:
    """Name of every layer of a `keras.Model`, those of models inside it too, and whether it has weights."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from list_layers(layer)
        else:
            yield layer.name, bool(layer.weights)


def find_layer(names: Iterable[str], layers: Iterable[tuple[str, bool]]) -> str | None:
    """The layer that `names` (of an operation and its tensors) are about; of several, the first that has weights.

    Converters join scopes by slashes and fused operations by semicolons, and may number a layer's name anew.
    """
    parts = [part for name in names for part in re.split(r"[/;:]", name)]
    found: list[tuple[str, bool]] = []
    for layer in layers:
        numbered = re.compile(re.escape(layer[0]) + r"(_\d+)?")
        if any(numbered.fullmatch(part) for part in parts):
            found.append(layer)
    weighted = [name for name, has_weights in found if has_weights]
    return next(iter(weighted or [name for name, _ in found]), None)
