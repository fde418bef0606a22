"""Convert models that Keras quantized to int8 (`model.quantize`) back to float, as converters need them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from edge_mnist_exporter.source.nested_layers import list_nested_layers
from edge_mnist_runtime.errors import UnsupportedModelError


def with_float_weights(model: Any, path: Path) -> tuple[Any, list[str]]:
    """Replace weights that Keras quantized by float32 weights.

    Keras also quantizes the input of such a layer, image by image; the float network does not.

    Returns:
        The network, and a note for the report if a layer was quantized.

    Raises:
        UnsupportedModelError: A layer is not a Dense layer quantized to int8.
    """
    quantized = [layer for layer in list_nested_layers(model) if getattr(layer, "quantization_mode", None)]
    if not quantized:
        return model, []
    for layer in quantized:
        if (type(layer).__name__, layer.quantization_mode) != ("Dense", "int8"):
            raise UnsupportedModelError(
                f"{path}: the layer {layer.name} ({type(layer).__name__}) holds weights that Keras quantized to "
                f"{layer.quantization_mode}; export the model as it was before model.quantize()"
            )
    copy = type(model).from_config(_without_quantization(model.get_config()))
    for layer, twin in zip(list_nested_layers(model), list_nested_layers(copy), strict=True):
        twin.set_weights(_read_dense(layer) if layer in quantized else layer.get_weights())
    names = ", ".join(layer.name for layer in quantized)
    return copy, [f"read the weights that Keras quantized to int8 as float32 ({names})"]


def _without_quantization(config: Any) -> Any:
    if isinstance(config, dict):
        if config.get("class_name") == "QuantizedDTypePolicy":
            return "float32"
        return {name: _without_quantization(value) for name, value in config.items()}
    return [_without_quantization(value) for value in config] if isinstance(config, list) else config


def _read_dense(layer: Any) -> list[Any]:
    """Kernel and bias, float32. Keras stores kernel * scale as whole numbers, with one scale an output channel."""
    kernel = np.asarray(layer.kernel, np.float32) / np.asarray(layer.kernel_scale, np.float32)
    return [kernel, np.asarray(layer.bias)] if layer.use_bias else [kernel]
