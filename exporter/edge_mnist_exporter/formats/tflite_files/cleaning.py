"""What TensorFlow's converter leaves in a file that need not be there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from edge_mnist_exporter.formats.layer_names import find_layer

ENDS: Final = ("image", "probabilities")
"""Names of the input and of the output, in every file."""


def fix_sizes(content: Any) -> None:
    """Fix every tensor's shape to that for one image.

    The converter marks the number of images as open, in a second shape beside the first. LiteRT.js runs no file with
    an open size. Programs that resize the input can do so without the mark. It takes 20 bytes a tensor.

    Args:
        content: The file as `schema.ModelT`; its tensors are changed in place.
    """
    for tensor in content.subgraphs[0].tensors:
        tensor.shapeSignature = None


def name_tensors(content: Any, keras_layers: Iterable[tuple[str, bool]]) -> None:
    """Name every tensor by its layer and its part in it: `conv1/weights`, `conv1/bias`, `conv1`; and both ends.

    The converter joins the names of everything that was fused, a hundred characters a tensor: 2 kB of a file of 30.

    Args:
        content: The file as `schema.ModelT`; its tensors' names are changed in place.
        keras_layers: As `list_layers` gives them.
    """
    known = tuple(keras_layers)
    weighted = {name for name, has_weights in known if has_weights}
    graph = content.subgraphs[0]
    ends = dict(zip((graph.inputs[0], graph.outputs[0]), ENDS, strict=True))
    taken = set(ENDS)
    for index, tensor in enumerate(graph.tensors):
        if index in ends:
            tensor.name = ends[index].encode()
            continue
        name = tensor.name.decode()
        layer = find_layer([name], known)
        stem = layer or name.split(";")[0]
        is_constant = content.buffers[tensor.buffer].data is not None
        part = _part_of(tensor, layer in weighted) if is_constant and layer else ""
        short, number = stem + part, 1
        while short in taken:
            number += 1
            short = f"{stem}{part}_{number}"
        taken.add(short)
        tensor.name = short.encode()


def _part_of(tensor: Any, has_weights: bool) -> str:
    if not has_weights:
        return "/constant"
    return "/weights" if len(tensor.shape) > 1 else "/bias"
