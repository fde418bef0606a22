"""Keras models read from disk: a .keras file, a legacy .h5 file, or a SavedModel folder.

No code inside a model is run unless that was asked for: a Lambda layer is Python in disguise, and operations of a
SavedModel may read and write files.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

from edge_mnist_runtime.errors import (
    CorruptModelError,
    EdgeMnistError,
    UnsupportedModelError,
    UsageError,
    first_line,
)

SAVED_MODEL_FILE: Final = "saved_model.pb"
"""What makes a folder a SavedModel."""

MODEL_SUFFIXES: Final = (".keras", ".h5", ".hdf5")

HDF5_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"

CODE_CLASSES: Final = ("Lambda", "__lambda__")
"""Class names under which Keras stores Python code: a layer, or a function that a layer is given."""

UNKNOWN_CLASS: Final = re.compile(r"(?:Could not locate class|Unknown layer:) '(?:.*>)?(?P<name>[^']+)'")
"""What Keras says of a layer that is not its own, in a .keras file and in an .h5 file."""

FILE_OPERATIONS: Final = ("ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "PyFuncStateless", "EagerPyFunc")
"""TensorFlow operations that reach beyond the network; a SavedModel may hold any."""

SERVING: Final = "serving_default"
"""The signature of a SavedModel that others are meant to call."""


def read_model(path: Path, *, unsafe: bool = False) -> tuple[Any, str]:
    """Load a Keras model.

    Args:
        path: A .keras or .h5 file, or a SavedModel folder.
        unsafe: Run code that the model brings with it.

    Returns:
        The `keras.Model`, and the SHA-256 of the bytes that it was loaded from; of a SavedModel, over the names and
        contents of its files.

    Raises:
        UsageError: It cannot be opened.
        CorruptModelError: It is no Keras model, or a damaged one.
        UnsupportedModelError: It needs code that may not run, or is a SavedModel without one input and one output.
    """
    return _read_saved_model(path, unsafe=unsafe) if path.is_dir() else _read_file(path, unsafe=unsafe)


def read_model_file(path: Path) -> bytes:
    """The bytes of a .keras or .h5 file that is one by the look of it: found out without Keras, which takes long.

    Raises:
        UsageError: It cannot be opened.
        CorruptModelError: It is something else.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be opened ({error.strerror or error})") from error
    if path.suffix == ".keras" and not zipfile.is_zipfile(io.BytesIO(data)):
        raise CorruptModelError(f"{path}: not a .keras file, or a damaged one (no zip archive); save the model again")
    if path.suffix != ".keras" and not data.startswith(HDF5_SIGNATURE):
        raise CorruptModelError(f"{path}: not an HDF5 file, or a damaged one; save the model again")
    return data


def _read_file(path: Path, *, unsafe: bool) -> tuple[Any, str]:
    import keras

    data = read_model_file(path)
    with tempfile.TemporaryDirectory() as folder:
        # These bytes and no others: a training run may replace the file between hashing and loading.
        copy = Path(folder) / f"model{path.suffix}"
        copy.write_bytes(data)
        try:
            model = keras.models.load_model(copy, compile=False, safe_mode=not unsafe)
        except Exception as error:  # keras raises ValueError, KeyError, OSError, TypeError, ...
            raise _explain(path, copy, error, unsafe=unsafe) from error
    return model, hashlib.sha256(data).hexdigest()


def _explain(path: Path, copy: Path, error: Exception, *, unsafe: bool) -> EdgeMnistError:
    """Why Keras did not load a file; `copy` is where it lies now."""
    with_code = [] if unsafe else _list_layers_with_code(copy)
    if with_code:
        return UnsupportedModelError(
            f"{path}: the layer {', '.join(with_code)} holds Python code (a Lambda), which would run here; replace it "
            "by layers, or add --unsafe if you trust whoever made the file"
        )
    if unknown := UNKNOWN_CLASS.search(str(error)):
        return UnsupportedModelError(
            f"{path}: holds a layer of the class {unknown['name']}, which is not one of Keras's; save the model as a "
            "SavedModel (model.export(FOLDER)), which needs no classes"
        )
    return CorruptModelError(f"{path}: Keras cannot load this model ({first_line(error)})")


def _list_layers_with_code(copy: Path) -> list[str]:
    """Names of the layers whose configuration holds Python code, as far as the file can be read."""
    import h5py

    try:
        if copy.suffix == ".keras":
            config = json.loads(zipfile.ZipFile(copy).read("config.json"))
        else:
            with h5py.File(copy) as file:
                config = json.loads(file.attrs["model_config"])
    except Exception:  # noqa: BLE001  whatever is wrong with it, Keras has said so already
        return []
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


def _read_saved_model(folder: Path, *, unsafe: bool) -> tuple[Any, str]:
    import keras
    import tensorflow as tf

    if not unsafe:
        _refuse_file_operations(folder)
    try:
        signatures = tf.saved_model.load(str(folder)).signatures
        digest = hashlib.sha256()
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes())
    except Exception as error:  # TensorFlow raises OSError, ValueError, its own classes, ...
        raise CorruptModelError(f"{folder}: TensorFlow cannot load this SavedModel ({first_line(error)})") from error
    if SERVING not in signatures:
        raise UnsupportedModelError(f"{folder}: has no signature {SERVING}; save it with keras's model.export()")
    inputs = signatures[SERVING].structured_input_signature[1]
    outputs = signatures[SERVING].structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise UnsupportedModelError(
            f"{folder}: {SERVING} has {len(inputs)} inputs and {len(outputs)} outputs; expected one of each"
        )
    (spec,), (output,) = inputs.values(), outputs
    if spec.shape.rank is None or not spec.dtype.is_floating:
        raise UnsupportedModelError(
            f"{folder}: takes {spec.dtype.name} of shape {spec.shape}; expected float images of a fixed shape"
        )
    if spec.shape[0] is not None:
        raise UnsupportedModelError(
            f"{folder}: takes exactly {spec.shape[0]} images at once, {spec.shape}; save it for any number"
        )
    image = keras.Input(tuple(spec.shape[1:]), name="image")
    layer = keras.layers.TFSMLayer(str(folder), call_endpoint=SERVING, name="saved_model")
    return keras.Model(image, layer(image)[output]), digest.hexdigest()


def _refuse_file_operations(folder: Path) -> None:
    """Raise `UnsupportedModelError` if a SavedModel holds operations that reach beyond the network.

    Looked for before it is loaded: TensorFlow runs a model's initializers while it loads it.
    """
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    content = SavedModel()
    try:
        content.ParseFromString((folder / SAVED_MODEL_FILE).read_bytes())
    except Exception as error:  # OSError, and protobuf's own classes
        raise CorruptModelError(f"{folder}: {SAVED_MODEL_FILE} cannot be read ({first_line(error)})") from error
    for graph in (meta.graph_def for meta in content.meta_graphs):
        functions = (function.node_def for function in graph.library.function)
        for node in chain(graph.node, *functions):
            if node.op in FILE_OPERATIONS:
                raise UnsupportedModelError(
                    f"{folder}: its operation {node.name} ({node.op}) reaches beyond the network; remove it, or add "
                    "--unsafe if you trust whoever made the model"
                )
