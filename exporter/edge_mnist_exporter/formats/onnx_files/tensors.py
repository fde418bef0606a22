"""Read the values of inner tensors of a graph."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime


class TensorReader:
    """Runs a graph and returns some of its inner tensors.

    Args:
        model: A graph with one input.
        names: The tensors to return, all float32.
    """

    def __init__(self, model: onnx.ModelProto, names: Iterable[str]) -> None:
        opened = onnx.ModelProto()
        opened.CopyFrom(model)
        self._names = list(names)
        self._input = opened.graph.input[0].name
        known = {self._input, *(value.name for value in opened.graph.output)}
        for name in dict.fromkeys(self._names):
            if name not in known:
                opened.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # errors arrive as exceptions
        providers = ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(opened.SerializeToString(), options, providers=providers)

    def read(self, values: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        """Return the tensors, in the order of `names`, for a batch of inputs, float32, shape (N, H, W, C)."""
        wanted = [name for name in dict.fromkeys(self._names) if name != self._input]
        found = {self._input: values}
        found |= zip(wanted, self._session.run(wanted, {self._input: values}) if wanted else [], strict=True)
        return [found[name] for name in self._names]
