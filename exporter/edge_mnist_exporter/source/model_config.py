"""Repair the configuration in a Keras file of an older version, so that the installed Keras can read it.

All repairs change the JSON alone; weights are not changed.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

Config = dict[str, Any]

HALF_POLICIES: Final = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16")
"""Dtype policies that compute in half precision, which converters do not support."""

TRAINING_ONLY: Final = re.compile(r".*_(initializer|regularizer|constraint)")
"""Arguments that have no effect once weights are loaded."""

ACTIVATIONS: Final = ("activation", "recurrent_activation")

VERSION: Final = re.compile(r"_?[vV]\d+$")
"""Version suffix of TensorFlow names: softmax_v2, BatchNormalizationV1."""

CODE_CLASSES: Final = ("Lambda", "__lambda__")
"""Class names under which Keras stores Python code: a Lambda layer, or a function argument of a layer."""


def compute_in_float32(config: Config) -> list[str]:
    """Replace half-precision dtype policies by float32, in place. Weights are always stored as float32.

    Returns:
        A note for the report; empty if there was no such policy.
    """
    found: dict[str, None] = {}
    for holder in _walk(config):
        policy = holder.get("dtype")
        name = policy.get("config", {}).get("name") if isinstance(policy, dict) else policy
        if name in HALF_POLICIES:
            found[name] = None
            holder["dtype"] = "float32"
    return [f"computes in float32 instead of {' and '.join(found)}"] if found else []


def repair_config(config: Config) -> list[str]:
    """Repair what older versions of Keras wrote differently, in place.

    Returns:
        A note for the report for each kind of repair.
    """
    notes: dict[str, None] = {}
    for holder in list(_walk(config)):
        if "class_name" in holder and "config" in holder:
            for repair in REPAIRS:
                notes.update(dict.fromkeys(repair(holder)))
    return list(notes)


def list_layers_with_code(config: Config) -> list[str]:
    """Names of the layers whose configuration contains Python code."""
    return list(dict.fromkeys(_find_code(config, "model")))


def _find_code(config: Any, layer: str) -> Iterator[str]:
    if isinstance(config, dict):
        if config.get("class_name") in CODE_CLASSES:
            yield layer if config["class_name"] == "__lambda__" else config.get("config", {}).get("name", layer)
            return
        inner = config.get("config")
        named = inner.get("name") if isinstance(inner, dict) else None
        for value in config.values():
            yield from _find_code(value, named or layer)
    elif isinstance(config, list):
        for value in config:
            yield from _find_code(value, layer)


def _walk(value: Any) -> Iterator[Config]:
    """Every dictionary in a configuration, outer ones first."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _walk(item)


def _name_layers_of_list(layer: Config) -> Iterator[str]:
    """Name the layers of a Sequential, which Keras 2.0 wrote as a plain list."""
    if layer["class_name"] == "Sequential" and isinstance(layer["config"], list):
        layer["config"] = {"name": "sequential", "layers": layer["config"]}
        yield "read a Sequential that is a list of layers"


def _make_input_layer(layer: Config) -> Iterator[str]:
    """Add an input layer to a Sequential; up to TensorFlow 2.2 its first layer held the input shape."""
    if layer["class_name"] != "Sequential":
        return
    layers = layer["config"]["layers"]
    configs = [inner["config"] for inner in layers if isinstance(inner["config"], dict)]
    shapes = [config.pop("batch_input_shape", None) for config in configs if "batch_shape" not in config]
    if layers and shapes and shapes[0]:
        is_input = layers[0]["class_name"] == "InputLayer"
        if is_input:
            layers[0]["config"]["batch_shape"] = shapes[0]
            return
        first = {"batch_shape": shapes[0], "dtype": "float32", "name": f"{configs[0].get('name', 'first')}_input"}
        layers.insert(0, {"class_name": "InputLayer", "config": first})
        yield "made an input layer of batch_input_shape"


def _drop_training_arguments(layer: Config) -> Iterator[str]:
    """Remove initializers, regularizers and constraints, whose arguments differ between versions."""
    if isinstance(layer["config"], dict):
        for name in [name for name in layer["config"] if TRAINING_ONLY.fullmatch(name)]:
            if layer["config"].pop(name) is not None:
                yield "left out initializers, regularizers and constraints, which only training needs"


