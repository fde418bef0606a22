"""Recurrent layers written out step by step: no converter brings their loops to every format and precision."""

from __future__ import annotations

from typing import Any, Final

from edge_mnist_exporter.source.nested_layers import list_nested_layers

MAX_STEPS: Final = 64
"""A longer sequence would become a graph of thousands of operations: its loop is left to the converters."""


def unroll_recurrent_layers(model: Any) -> list[str]:
    """Tell every recurrent layer over at most `MAX_STEPS` steps to compute without a loop; weights and answers stay.

    Args:
        model: A `keras.Model` with inputs of a fixed size; its layers are changed in place.

    Returns:
        A note for the report, or none.
    """
    found = []
    for layer in list_nested_layers(model):
        parts = _list_recurrent_parts(layer)
        steps = layer.input.shape[1] if parts else None
        if steps and steps <= MAX_STEPS:
            for part in parts:
                part.unroll = True
                if hasattr(part.cell, "implementation"):
                    # A matrix product a gate: TensorFlow's quantizer may leave a split of one product for all in float,
                    # from one conversion to the next, because nothing reads the forget gate of the first step.
                    part.cell.implementation = 1
            found.append(f"{layer.name} ({steps} steps)")
    return [f"unrolled {', '.join(found)}"] if found else []


def has_unrolled_layers(model: Any) -> bool:
    """Whether a `keras.Model` has recurrent layers, in models inside it too, and all of them are unrolled."""
    parts = [part for layer in list_nested_layers(model) for part in _list_recurrent_parts(layer)]
    return bool(parts) and all(part.unroll for part in parts)


def _list_recurrent_parts(layer: Any) -> list[Any]:
    """The layer itself, or both of a bidirectional one; none of any other."""
    import keras

    if isinstance(layer, keras.layers.Bidirectional):
        return [layer.forward_layer, layer.backward_layer]
    return [layer] if isinstance(layer, keras.layers.RNN) else []
