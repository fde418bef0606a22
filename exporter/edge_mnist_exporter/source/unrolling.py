"""Unroll recurrent layers, because no converter supports their loops in every format and precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from edge_mnist_exporter.source.nested_layers import list_nested_layers
from edge_mnist_runtime.errors import UnsupportedModelError

MAX_STEPS: Final = 64
"""Longer sequences keep their loop, because unrolled they would become thousands of operations."""


def unroll_recurrent_layers(model: Any, path: Path) -> list[str]:
    """Unroll every recurrent layer of at most `MAX_STEPS` steps. Weights and predictions do not change.

    Args:
        model: A `keras.Model` with inputs of a fixed size; its layers are changed in place.
        path: Path of the model, for messages.

    Returns:
        A note for the report; empty if no layer was unrolled.

    Raises:
        UnsupportedModelError: A masked layer would give other predictions if unrolled.
    """
    found = []
    for layer in list_nested_layers(model):
        parts = _list_recurrent_parts(layer)
        steps = _count_steps(layer) if parts else None
        if steps and steps <= MAX_STEPS:
            if _is_masked(layer) and any(map(_misplaces_zeros, parts)):
                raise UnsupportedModelError(
                    f"{path}: the layer {layer.name} reads a masked sequence backwards and gives a value for each "
                    "step, which cannot be computed without a loop; take the mask away, or return_sequences"
                )
            for part in parts:
                part.unroll = True
                if hasattr(part.cell, "implementation"):
                    # One matrix product for each gate. With one product for all gates, TensorFlow's quantizer sometimes
                    # leaves the split in float, because nothing reads the forget gate of the first step.
                    part.cell.implementation = 1
            found.append(f"{layer.name} ({steps} steps)")
    return [f"unrolled {', '.join(found)}"] if found else []


def has_unrolled_layers(model: Any) -> bool:
    """Whether a `keras.Model`, including nested models, has recurrent layers and all of them are unrolled."""
    parts = [part for layer in list_nested_layers(model) for part in _list_recurrent_parts(layer)]
    return bool(parts) and all(part.unroll for part in parts)


def _count_steps(layer: Any) -> int | None:
    """The longest sequence that a recurrent layer reads in any of its calls; None if a length is free.

    The sequence is the first input; a mask and an initial state may follow.
    """
    lengths = [node.input_tensors[0].shape[1] for node in layer._inbound_nodes]
    return None if None in lengths else max(lengths, default=None)


def _is_masked(layer: Any) -> bool:
    """Whether a layer reads a mask (a boolean tensor)."""
    return any(tensor.dtype == "bool" for node in layer._inbound_nodes for tensor in node.input_tensors)


def _misplaces_zeros(part: Any) -> bool:
    """Whether Keras zeroes the wrong steps of an unrolled layer with a mask.

    For a backward layer, Keras reverses the mask for the steps, but not for the zeros in place of masked outputs.
    """
    return bool(part.go_backwards and part.return_sequences and part.zero_output_for_mask)


def _list_recurrent_parts(layer: Any) -> list[Any]:
    """A recurrent layer itself, or both layers of a bidirectional one; empty for any other layer."""
    import keras

    if isinstance(layer, keras.layers.Bidirectional):
        return [layer.forward_layer, layer.backward_layer]
    return [layer] if isinstance(layer, keras.layers.RNN) else []
