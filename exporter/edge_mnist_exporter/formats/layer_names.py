"""Find the Keras layer of an operation in a converted graph, by the names that converters keep."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from edge_mnist_exporter.source.nested_layers import list_nested_layers


def list_layers(model: Any) -> Iterator[tuple[str, bool]]:
    """Name of every layer of a `keras.Model`, including nested models, and whether it has weights."""
    return ((layer.name, bool(layer.weights)) for layer in list_nested_layers(model))


def find_layer(names: Iterable[str], layers: Iterable[tuple[str, bool]]) -> str | None:
    """Find the layer that `names` (of an operation and its tensors) refer to; of several, the first with weights.

    Converters join scopes with slashes and fused operations with semicolons, and may append a number to a layer's
    name. The outermost scope that matches a layer counts, because operations inside may have another layer's name.
    """
    known = [(name, has_weights, re.compile(re.escape(name) + r"(_\d+)?")) for name, has_weights in layers]
    found = set()
    for path in (path for name in names for path in re.split(r"[;:]", name)):
        owners = ([name for name, _, numbered in known if numbered.fullmatch(scope)] for scope in path.split("/"))
        found.update(next(filter(None, owners), []))
    weighted = [name for name, has_weights, _ in known if has_weights and name in found]
    return next(iter(weighted or [name for name, _, _ in known if name in found]), None)
