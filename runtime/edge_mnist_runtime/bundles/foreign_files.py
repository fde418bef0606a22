"""Open model files that others made: ONNX or TFLite without a contract, with 784 input and ten output values.

They can be inspected, and compared with ours in a benchmark. `DigitClassifier` refuses them, because nothing says which
pixels they were trained on.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_mnist_runtime.bundles.foreign_signature import FLOATS, N_VALUES, find_signature
from edge_mnist_runtime.contract import (
    DIGIT_LABELS,
    IMAGE_SHAPE,
    KNOWN_PREPROCESS_SHA256,
    NAMED_RANGES,
    UNIT_RANGE,
    UNKNOWN_PRECISION,
    InputRange,
    ModelContract,
    TensorSpec,
)
from edge_mnist_runtime.engines import BATCH_IMAGES, DEFAULT_OPTIONS, Engine, suffix_of
from edge_mnist_runtime.engines.info import EngineInfo
from edge_mnist_runtime.engines.options import Backend, EngineOptions
from edge_mnist_runtime.errors import CorruptModelError, EdgeMnistError, NoContractError, UsageError, first_line

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_mnist_runtime.tensor import Pixels

FOREIGN_RANGES: Final = {
    **NAMED_RANGES,
    "MNIST's mean and deviation": InputRange((0.1307 * 255,), (0.3081 * 255,)),
}
"""Usual input ranges of networks for MNIST. PyTorch's examples use the last one."""

MAX_SUM_ERROR: Final = 0.05
"""How far the sum of ten 8-bit probabilities may be from 1. Values beyond it are logits, and get a softmax."""


def open_any(
    model: str | os.PathLike[str] | None = None,
    *,
    backend: Backend | None = None,
    options: EngineOptions = DEFAULT_OPTIONS,
) -> Engine:
    """Like `open_model`, but also open a foreign file. Its input is assumed to be pixels in 0..1.

    Raises:
        As `open_model` does.
        UsageError: A file without a contract cannot be fed with digits.
    """
    opened = open_or_load(model, backend=backend, options=options)
    return ForeignEngine(opened) if isinstance(opened, ForeignFile) else opened


def open_or_load(
    model: str | os.PathLike[str] | None = None,
    *,
    backend: Backend | None = None,
    options: EngineOptions = DEFAULT_OPTIONS,
) -> Engine | ForeignFile:
    """Like `open_model`, but load a file without a contract, whatever its inputs and outputs.

    Raises:
        As `open_model` does.
    """
    from edge_mnist_runtime.bundles.model_files import open_model
    from edge_mnist_runtime.paths import is_folder

    try:
        return open_model(model, backend=backend, options=options)
    except NoContractError:
        if model is None or is_folder(model):  # every file of a bundle must have a contract
            raise
        return load_foreign(os.fsdecode(model), options=options)


def load_foreign(path: str, *, options: EngineOptions = DEFAULT_OPTIONS) -> ForeignFile:
    """Load a file without a contract.

    Raises:
        CorruptModelError: The file cannot be read.
    """
    with open(path, "rb") as file:  # noqa: PTH123  importing pathlib costs 3 ms of a cold start
        model = file.read()
    return (_load_onnx if suffix_of(path) == ".onnx" else _load_tflite)(model, path, options)


@dataclass(frozen=True)
class ForeignFile:
    """A loaded file without a contract."""

    origin: str
    """Its path."""
    format: str
    """`onnx` or `tflite`."""
    backend: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    call: Callable[[Any, int], Any]
    """Run the model: values of the first input, index of an output -> values of that output, all as stored."""
    info: EngineInfo
    size_bytes: int
    sha256: str
    may_saturate: bool
    """Whether its int8 sums may saturate in onnxruntime on some processors."""