def _rename_class(layer: Config) -> Iterator[str]:
    """Remove the version suffix of a class name: BatchNormalizationV1."""
    name = layer["class_name"]
    plain = VERSION.sub("", name) if isinstance(name, str) else name
    if name != plain and not _find_class(name) and _find_class(plain):
        layer["class_name"] = plain
        yield f"read the layer {name} as {plain}"


def _rename_activation(layer: Config) -> Iterator[str]:
    """Rename activations that are TensorFlow functions: tf.nn.softmax is stored as softmax_v2."""
    from keras import activations

    config = layer["config"]
    for argument in ACTIVATIONS if isinstance(config, dict) else ():
        given = config.get(argument)
        name = given.get("config") if isinstance(given, dict) and given.get("class_name") == "function" else given
        plain = VERSION.sub("", name) if isinstance(name, str) else name
        if isinstance(plain, str) and (name, plain) != (given, given) and hasattr(activations, plain):
            config[argument] = plain
            if name != plain:
                yield f"read the activation {name} as {plain}"


def _drop_unknown_arguments(layer: Config) -> Iterator[str]:
    """Remove unknown arguments whose value has no effect (None, False or 1), such as groups of DepthwiseConv2D."""
    kind = _find_class(layer["class_name"])
    config = layer["config"]
    if kind is None or not isinstance(config, dict):
        return
    for name in [name for name in config if name not in _list_arguments(kind)]:
        if config[name] in (None, False, 1) and config[name] is not True:
            del config[name]
            yield f"left out {name} of {layer['class_name']}, which this Keras does not know"


def _name_inner_module(layer: Config) -> Iterator[str]:
    """Add the module of a wrapped layer, such as that in Bidirectional; up to Keras 2.12 only its class was stored."""
    config = layer["config"]
    for value in config.values() if isinstance(config, dict) and "layers" not in config else ():
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict) and {"class_name", "config"} <= inner.keys() and "module" not in inner:
                module = find_module(inner["class_name"])
                if module is not None:
                    yield f"read {inner['class_name']} inside {layer['class_name']} as Keras's own"
                    # Keras has no public class Functional; Model reads the same configuration.
                    name = "Model" if inner["class_name"] == "Functional" else inner["class_name"]
                    inner.update(module=module, class_name=name, registered_name=None)


def _unwrap_numbers(layer: Config) -> Iterator[str]:
    """Replace NumPy values by plain numbers: `{"type": "ndarray", "value": 0.3}`."""
    config = layer["config"]
    for name, given in config.items() if isinstance(config, dict) else ():
        if isinstance(given, dict) and (given.get("class_name") == "__numpy__" or given.get("type") == "ndarray"):
            inner = given.get("config")
            value = (inner if isinstance(inner, dict) else given).get("value")
            if isinstance(value, (int, float, list)):
                config[name] = value
                yield f"read {name} of {layer['class_name']} as plain numbers"


def _name_dtype_policy(layer: Config) -> Iterator[str]:
    """Replace a dtype Policy, which TensorFlow 2.1 to 2.3 wrote, by its name."""
    dtype = layer["config"].get("dtype") if isinstance(layer["config"], dict) else None
    if isinstance(dtype, dict) and dtype.get("class_name") in ("Policy", "PolicyV1"):
        layer["config"]["dtype"] = dtype["config"]["name"]
        yield "read the Policy of a dtype as its name"


REPAIRS: Final[tuple[Callable[[Config], Iterator[str]], ...]] = (
    _name_layers_of_list,
    _make_input_layer,
    _rename_class,
    _name_inner_module,
    _drop_training_arguments,
    _rename_activation,
    _unwrap_numbers,
    _name_dtype_policy,
    _drop_unknown_arguments,
)
"""Each function repairs a layer or model in place and yields notes on the repairs."""


def find_module(name: Any) -> str | None:
    """The module of a Keras class, as a configuration states it; None for a class that is not Keras's own."""
    return "keras" if name in ("Sequential", "Functional", "Model") else "keras.layers" if _find_class(name) else None


def _find_class(name: Any) -> type | None:
    """The Keras layer class of this name, or None."""
    import keras

    found = getattr(keras.layers, name, None) if isinstance(name, str) else None
    return found if inspect.isclass(found) else None


@cache
def _list_arguments(kind: type) -> frozenset[str]:
    """Names of the arguments of a layer's constructor, including those of its base classes."""
    constructors = (vars(base)["__init__"] for base in kind.__mro__ if "__init__" in vars(base))
    return frozenset(name for constructor in constructors for name in inspect.signature(constructor).parameters)
