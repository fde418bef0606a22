"""Shorten tensor names, fix tensor shapes and add the signature in the files of TensorFlow's converter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tensorflow.lite.python import schema_py_generated as schema

from edge_mnist_exporter.formats.layer_names import find_layer

SIGNATURE: Final = ("image", "probabilities")
"""Names of the input and of the output in every file."""


def fix_sizes(content: Any) -> None:
    """Fix the shape of every tensor to a batch of one image.

    The converter stores a second shape with a free batch size, which takes 20 bytes a tensor. LiteRT.js refuses files
    with a free size. Programs can still resize the input without it.

    Args:
        content: The file as `schema.ModelT`; its tensors are changed in place.
    """
    for tensor in content.subgraphs[0].tensors:
        tensor.shapeSignature = None


def add_signature(content: Any) -> None:
    """Name input and output for programs that call a signature, as is usual on Android.

    Args:
        content: The file as `schema.ModelT`; its signatures are replaced.
    """
    graph = content.subgraphs[0]
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = b"serving_default", 0
    signature.inputs = [_name_in_signature("image", graph.inputs[0])]
    signature.outputs = [_name_in_signature("output_0", graph.outputs[0])]
    content.signatureDefs = [signature]


def _name_in_signature(name: str, tensor_index: int) -> Any:
    named = schema.TensorMapT()
    named.name, named.tensorIndex = name.encode(), tensor_index
    return named


def name_tensors(content: Any, keras_layers: Iterable[tuple[str, bool]]) -> None:
    """Name every tensor by its layer and its role: `conv1/weights`, `conv1/bias`, `conv1`; and name input and output.

    The converter joins the names of all fused operations, about 100 characters a tensor: 2 kB of a 30 kB file.

    Args:
        content: The file as `schema.ModelT`; its tensors' names are changed in place.
        keras_layers: The result of `list_layers`.
    """
    known = tuple(keras_layers)
    weighted = {name for name, has_weights in known if has_weights}
    graph = content.subgraphs[0]
    signature = dict(zip((graph.inputs[0], graph.outputs[0]), SIGNATURE, strict=True))
    taken = set(SIGNATURE)
    for index, tensor in enumerate(graph.tensors):
        if index in signature:
            tensor.name = signature[index].encode()
            continue
        name = tensor.name.decode()
        layer = find_layer([name], known)
        stem = layer or name.split(";")[0]
        is_constant = content.buffers[tensor.buffer].data is not None
        role = _find_role(tensor, layer in weighted) if is_constant and layer else ""
        short, number = stem + role, 1
        while short in taken:
            number += 1
            short = f"{stem}{role}_{number}"
        taken.add(short)
        tensor.name = short.encode()


def _find_role(tensor: Any, has_weights: bool) -> str:
    if not has_weights or tensor.shape is None:  # a scalar has no shape
        return "/constant"
    return "/weights" if len(tensor.shape) > 1 else "/bias"
