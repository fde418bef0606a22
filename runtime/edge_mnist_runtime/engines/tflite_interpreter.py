"""Run TFLite models in LiteRT, an optional back end: `pip install "edge-mnist[litert]"`."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.contract import METADATA_KEY, ModelContract, TensorSpec
from edge_mnist_runtime.engines import BATCH_IMAGES, DEFAULT_OPTIONS, check_signature, to_input
from edge_mnist_runtime.engines.file_kind import describe_kind
from edge_mnist_runtime.engines.fork import leak, survive_fork
from edge_mnist_runtime.engines.info import EngineInfo
from edge_mnist_runtime.engines.options import EngineOptions
from edge_mnist_runtime.engines.tflite_structure import check_structure
from edge_mnist_runtime.errors import CorruptModelError, MissingExtraError, UsageError, first_line
from edge_mnist_runtime.machine.environment import ENGINE_PACKAGES
from edge_mnist_runtime.machine.versions import installed_versions
from edge_mnist_runtime.tensor import Pixels

BACKEND: Final = "litert"
"""The name of this back end."""

DISTRIBUTION: Final = ENGINE_PACKAGES[BACKEND]


class TFLiteInterpreter:
    """An `Engine` over one LiteRT interpreter. Calls from several threads wait for each other.

    It works across forks, and can be pickled.
    """

    format = "tflite"
    backend = BACKEND
    batch_images = BATCH_IMAGES
    kernels = "AUTO"
    """LiteRT's name of the kernels. AUTO is the fastest: XNNPACK."""

    def __init__(self, model: bytes, *, origin: str, options: EngineOptions = DEFAULT_OPTIONS) -> None:
        _require_threads_alone(options)
        self._recipe = (model, origin, options)
        contract = _read_contract(model, origin)
        interpreter = self._open()
        self.size_bytes, self.sha256 = len(model), hashlib.sha256(model).hexdigest()
        # LiteRT adds int8 products in 32 bits. Contracts of older versions do not say so.
        self.contract = replace(ModelContract.from_json(contract, origin=origin), can_saturate=False)
        takes, gives = interpreter.get_input_details(), interpreter.get_output_details()
        self.inputs, self.outputs = tuple(map(read_spec, takes)), tuple(map(read_spec, gives))
        check_signature(self.contract, self.inputs, self.outputs, origin)
        (image,), (probabilities,) = takes, gives
        self._input_index, self._output_index = image["index"], probabilities["index"]
        self._steps = _real_steps(self.outputs[0])
        # The same as bytes: joining ten of them takes half as long as a lookup in NumPy.
        self._step_bytes = None if self._steps is None else [step.tobytes() for step in self._steps]
        self._one_image = (1, *self.contract.image_shape)
        self._interpreter: Any = interpreter
        self._lock = threading.Lock()  # an interpreter holds the tensors of one call at a time
        survive_fork(self)

    def info(self) -> EngineInfo:
        """The options that the interpreter uses."""
        return describe_interpreter(self._recipe[2])

    def run(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Probabilities, float32, shape (N, K), of images, uint8, shape (N, H, W, C), one call an image."""
        stored = self.run_stored(images)
        return _to_real(stored, self.outputs[0]) if self._steps is None else self._steps[stored.view(np.uint8)]

    def run_bytes(self, image: bytes) -> bytes:
        """Run one image: H * W * C bytes of uint8 in, K values of float32 out, as bytes."""
        images = np.frombuffer(image, np.uint8).reshape(self._one_image)
        if self._step_bytes is None:
            return self.run(images).tobytes()
        return b"".join([self._step_bytes[step] for step in self.run_stored(images).tobytes()])

    def run_stored(self, images: Pixels) -> npt.NDArray[Any]:
        """Run images and return the output as stored, shape (N, K): quantized to 8 bits, or float32."""
        images = to_input(images, self.inputs[0].dtype, self.contract)
        with self._lock:
            interpreter = self._interpreter or self._reopen()
            if len(images) == 1:
                return self._invoke(interpreter, images)
            stored = np.empty((len(images), len(self.contract.labels)), self.outputs[0].dtype)
            for row in range(len(images)):
                stored[row] = self._invoke(interpreter, images[row : row + 1])[0]
        return stored

    def _invoke(self, interpreter: Any, image: npt.NDArray[Any]) -> npt.NDArray[Any]:
        interpreter.set_tensor(self._input_index, image)
        try:
            interpreter.invoke()
        except RuntimeError as error:  # kernels check some things only when they run
            raise CorruptModelError(f"LiteRT cannot run this model ({first_line(error)})") from error
        stored: npt.NDArray[Any] = interpreter.get_tensor(self._output_index)
        return stored

    def leave_to_parent(self) -> None:
        """In a child process: forget the parent's interpreter."""
        if self._interpreter is not None:
            leak(self._interpreter)
        self._interpreter, self._lock = None, threading.Lock()

    def _open(self) -> Any:
        model, origin, options = self._recipe
        return load_interpreter(model, origin, options.threads, kernels=self.kernels)

    def _reopen(self) -> Any:
        self._interpreter = self._open()
        return self._interpreter

    def __reduce__(self) -> tuple[Callable[..., TFLiteInterpreter], tuple[bytes, str, EngineOptions]]:
        return _restore, self._recipe


def _restore(model: bytes, origin: str, options: EngineOptions) -> TFLiteInterpreter:
    return TFLiteInterpreter(model, origin=origin, options=options)


def _require_threads_alone(options: EngineOptions) -> None:
    for name in options.beyond_threads():
        raise UsageError(f"{name}: LiteRT, which runs .tflite files, has no such option; omit it, or use an .onnx file")


def _real_steps(output: TensorSpec) -> npt.NDArray[np.float32] | None:
    """Dequantized value of each byte of an 8-bit output, float32, shape (256,); None for other outputs."""
    if output.scale is None or output.dtype not in ("uint8", "int8"):
        return None
    return _to_real(np.arange(256, dtype=np.uint8).view(output.dtype), output)


def _to_real(stored: npt.NDArray[Any], output: TensorSpec) -> npt.NDArray[np.float32]:
    if output.scale is None:
        return stored
    real: npt.NDArray[np.float32] = stored.astype(np.float32) - np.float32(output.zero_point or 0)
    real *= np.float32(output.scale)
    return real


def _litert(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(f"ai_edge_litert.{module}")
    except ImportError as error:
        raise MissingExtraError("litert", "Running .tflite models") from error


def load_interpreter(
    model: bytes, origin: str, threads: int = 1, *, kernels: str = "AUTO", keep_tensors: bool = False
) -> Any:
    """Open LiteRT's interpreter for the bytes of a file. Every interpreter of this project is opened here.

    Args:
        model: The whole file.
        origin: Its name or path, for error messages.
        threads: Threads for one call.
        kernels: Name of LiteRT's `OpResolverType`, such as `BUILTIN_REF` for the reference kernels.
        keep_tensors: Whether inner tensors can be read after a call.

    Raises:
        MissingExtraError: LiteRT is not installed.
        CorruptModelError: The file cannot be read.
    """
    litert = _litert("interpreter")
    try:
        interpreter = litert.Interpreter(
            model_content=model,
            num_threads=threads,
            experimental_op_resolver_type=litert.OpResolverType[kernels],
            experimental_preserve_all_tensors=keep_tensors,
        )
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise CorruptModelError(f"{origin}: LiteRT cannot read this model ({first_line(error)})") from error
    return interpreter


def describe_interpreter(options: EngineOptions) -> EngineInfo:
    """Describe an interpreter with these options; LiteRT has no others than threads."""
    version = installed_versions(DISTRIBUTION).get(DISTRIBUTION, "unknown")
    return EngineInfo(BACKEND, version, None, options.threads, spin=False, low_memory=False, exact_sums=None)


def _read_contract(model: bytes, origin: str) -> str | None:
    """Read the contract from a file's metadata, after checking what would make LiteRT crash."""
    if model[4:8] != b"TFL3":
        kind = describe_kind(model)
        raise CorruptModelError(f"{origin}: not a TFLite model{f', but {kind}' if kind else ' (no TFL3 identifier)'}")
    schema = _litert("schema_py_generated")
    try:
        content = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
        check_structure(content)
        for entry in content.metadata or []:
            if entry.name == METADATA_KEY.encode():
                return bytes(content.buffers[entry.buffer].data).decode()
    except Exception as error:  # a broken flatbuffer fails with struct.error, IndexError, TypeError, ...
        raise CorruptModelError(f"{origin}: malformed TFLite model ({first_line(error)})") from error
    return None


def read_spec(detail: dict[str, Any]) -> TensorSpec:
    """Convert the interpreter's description of an input or output."""
    scale, zero_point = detail["quantization"]
    quantized = scale != 0.0
    return TensorSpec(
        str(detail["name"]),
        np.dtype(detail["dtype"]).name,
        tuple(int(size) for size in detail["shape"]),
        float(scale) if quantized else None,
        int(zero_point) if quantized else None,
    )
