"""TFLite models in LiteRT, an optional back end: `pip install "edge-mnist[litert]"`."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.contract import METADATA_KEY, ModelContract
from edge_mnist_runtime.engines import check_ends, to_input
from edge_mnist_runtime.errors import CorruptModelError, MissingExtraError, first_line
from edge_mnist_runtime.manifest import TensorSpec
from edge_mnist_runtime.preprocess import Pixels


class TFLiteInterpreter:
    """An `Engine` over one LiteRT interpreter. Calls from several threads wait for each other."""

    format = "tflite"
    backend = "litert"

    def __init__(self, model: bytes, *, origin: str, threads: int = 1) -> None:
        self._interpreter = _load(model, origin, threads)
        self.size_bytes, self.sha256 = len(model), hashlib.sha256(model).hexdigest()
        self.contract = ModelContract.from_json(_metadata(model, origin), origin=origin)
        (image,), (probabilities,) = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        self.inputs, self.outputs = (_spec(image),), (_spec(probabilities),)
        check_ends(self.contract, self.inputs, self.outputs, origin)
        self._input_index, self._output_index = image["index"], probabilities["index"]
        scale, self._zero_point = self.outputs[0].scale, self.outputs[0].zero_point or 0
        self._scale = None if scale is None else np.float32(scale)
        self._lock = threading.Lock()  # an interpreter holds the tensors of one call at a time

    def run(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Probabilities, float32, shape (N, K), of images, uint8, shape (N, H, W, C), one call an image."""
        stored = self.run_stored(images)
        if self._scale is None:
            return stored
        real: npt.NDArray[np.float32] = (stored.astype(np.float32) - np.float32(self._zero_point)) * self._scale
        return real

    def run_stored(self, images: Pixels) -> npt.NDArray[Any]:
        """The output as the file stores it, shape (N, K): 8-bit steps of its scale, or float32."""
        stored = np.empty((len(images), len(self.contract.labels)), self.outputs[0].dtype)
        images = to_input(images, self.inputs[0].dtype, self.contract)
        interpreter = self._interpreter
        with self._lock:
            for row in range(len(images)):
                interpreter.set_tensor(self._input_index, images[row : row + 1])
                interpreter.invoke()
                stored[row] = interpreter.get_tensor(self._output_index)[0]
        return stored


def _litert(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(f"ai_edge_litert.{module}")
    except ImportError as error:
        raise MissingExtraError("litert", "Running .tflite models") from error


def _load(model: bytes, origin: str, threads: int) -> Any:
    litert = _litert("interpreter")
    # LiteRT trusts the flatbuffer's offsets: bytes that are none may crash it, so the identifier is looked at first.
    if model[4:8] != b"TFL3":
        raise CorruptModelError(f"{origin}: not a TFLite model (no TFL3 identifier)")
    try:
        interpreter = litert.Interpreter(model_content=model, num_threads=threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise CorruptModelError(f"{origin}: LiteRT cannot read this model ({first_line(error)})") from error
    return interpreter


def _metadata(model: bytes, origin: str) -> str | None:
    schema = _litert("schema_py_generated")
    try:
        content = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
        for entry in content.metadata or []:
            if entry.name == METADATA_KEY.encode():
                return bytes(content.buffers[entry.buffer].data).decode()
    except Exception as error:  # a broken flatbuffer fails with struct.error, IndexError, TypeError, ...
        raise CorruptModelError(f"{origin}: its metadata cannot be read ({first_line(error)})") from error
    return None


def _spec(detail: dict[str, Any]) -> TensorSpec:
    scale, zero_point = detail["quantization"]
    quantized = scale != 0.0
    return TensorSpec(
        str(detail["name"]),
        np.dtype(detail["dtype"]).name,
        tuple(int(size) for size in detail["shape"]),
        float(scale) if quantized else None,
        int(zero_point) if quantized else None,
    )
