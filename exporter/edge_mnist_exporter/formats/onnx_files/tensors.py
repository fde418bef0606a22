"""Read the values of inner tensors of a graph."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy.typing as npt
import onnx

from edge_mnist_runtime.engines.onnx_settings import open_session


class TensorReader:
    """Runs a graph and returns some of its inner tensors.

    Args:
        model: A graph with one input.
        names: The tensors to return.
    """

    def __init__(self, model: onnx.ModelProto, names: Iterable[str]) -> None:
        opened = onnx.ModelProto()
        opened.CopyFrom(model)
        self._names = list(names)
        self._input = opened.graph.input[0].name
        known = {self._input, *(value.name for value in opened.graph.output)}
        for name in dict.fromkeys(self._names):
            if name not in known:
                opened.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
        self._session = open_session(opened.SerializeToString(), "graph of inner tensors")

    def read(self, values: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Return the tensors, in the order of `names`, for a batch of inputs, shape (N, H, W, C)."""
        wanted = [name for name in dict.fromkeys(self._names) if name != self._input]
        found = {self._input: values}
        found |= zip(wanted, self._session.run(wanted, {self._input: values}) if wanted else [], strict=True)
        return [found[name] for name in self._names]
