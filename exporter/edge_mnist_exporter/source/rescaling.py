"""Remove Rescaling and Normalization layers at the start of a network; a file's input scale replaces them.

They are also found between layers that are inactive at inference (augmentation, dropout), and in nested models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
"""One value for all channels, or one for each; shape (1,) or (C,)."""

MAX_SPREAD: Final = 20
"""Largest width of the scaled range of 0..255, because networks are trained on values of a few units."""


@dataclass(frozen=True)
class Rescaling:
    """value = factor * input + offset."""

    factor: Values
    offset: Values
    layers: tuple[str, ...] = ()
    """Names of the rescaling layers."""
    is_stated: bool = False
    """Whether a Rescaling layer comes first, which is made for one input range only."""

    @property
    def takes_bytes(self) -> bool:
        """Whether its input range is 0..255, which it scales down; otherwise it is 0..1."""
        return bool(255 * np.abs(self.factor).max() <= MAX_SPREAD)

    def then(self, other: Rescaling) -> Rescaling:
        """This rescaling followed by another."""
        return Rescaling(
            self.factor * other.factor,
            self.offset * other.factor + other.offset,
            self.layers + other.layers,
            is_stated=self.is_stated if self.layers else other.is_stated,
        )


IDENTITY: Final = Rescaling(np.ones(1), np.zeros(1))


def take_off_rescaling(model: Any) -> tuple[Rescaling, Any]:
    """Split a `keras.Model` into the rescaling at its start and the network behind it.

    Returns:
        The rescaling, and a network without it that shares the weights. `IDENTITY` and the model itself if there is no
        rescaling.
    """
    found, replaced = IDENTITY, dict[Any, Any]()
    for layer, shape in _list_start(model):
        step = _read_layer(layer, shape)
        if step is not None:
            found = found.then(step)
            replaced[layer] = _pass_on
        elif _is_inactive(layer, shape):
            replaced[layer] = _pass_on
        elif len(getattr(layer, "inputs", ())) == len(getattr(layer, "outputs", ())) == 1:  # a model
            inner, without = take_off_rescaling(layer)
            if inner.layers:
                found = found.then(inner)
                replaced[layer] = without
            break
        elif type(layer).__name__ != "Reshape":
            break
    return (found, _rebuild(model, replaced)) if found.layers else (IDENTITY, model)


def _list_start(model: Any) -> list[tuple[Any, tuple[int, ...]]]:
    """The chain of layers before the input branches, each with the shape of one image at its input."""
    import keras

    readers: dict[int, list[tuple[Any, Any]]] = {}

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        output = layer(*args, **kwargs)
        for tensor in keras.tree.flatten((args, kwargs)):
            readers.setdefault(id(tensor), []).append((layer, output))
        return output

    image = _new_input(model)
    _replay(model, image, call)
    start, tensor = [], image
    while len(found := readers.get(id(tensor), [])) == 1:
        start.append((found[0][0], tuple(tensor.shape[1:])))
        tensor = found[0][1]
    return start


def _read_layer(layer: Any, shape: tuple[int, ...]) -> Rescaling | None:
    """The rescaling of a layer; None for other layers, and for one with a value for each pixel."""
    kind = type(layer).__name__
    if kind == "Rescaling":
        values = [layer.scale, layer.offset]
    elif kind == "Normalization" and not layer.invert:
        deviation = np.maximum(np.sqrt(np.asarray(layer.variance, float)), 1e-7)
        values = [1 / deviation, -np.asarray(layer.mean, float) / deviation]
    else:
        return None
    factor, offset = (_merge(np.ravel(np.asarray(value, float))) for value in values)
    n_channels = shape[2] if len(shape) == 3 else 1
    if not {factor.size, offset.size} <= {1, n_channels}:
        return None
    return Rescaling(factor, offset, (layer.name,), is_stated=kind == "Rescaling")


def _merge(values: Values) -> Values:
    """Reduce equal values to one."""
    return values[:1] if (values == values[0]).all() else values


def _is_inactive(layer: Any, shape: tuple[int, ...]) -> bool:
    """Whether a layer has no effect at inference. A Masking layer has one, because it makes a mask."""
    if layer.weights or type(layer).__name__ in ("InputLayer", "Masking"):
        return False
    values = np.random.default_rng(0).normal(0, 100, (2, *shape)).astype(np.float32)
    try:
        return np.array_equal(np.asarray(layer(values, training=False)), values)
    except Exception:  # noqa: BLE001  a layer may raise anything; then it stays in the network
        return False


def _pass_on(*args: Any, **kwargs: Any) -> Any:
    import keras

    return keras.tree.flatten((args, kwargs))[0]


def _rebuild(model: Any, replaced: dict[Any, Any]) -> Any:
    """The same network on a new float input, with some of its layers replaced."""
    import keras

    image = _new_input(model)
    outputs = _replay(model, image, lambda layer, *args, **kwargs: replaced.get(layer, layer)(*args, **kwargs))
    return keras.Model(image, outputs, name=model.name)


def _new_input(model: Any) -> Any:
    import keras

    return keras.Input(tuple(model.inputs[0].shape[1:]), dtype="float32", name="image")


def _replay(model: Any, tensor: Any, call: Callable[..., Any]) -> Any:
    """Apply a network to a symbolic tensor, with each layer called through `call(layer, ...)`."""
    import keras

    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            tensor = call(layer, tensor)
        return tensor
    inputs = keras.tree.map_structure(lambda _: tensor, model.input)
    copy = keras.models.clone_model(model, input_tensors=inputs, clone_function=lambda layer: layer, call_function=call)
    return copy.outputs[0]