class ForeignEngine:
    """An `Engine` that feeds digits to a file without a contract.

    Args:
        file: The loaded file.
        input_range: The real values that pixels 0..255 become.

    Raises:
        UsageError: The file cannot be fed with digits; the message says why.
        CorruptModelError: The library that runs the file fails.
    """

    def __init__(self, file: ForeignFile, *, input_range: InputRange = UNIT_RANGE) -> None:
        self._file, self.backend, self.format = file, file.backend, file.format
        self.size_bytes, self.sha256 = file.size_bytes, file.sha256
        try:
            signature = find_signature(file.inputs, file.outputs)
        except ValueError as problem:
            raise UsageError(f"{file.origin}: {problem}") from problem
        self._output = signature.output
        self.inputs, self.outputs = file.inputs, (file.outputs[signature.output],)
        self.contract = ModelContract(
            name=os.path.splitext(os.path.basename(file.origin))[0],  # noqa: PTH119, PTH122
            precision=UNKNOWN_PRECISION,
            labels=DIGIT_LABELS,
            image_shape=IMAGE_SHAPE,
            input_range=input_range,
            preprocess_version=None,
            preprocess_sha256=KNOWN_PREPROCESS_SHA256,
            source_sha256="",
            input_scale=None,
            input_zero_point=None,
            can_saturate=file.may_saturate,
        )
        noise = np.random.default_rng(0).integers(0, 256, (8, *IMAGE_SHAPE), np.uint8)
        values = self._choose_shape(signature.shapes, noise)
        self.batch_images = BATCH_IMAGES if self._takes_batches else 1
        self._gives_logits = bool((values < 0).any() or (np.abs(values.sum(axis=1) - 1) > MAX_SUM_ERROR).any())

    def _choose_shape(self, shapes: tuple[tuple[int, ...], ...], images: Pixels) -> npt.NDArray[np.float32]:
        """Keep the first input shape that the file runs with, and return its result for `images`."""
        failure: EdgeMnistError | None = None
        for self._shape in shapes:
            try:
                return self._run_as_stored(images)
            except (CorruptModelError, UsageError) as error:
                failure = failure or error
        if failure is None or len(shapes) == 1:
            raise failure or UsageError(f"{self._file.origin}: takes no shape of a digit")
        tried = ", ".join(str(shape).replace("-1", "N") for shape in shapes)
        raise UsageError(f"{failure}; its axes are free, and it does not run with any of {tried}") from failure

    @property
    def takes_real_values(self) -> bool:
        """Whether its input is real values in an unknown range, rather than bytes."""
        return self.inputs[0].dtype in FLOATS or self.inputs[0].scale is not None

    @property
    def _takes_batches(self) -> bool:
        return self._shape[0] == -1

    def info(self) -> EngineInfo:
        """The options that were really applied."""
        return self._file.info

    def run(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Probabilities, float32, shape (N, 10), of images, uint8, shape (N, 28, 28, 1)."""
        values = self._run_as_stored(images)
        return _softmax(values) if self._gives_logits else values

    def run_bytes(self, image: bytes) -> bytes:
        """Run one image, bytes in and out."""
        return self.run(np.frombuffer(image, np.uint8).reshape(1, *IMAGE_SHAPE)).tobytes()

    def leave_to_parent(self) -> None:
        """Do nothing: commands that open foreign files do not fork."""

    def _run_as_stored(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Run images and dequantize the output, float32, shape (N, 10)."""
        values = self._quantize(images)
        batches = [values] if self._takes_batches else [values[row : row + 1] for row in range(len(values))]
        try:
            parts = [self._file.call(batch.reshape(self._shape), self._output) for batch in batches]
        except Exception as error:  # both libraries raise classes of their own
            raise CorruptModelError(
                f"{self._file.origin}: {self.backend} cannot run this model ({first_line(error)})"
            ) from error
        n_values = sum(part.size for part in parts)
        if n_values != N_VALUES * len(images):
            raise UsageError(
                f"{self._file.origin}: it gives {n_values / len(images):g} values an image, not {N_VALUES}"
            )
        rows = [part.reshape(-1, N_VALUES) for part in parts]
        stored: npt.NDArray[Any] = rows[0] if len(rows) == 1 else np.concatenate(rows)
        spec = self.outputs[0]
        real: npt.NDArray[np.float32] = stored.astype(np.float32, copy=False)
        if spec.scale is not None:
            real = (real - np.float32(spec.zero_point or 0)) * np.float32(spec.scale)
        return real

    def _quantize(self, images: Pixels) -> npt.NDArray[Any]:
        """Convert images to values of the file's input, as it stores them."""
        spec = self.inputs[0]
        if spec.dtype in FLOATS:
            return self.contract.input_range.apply(images).astype(spec.dtype, copy=False)
        if spec.scale is None:  # ONNX does not give a scale: assume bytes, or bytes - 128
            return images if spec.dtype == "uint8" else (images ^ np.uint8(128)).view(np.int8)
        limits = np.iinfo(spec.dtype)
        steps = np.rint(self.contract.input_range.apply(images) / spec.scale) + (spec.zero_point or 0)
        stored: npt.NDArray[Any] = np.clip(steps, limits.min, limits.max).astype(spec.dtype)
        return stored


def _load_onnx(model: bytes, origin: str, options: EngineOptions) -> ForeignFile:
    from edge_mnist_runtime.engines.onnx_session import read_specs
    from edge_mnist_runtime.engines.onnx_settings import BACKEND, describe_session, open_session
    from edge_mnist_runtime.machine.int8_sums import is_quantized, may_saturate

    quantized = is_quantized(model)
    exact = quantized and may_saturate()
    try:
        session = open_session(model, origin, options, exact=exact)
    except CorruptModelError as error:
        if not exact or type(error.__cause__).__name__ != "NotImplemented":  # onnxruntime's class for a missing kernel
            raise
        # QLinear operations on int8 activations have no exact kernels. Their default kernels do not saturate.
        session = open_session(model, origin, options)
    inputs, outputs = read_specs(session.get_inputs()), read_specs(session.get_outputs())
    return ForeignFile(
        origin=origin,
        format="onnx",
        backend=BACKEND,
        inputs=inputs,
        outputs=outputs,
        call=lambda values, number: session.run([outputs[number].name], {inputs[0].name: values})[0],
        info=describe_session(session, callers=False),
        size_bytes=len(model),
        sha256=_hash(model),
        may_saturate=quantized,
    )


def _load_tflite(model: bytes, origin: str, options: EngineOptions) -> ForeignFile:
    from edge_mnist_runtime.engines.tflite_interpreter import (
        BACKEND,
        describe_interpreter,
        load_interpreter,
        read_spec,
    )

    interpreter = load_interpreter(model, origin, options.threads)
    takes, gives = interpreter.get_input_details(), interpreter.get_output_details()

    def call(values: npt.NDArray[Any], number: int) -> npt.NDArray[Any]:
        interpreter.set_tensor(takes[0]["index"], values)
        interpreter.invoke()
        stored: npt.NDArray[Any] = interpreter.get_tensor(gives[number]["index"])
        return stored

    return ForeignFile(
        origin=origin,
        format="tflite",
        backend=BACKEND,
        inputs=tuple(map(read_spec, takes)),
        outputs=tuple(map(read_spec, gives)),
        call=call,
        info=describe_interpreter(options),
        size_bytes=len(model),
        sha256=_hash(model),
        may_saturate=False,
    )


def _hash(model: bytes) -> str:
    from hashlib import sha256

    return sha256(model).hexdigest()


def _softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: npt.NDArray[np.float32] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities
