"""Bring an image classifier to the input and output signature that every converter expects.

Input: float32 (N, H, W, C) in the network's own range. Output: probabilities, float32 (N, K). Rescaling layers at the
input are removed. An image input and a softmax are added if missing. Notes for the report name every change.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from edge_mnist_exporter.source.rescaling import Rescaling, Values, take_off_rescaling
from edge_mnist_exporter.source.saved_model import SOFTMAX_NOTE
from edge_mnist_exporter.source.unrolling import unroll_recurrent_layers
from edge_mnist_runtime.contract import LABEL_COUNTS, UNIT_RANGE, InputRange
from edge_mnist_runtime.errors import UnsupportedModelError, UsageError

CHANNELS: Final = (1, 3)
"""Grey or colour."""

BYTE_RANGE: Final = InputRange((0.0,), (1.0,))
"""0..255."""

VALUES_PASSED_ON: Final = (
    *("InputLayer", "Identity", "Reshape", "Flatten", "Squeeze", "Dropout", "AlphaDropout", "GaussianDropout"),
    *("GaussianNoise", "ActivityRegularization"),
)
"""Layers and operations that do not change values at inference."""


@dataclass(frozen=True)
class FittedModel:
    """A network with the signature that converters expect."""

    keras_model: Any
    """A `keras.Model`: float32 (N, H, W, C) in `input_range` to probabilities float32 (N, K)."""
    image_shape: tuple[int, int, int]
    """Height, width and channels."""
    n_classes: int
    """K."""
    input_range: InputRange
    """The mapping from pixel bytes to the network's input values."""
    notes: tuple[str, ...]
    """What was removed or added, for the report."""


def fit_signature(model: Any, path: Path, *, input_range: InputRange | None = None) -> FittedModel:
    """Check a network's inputs, outputs and weights, and bring it to the signature that converters expect.

    Args:
        model: A loaded `keras.Model`.
        path: Path of the model, for messages.
        input_range: The range it was trained on; None for the range of its rescaling layers, else 0..1.

    Raises:
        UnsupportedModelError: Its inputs, outputs or weights are not those of an image classifier.
        UsageError: `input_range` contradicts the network's own rescaling layer, or has another number of channels.
    """
    shape, n_classes = _check_shapes(model, path)
    _check_weights(model, path)
    notes = unroll_recurrent_layers(model, path)
    rescaling, model = take_off_rescaling(model)
    if rescaling.layers:
        notes.append(f"folded {' and '.join(rescaling.layers)} into the input")
    known = BYTE_RANGE if rescaling.layers and rescaling.takes_bytes else UNIT_RANGE
    if rescaling.is_stated and input_range not in (None, known):
        span = "0..255" if rescaling.takes_bytes else "0..1"
        raise UsageError(
            f"{path}: scales its input itself ({rescaling.layers[0]}), from {span}; leave out `input_range`"
        )
    if not str(model.inputs[0].dtype).startswith("float"):
        raise UnsupportedModelError(
            f"{path}: takes {model.inputs[0].dtype} and has no Rescaling layer at its start; build it on float32"
        )
    model, image_shape = _with_image_input(model, shape, notes)
    factor, offset = _scale_bytes(rescaling, input_range or known, image_shape, path)
    spread = _find_range(factor, offset)
    if spread is None:
        model, spread = _with_normalising_layer(model, image_shape, factor, offset), UNIT_RANGE
        notes.append("normalises each channel in a layer of its own")
    return FittedModel(_with_softmax(model, image_shape, path, notes), image_shape, n_classes, spread, tuple(notes))


def _check_shapes(model: Any, path: Path) -> tuple[tuple[int, ...], int]:
    try:
        inputs, outputs = [tuple(t.shape) for t in model.inputs], [tuple(t.shape) for t in model.outputs]
    except AttributeError:
        raise UnsupportedModelError(
            f"{path}: has no defined input shape; build it with keras.Input((28, 28, 1)) and save it again"
        ) from None
    if len(inputs) != 1 or len(outputs) != 1:
        raise UnsupportedModelError(
            f"{path}: has {len(inputs)} inputs and {len(outputs)} outputs; expected one input (images) "
            "and one output (a value for each class)"
        )
    shape, found = inputs[0][1:], outputs[0]
    if None in shape:
        raise UnsupportedModelError(
            f"{path}: takes {inputs[0]}, whose size is free; build it with fixed height and width"
        )
    flat_side = math.isqrt(shape[0]) if len(shape) == 1 else 0
    is_flat = len(shape) == 1 and flat_side**2 == shape[0] and flat_side > 1
    is_image = len(shape) == 2 or (len(shape) == 3 and shape[2] in CHANNELS)
    if not (is_flat or is_image):
        hint = "; channels come first: permute them in the model" if len(shape) == 3 and shape[0] in CHANNELS else ""
        raise UnsupportedModelError(
            f"{path}: takes {inputs[0]}; expected images (None, H, W), (None, H, W, 1), (None, H, W, 3), or a flat "
            f"square{hint}"
        )
    if len(found) != 2 or found[1] not in LABEL_COUNTS:
        raise UnsupportedModelError(f"{path}: gives {found}; expected one value for each of 2 to 1,000 classes")
    return shape, found[1]


def _check_weights(model: Any, path: Path) -> None:
    for weight in model.weights:
        if not np.isfinite(np.asarray(weight, np.float32)).all():
            raise UnsupportedModelError(f"{path}: weight {weight.path} holds NaN or infinity; train the model again")


def _scale_bytes(
    rescaling: Rescaling, expected: InputRange, image_shape: tuple[int, int, int], path: Path
) -> tuple[Values, Values]:
    """Factor and offset from pixel bytes to the values behind the removed rescaling.

    Args:
        rescaling: The rescaling removed from the network.
        expected: The range that the rescaling takes.
        image_shape: Height, width and channels.
        path: Path of the network, for messages.
    """
    if len(expected.mean) not in (1, image_shape[2]):
        raise UsageError(
            f"{path}: reads images of {image_shape[2]} channels; `input_range` names {len(expected.mean)} means"
        )
    factor = rescaling.factor / np.array(expected.deviation)
    return factor, rescaling.offset - factor * np.array(expected.mean)


def _find_range(factor: Values, offset: Values) -> InputRange | None:
    """The input range with this factor and offset; None if no single scale and zero-point can represent it."""
    if len({*factor}) > 1 or len({*offset}) > 1 or factor[0] <= 0:
        return None
    # Twelve digits remove floating-point noise, as in 127.5; 0.0 - x avoids -0.0.
    mean, deviation = (float(f"{value:.12g}") for value in (0.0 - offset[0] / factor[0], 1 / factor[0]))
    return InputRange((mean,), (deviation,)) if 0 <= mean <= 255 else None


def _with_image_input(model: Any, shape: tuple[int, ...], notes: list[str]) -> tuple[Any, tuple[int, int, int]]:
    import keras

    if len(shape) == 3:
        return model, (shape[0], shape[1], shape[2])
    side = math.isqrt(shape[0])
    height, width = shape if len(shape) == 2 else (side, side)
    image = keras.Input((height, width, 1), name="image")
    notes.append(f"reshaped images of ({height}, {width}, 1) to its input of {shape}")
    return keras.Model(image, model(keras.layers.Reshape(shape)(image))), (height, width, 1)


def _with_normalising_layer(model: Any, image_shape: tuple[int, int, int], factor: Values, offset: Values) -> Any:
    """Add a layer in front that maps 0..1 to the network's own range, if one scale for all channels cannot.

    The layer is a 1 x 1 depthwise convolution, which every converter and precision supports.
    """
    import keras

    factor, offset = (np.broadcast_to(values, image_shape[2]) for values in (factor, offset))
    image = keras.Input(image_shape, name="image")
    layer = keras.layers.DepthwiseConv2D(1, name="normalise")
    normalised = layer(image)
    layer.set_weights([(255 * factor).reshape(1, 1, -1, 1), offset])
    return keras.Model(image, model(normalised))


def _with_softmax(model: Any, image_shape: tuple[int, int, int], path: Path, notes: list[str]) -> Any:
    """Add a softmax if the network gives logits, or replace sigmoids by one."""
    import keras

    noise = np.random.default_rng(0).uniform(0, 1, (8, *image_shape)).astype(np.float32)
    values = np.asarray(model(noise, training=False))
    if not np.isfinite(values).all():
        raise UnsupportedModelError(f"{path}: gives NaN or infinity for noise; train the model again")
    if (values >= 0).all() and np.allclose(values.sum(axis=1), 1, atol=1e-3):
        return model
    last = _find_last_layer(model.outputs[0])
    activation = getattr(last, "activation", None)
    logits = _find_logits(model)
    if activation is keras.activations.sigmoid:
        last.activation = keras.activations.linear
        notes.append(SOFTMAX_NOTE)
    elif logits is not None:
        notes.append(SOFTMAX_NOTE)
    elif ((values >= 0) & (values <= 1)).all() and activation not in (
        keras.activations.linear,
        keras.activations.relu,
    ):
        raise UnsupportedModelError(
            f"{path}: ends in {getattr(last, 'name', 'its input')}, independent scores of 0..1 that do not sum to 1; "
            "end it with a layer whose activation is a softmax or a sigmoid, or with its logits"
        )
    else:
        notes.append("added a softmax behind its logits")
    outputs = model.outputs[0] if logits is None else logits
    return keras.Model(model.inputs, keras.layers.Softmax(name="probabilities")(outputs))


def _find_last_layer(tensor: Any) -> Any:
    """The layer that computes a tensor's values, also in nested models; None if they are those of the input."""
    while True:
        layer, node_index = tensor._keras_history[:2]
        if hasattr(layer, "outputs") and hasattr(layer, "layers"):
            inner = _find_last_layer(layer.outputs[0])
            if inner is not None:
                return inner
        elif not _passes_values_on(layer):
            return layer
        parents = layer._inbound_nodes[node_index].input_tensors
        if not parents:
            return None
        tensor = parents[0]


def _passes_values_on(layer: Any) -> bool:
    """Whether a layer returns its input values unchanged, possibly in another shape."""
    import keras

    name = type(layer).__name__
    is_linear = name == "Activation" and layer.activation is keras.activations.linear
    return is_linear or name in VALUES_PASSED_ON


def _find_logits(model: Any) -> Any:
    """The input of a `keras.ops.sigmoid` at the end of a network; None for any other end, or in a nested model."""
    import keras

    operation, node_index = model.outputs[0]._keras_history[:2]
    if isinstance(operation, keras.layers.Layer) or type(operation).__name__ != "Sigmoid":
        return None
    return operation._inbound_nodes[node_index].input_tensors[0]
