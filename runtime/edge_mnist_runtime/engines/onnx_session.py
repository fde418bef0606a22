"""ONNX models in onnxruntime."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import onnxruntime

from edge_mnist_runtime.contract import IMAGE_SHAPE, METADATA_KEY, ModelContract
from edge_mnist_runtime.errors import ContractError, CorruptModelError, first_line
from edge_mnist_runtime.manifest import TensorSpec
from edge_mnist_runtime.preprocess import Pixels

DTYPES: Final = {"tensor(uint8)": "uint8", "tensor(int8)": "int8", "tensor(float)": "float32"}
"""onnxruntime's names of the dtypes that exported models use."""


class OnnxSession:
    """An `Engine` over one onnxruntime session on the CPU. Safe to call from many threads at once."""

    format = "onnx"
    backend = "onnxruntime"

    def __init__(self, model: bytes, *, origin: str, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        # A net of this size is done before a second thread has woken up, and a spinning pool burns a core for nothing.
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4  # errors arrive as exceptions; onnxruntime need not print them too
        try:
            # The provider is named and fallback is off: an error is raised, not printed and retried elsewhere.
            self._session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
        except Exception as error:  # onnxruntime's own classes derive from Exception directly
            raise CorruptModelError(f"{origin}: onnxruntime cannot read this model ({first_line(error)})") from error
        self.size_bytes, self.sha256 = len(model), hashlib.sha256(model).hexdigest()
        self.contract = ModelContract.from_json(
            self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY), origin=origin
        )
        # ONNX keeps an input's scale in the nodes behind it, which onnxruntime does not show; the contract repeats it.
        contract = self.contract
        self.inputs = tuple(
            replace(spec, scale=contract.input_scale, zero_point=contract.input_zero_point)
            for spec in _specs(self._session.get_inputs())
        )
        self.outputs = _specs(self._session.get_outputs())
        _check_ends(self.inputs, self.outputs, origin)
        self._input_name = self.inputs[0].name
        self._output_names = [self.outputs[0].name]  # run(None, ...) would build this list at every call

    def run(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Probabilities, float32, shape (N, 10), of images, uint8, shape (N, 28, 28, 1)."""
        result: list[npt.NDArray[np.float32]] = self._session.run(self._output_names, {self._input_name: images})
        return result[0]


def _specs(arguments: list[onnxruntime.NodeArg]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(argument.name, DTYPES.get(argument.type, argument.type), tuple(argument.shape))
        for argument in arguments
    )


def _check_ends(inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], origin: str) -> None:
    found = [(spec.dtype, spec.shape[1:]) for spec in (*inputs, *outputs)]
    if found != [("uint8", IMAGE_SHAPE), ("float32", (10,))]:
        raise ContractError(
            f"{origin}: takes and gives {found}; expected uint8 (N, 28, 28, 1) in and float32 (N, 10) out"
        )
