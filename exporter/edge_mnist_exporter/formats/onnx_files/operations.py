"""Convert TensorFlow operations that tf2onnx does not support."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np


def _convert_erfc(graph: Any, node: Any, name: str, _arguments: Any) -> None:
    """Convert erfc(x), which GELU uses, to 1 - erf(x)."""
    outputs, shape, dtype = node.output, graph.get_shape(node.output[0]), graph.get_dtype(node.output[0])
    graph.remove_node(name)
    one = graph.make_const(f"{name}_one", np.array(1, np.float32))
    erf = graph.make_node("Erf", [node.input[0]], name=f"{name}_erf", shapes=[shape], dtypes=[dtype])
    graph.make_node("Sub", [one.output[0], erf.output[0]], name=name, outputs=outputs, shapes=[shape], dtypes=[dtype])


CUSTOM_OPERATIONS: Final[dict[str, tuple[Callable[..., None], list[Any]]]] = {"Erfc": (_convert_erfc, [])}
"""In the form of tf2onnx's `custom_op_handlers`: TensorFlow name -> (function that rewrites a node, its arguments)."""
