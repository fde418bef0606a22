"""Recurrent layers written out step by step: no converter brings their loops to every format and precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from edge_mnist_exporter.source.nested_layers import list_nested_layers
from edge_mnist_runtime.errors import UnsupportedModelError

MAX_STEPS: Final = 64
"""A longer sequence would become a graph of thousands of operations: its loop is left to the converters."""


def unroll_recurrent_layers(model: Any, path: Path) -> list[str]:
    """Tell every recurrent layer over at most `MAX_STEPS` steps to compute without a loop; weights and answers stay.

    Args:
        model: A `keras.Model` with inputs of a fixed size; its layers are changed in place.
        path: Where it is from, for messages.

    Returns:
        A note for the report, or none.

    Raises:
        UnsupportedModelError: Keras gives other answers for a masked layer without its loop.
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
                    # A matrix product a gate: TensorFlow's quantizer may leave a split of one product for all in float,
                    # from one conversion to the next, because nothing reads the forget gate of the first step.
                    part.cell.implementation = 1
            found.append(f"{layer.name} ({steps} steps)")
    return [f"unrolled {', '.join(found)}"] if found else []


def has_unrolled_layers(model: Any) -> bool:
    """Whether a `keras.Model` has recurrent layers, in models inside it too, and all of them are unrolled."""
    parts = [part for layer in list_nested_layers(model) for part in _list_recurrent_parts(layer)]
    return bool(parts) and all(part.unroll for part in parts)


def _count_steps(layer: Any) -> int | None:
    """The longest sequence that a recurrent layer reads, wherever it is called; None where a length is free.

    A mask and an initial state are inputs, too; the sequence is the first.
    """
    lengths = [node.input_tensors[0].shape[1] for node in layer._inbound_nodes]
    return None if None in lengths else max(lengths, default=None)


def _is_masked(layer: Any) -> bool:
    """Whether a mask, a tensor of truth values, is among what a layer reads."""
    return any(tensor.dtype == "bool" for node in layer._inbound_nodes for tensor in node.input_tensors)


def _misplaces_zeros(part: Any) -> bool:
    """Whether Keras zeroes the wrong steps of an unrolled layer behind a mask.

    Without a loop it turns the mask round for the steps, and not for the zeros it puts in place of masked answers.
    """
    return bool(part.go_backwards and part.return_sequences and part.zero_output_for_mask)


def _list_recurrent_parts(layer: Any) -> list[Any]:
    """The layer itself, or both of a bidirectional one; none of any other."""
    import keras

    if isinstance(layer, keras.layers.Bidirectional):
        return [layer.forward_layer, layer.backward_layer]
    return [layer] if isinstance(layer, keras.layers.RNN) else []
