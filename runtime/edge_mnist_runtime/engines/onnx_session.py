"""ONNX models in onnxruntime."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt
import onnxruntime

from edge_mnist_runtime.contract import METADATA_KEY, ModelContract
from edge_mnist_runtime.engines import check_ends, to_input
from edge_mnist_runtime.environment import may_saturate
from edge_mnist_runtime.errors import CorruptModelError, first_line
from edge_mnist_runtime.manifest import TensorSpec
from edge_mnist_runtime.preprocess import Pixels

DTYPES: Final = {"tensor(uint8)": "uint8", "tensor(int8)": "int8", "tensor(float)": "float32"}
"""onnxruntime's names of the dtypes that exported models use."""


class OnnxSession:
    """An `Engine` over one onnxruntime session on the CPU. Safe to call from many threads at once.

    Args:
        model: The whole file.
        origin: Its name or path, for error messages.
        threads: Threads that one call may use.
        profile_prefix: Where onnxruntime writes how long every operator takes, as the beginning of a path; None: no
            profiling, which slows every call down.
        exact: Whether onnxruntime is told to keep int8 sums exact; None: where this processor needs it. On x86
            without VNNI it would add two products into 16 bits, which saturate; with VNNI sums are exact anyhow, and
            telling it so makes it slower.

    Raises:
        As `open_engine` does.
    """

    format = "onnx"
    backend = "onnxruntime"

    def __init__(
        self,
        model: bytes,
        *,
        origin: str,
        threads: int = 1,
        profile_prefix: str | None = None,
        exact: bool | None = None,
    ) -> None:
        options = onnxruntime.SessionOptions()
        # A net of this size is done before a second thread has woken up, and a spinning pool burns a core for nothing.
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        exact = may_saturate() if exact is None else exact
        options.add_session_config_entry("session.x64quantprecision", "1" if exact else "0")
        if profile_prefix is not None:
            options.enable_profiling, options.profile_file_prefix = True, profile_prefix
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
        check_ends(contract, self.inputs, self.outputs, origin)
        self._input_dtype = self.inputs[0].dtype
        self._input_name = self.inputs[0].name
        self._output_names = [self.outputs[0].name]  # run(None, ...) would build this list at every call

    def run(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Probabilities, float32, shape (N, K), of images, uint8, shape (N, H, W, C)."""
        values = images if self._input_dtype == "uint8" else to_input(images, self._input_dtype, self.contract)
        result: list[npt.NDArray[np.float32]] = self._session.run(self._output_names, {self._input_name: values})
        return result[0]

    def end_profiling(self) -> str:
        """End the profiling that `profile_prefix` began, and give the path of what it wrote."""
        return str(self._session.end_profiling())


def _specs(arguments: list[onnxruntime.NodeArg]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(argument.name, DTYPES.get(argument.type, argument.type), tuple(argument.shape))
        for argument in arguments
    )
