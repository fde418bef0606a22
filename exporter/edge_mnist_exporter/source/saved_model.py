"""Read a SavedModel folder as a Keras model with one layer that calls its serving signature."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Final

from edge_mnist_runtime.errors import CorruptModelError, UnsupportedModelError, first_line

SAVED_MODEL_FILE: Final = "saved_model.pb"
"""The file that marks a folder as a SavedModel."""

FILE_OPERATIONS: Final = ("ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "PyFuncStateless", "EagerPyFunc")
"""TensorFlow operations that read or write files or run Python code; a SavedModel may contain them."""

SERVING: Final = "serving_default"
"""The signature of a SavedModel that is meant for callers."""

SOFTMAX_NOTE: Final = "replaced its sigmoids by a softmax of the same logits: the order stays, the sum becomes 1"
"""Note for the report on a network that ends in sigmoids."""


def read_saved_model(folder: Path, *, unsafe: bool) -> tuple[Any, str, list[str]]:
    """Load a SavedModel.

    Args:
        folder: The SavedModel folder.
        unsafe: Allow operations that read or write files or run Python code.

    Returns:
        The `keras.Model`, the SHA-256 over the names and contents of its files, and notes on repairs.

    Raises:
        CorruptModelError: It is not a SavedModel, or is damaged.
        UnsupportedModelError: It has operations that may not run, or not exactly one input and one output.
    """
    content = _read_content(folder)
    if not unsafe:
        _refuse_file_operations(content, folder)
    try:
        digest = hashlib.sha256()
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(file.relative_to(folder).as_posix().encode() + b"\0" + file.read_bytes())
    except OSError as error:
        raise CorruptModelError(f"{folder}: cannot be read ({first_line(error)})") from error
    with _repaired(folder, content) as (loadable, notes):
        return _load(folder, loadable), digest.hexdigest(), notes


def _read_content(folder: Path) -> Any:
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    content = SavedModel()
    try:
        content.ParseFromString((folder / SAVED_MODEL_FILE).read_bytes())
    except Exception as error:  # OSError, and protobuf's own classes
        raise CorruptModelError(f"{folder}: {SAVED_MODEL_FILE} cannot be read ({first_line(error)})") from error
    return content


def _refuse_file_operations(content: Any, folder: Path) -> None:
    """Raise `UnsupportedModelError` if a SavedModel contains `FILE_OPERATIONS`.

    This must run before loading, because TensorFlow runs a model's initializers while it loads it.
    """
    for graph in (meta.graph_def for meta in content.meta_graphs):
        functions = (function.node_def for function in graph.library.function)
        for node in chain(graph.node, *functions):
            if node.op in FILE_OPERATIONS:
                raise UnsupportedModelError(
                    f"{folder}: its operation {node.name} ({node.op}) reaches beyond the network; remove it, or add "
                    "`unsafe=True` if you trust whoever made the model"
                )


@contextmanager
def _repaired(folder: Path, content: Any) -> Iterator[tuple[Path, list[str]]]:
    """A temporary copy of `folder` with repairs, and notes on them; `folder` itself if it needs none."""
    notes = [*_drop_slots(content), *_end_in_softmax(content)]
    if not notes:
        yield folder, []
        return
    with tempfile.TemporaryDirectory() as name:
        for entry in folder.iterdir():
            if entry.name != SAVED_MODEL_FILE:
                (Path(name) / entry.name).symlink_to(entry.resolve())
        (Path(name) / SAVED_MODEL_FILE).write_bytes(content.SerializeToString())
        yield Path(name), notes


def _drop_slots(content: Any) -> Iterator[str]:
    """Remove the optimizer's slot variables, which Keras 2 saved; loading them fails without its optimizers."""
    nodes = [node for meta in content.meta_graphs for node in meta.object_graph_def.nodes if node.slot_variables]
    for node in nodes:
        del node.slot_variables[:]
    if nodes:
        yield "left out the optimizer's slot variables"


def _end_in_softmax(content: Any) -> Iterator[str]:
    """Replace sigmoids at the output of the serving signature by a softmax of the same logits."""
    for meta in content.meta_graphs:
        functions = {function.signature.name: function for function in meta.graph_def.library.function}
        for output in meta.signature_def[SERVING].outputs.values() if SERVING in meta.signature_def else ():
            name, _, index = output.name.partition(":")
            called = [node for node in meta.graph_def.node if node.name == name]
            found = _find_last(functions, called[0], int(index or 0)) if called else None
            if found and found[1].op == "Sigmoid":
                _make_softmax(*found)
                yield SOFTMAX_NOTE


def _find_last(functions: dict[str, Any], node: Any, index: int) -> tuple[Any, Any] | None:
    """Find the operation that computes an output of a function call; return its function and itself."""
    function = functions.get(node.attr["f"].func.name)
    while function is not None:
        nodes = {inner.name: inner for inner in function.node_def}
        reference = function.ret[function.signature.output_arg[index].name]
        node = nodes.get(reference.split(":")[0])
        while node is not None and node.op == "Identity":
            reference = node.input[0]
            node = nodes.get(reference.split(":")[0])
        if node is None or not node.op.endswith("PartitionedCall"):
            return None if node is None else (function, node)
        function, index = functions.get(node.attr["f"].func.name), int(reference.split(":")[2])
    return None


def _make_softmax(function: Any, node: Any) -> None:
    """Change a Sigmoid node to a Softmax, and rename its output for its readers (`y` to `softmax`)."""
    node.op = "Softmax"
    old, new = f"{node.name}:y:", f"{node.name}:softmax:"
    for reader in function.node_def:
        for index, name in enumerate(reader.input):
            reader.input[index] = name.replace(old, new) if name.startswith(old) else name
    for result, name in function.ret.items():
        function.ret[result] = name.replace(old, new) if name.startswith(old) else name


def _load(folder: Path, loadable: Path) -> Any:
    import keras
    import tensorflow as tf

    try:
        signatures = tf.saved_model.load(str(loadable)).signatures
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
    layer = keras.layers.TFSMLayer(str(loadable), call_endpoint=SERVING, name="saved_model")
    return keras.Model(image, layer(image)[output])
