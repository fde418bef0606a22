"""Model files that others made: ONNX and TFLite without a contract, that take 784 values and give ten.

They are for looking at and for comparing with ours: nothing says which pixels they were trained on, so that
`DigitClassifier` refuses them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_mnist_runtime.contract import (
    DIGIT_LABELS,
    IMAGE_SHAPE,
    KNOWN_PREPROCESS_SHA256,
    UNIT_RANGE,
    UNKNOWN_PRECISION,
    InputRange,
    ModelContract,
    TensorSpec,
)
from edge_mnist_runtime.engines import BATCH_IMAGES, DEFAULT_OPTIONS, Engine, suffix_of
from edge_mnist_runtime.engines.info import EngineInfo
from edge_mnist_runtime.engines.options import EngineOptions
from edge_mnist_runtime.errors import ContractError, CorruptModelError, NoContractError, first_line

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_mnist_runtime.tensor import Pixels

N_PIXELS: Final = math.prod(IMAGE_SHAPE)

RANGES: Final = {
    "0..1": UNIT_RANGE,
    "0..255": InputRange((0.0,), (1.0,)),
    "-1..1": InputRange((127.5,), (127.5,)),
    "MNIST's mean and deviation": InputRange((0.1307 * 255,), (0.3081 * 255,)),
}
"""What networks of MNIST are trained on; the last one is what PyTorch's examples use."""

MAX_SUM_ERROR: Final = 0.05
"""How far ten probabilities of 8 bits may sum from 1; what does so further is no probability, and gets a softmax."""

INTEGER_OPERATORS: Final = (b"QuantizeLinear", b"QLinear", b"ConvInteger", b"MatMulInteger")
"""An ONNX file that multiplies integers names one of these, or a name that holds it."""

DTYPES: Final = ("float32", "uint8", "int8")
"""What a foreign file may take."""


def open_any(model: str | os.PathLike[str] | None = None, *, options: EngineOptions = DEFAULT_OPTIONS) -> Engine:
    """As `open_model`, also for a foreign file, which is taken to read pixels in 0..1.

    Raises:
        As `open_model` does.
        ContractError: A file without a contract takes or gives something else than a classifier of digits.
    """
    from edge_mnist_runtime.bundles.model_files import open_model

    try:
        return open_model(model, options=options)
    except NoContractError:
        if model is None:
            raise
        return open_foreign(os.fsdecode(model), options=options)


def open_foreign(
    path: str, *, options: EngineOptions = DEFAULT_OPTIONS, input_range: InputRange = UNIT_RANGE
) -> ForeignEngine:
    """Open a file without a contract.

    Raises:
        CorruptModelError: The file cannot be read.
        ContractError: It takes or gives something else than a classifier of digits.
    """
    with open(path, "rb") as file:  # noqa: PTH123  a cold start does without pathlib
        return ForeignEngine(file.read(), origin=path, options=options, input_range=input_range)


@dataclass(frozen=True)
class _Opened:
    """A file in the library that runs it."""

    backend: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    call: Callable[[Any], Any]
    """From the input's values to the output's, both as the file stores them."""
    info: EngineInfo


class ForeignEngine:
    """An `Engine` over a file without a contract; see `Engine`."""

    def __init__(self, model: bytes, *, origin: str, options: EngineOptions, input_range: InputRange) -> None:
        import hashlib

        self.format = suffix_of(origin).removeprefix(".")
        opened = (_open_onnx if self.format == "onnx" else _open_tflite)(model, origin, options)
        self._opened, self.info, self.backend = opened, opened.info, opened.backend
        self.inputs, self.outputs = opened.inputs, opened.outputs
        self._shape = _check_ends(opened, origin)
        self.batch_images = BATCH_IMAGES if self._takes_batches else 1
        self.size_bytes, self.sha256 = len(model), hashlib.sha256(model).hexdigest()
        self.contract = ModelContract(
            name=os.path.splitext(os.path.basename(origin))[0],  # noqa: PTH119, PTH122
            precision=UNKNOWN_PRECISION,
            labels=DIGIT_LABELS,
            image_shape=IMAGE_SHAPE,
            input_range=input_range,
            preprocess_version=None,
            preprocess_sha256=KNOWN_PREPROCESS_SHA256,
            source_sha256="",
            input_scale=None,
            input_zero_point=None,
            can_saturate=self.format == "onnx" and is_quantized(model),
        )
        noise = np.random.default_rng(0).integers(0, 256, (8, *IMAGE_SHAPE), np.uint8)
        values = self._run_as_stored(noise)
        self._gives_logits = bool((values < 0).any() or (np.abs(values.sum(axis=1) - 1) > MAX_SUM_ERROR).any())

    @property
    def takes_real_values(self) -> bool:
        """Whether its input stands for real values, in a range that is not known, and not for bytes."""
        return self.inputs[0].dtype == "float32" or self.inputs[0].scale is not None

    @property
    def _takes_batches(self) -> bool:
        return self._shape[0] == -1

    def run(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Probabilities, float32, shape (N, 10), of images, uint8, shape (N, 28, 28, 1)."""
        values = self._run_as_stored(images)
        return _softmax(values) if self._gives_logits else values

    def run_bytes(self, image: bytes) -> bytes:
        """As `run` of one image, bytes in and out."""
        return self.run(np.frombuffer(image, np.uint8).reshape(1, *IMAGE_SHAPE)).tobytes()

    def leave_to_parent(self) -> None:
        """Nothing: commands that open foreign files do not fork."""

    def _run_as_stored(self, images: Pixels) -> npt.NDArray[np.float32]:
        """What the file itself gives, as real numbers, float32, shape (N, 10)."""
        values = self._quantize(images)
        batches = [values] if self._takes_batches else [values[row : row + 1] for row in range(len(values))]
        try:
            parts = [self._opened.call(batch.reshape(self._shape)).reshape(-1, len(DIGIT_LABELS)) for batch in batches]
        except Exception as error:  # both libraries raise classes of their own
            raise CorruptModelError(f"{self.backend} cannot run this model ({first_line(error)})") from error
        stored: npt.NDArray[Any] = parts[0] if len(parts) == 1 else np.concatenate(parts)
        spec = self.outputs[0]
        real: npt.NDArray[np.float32] = stored.astype(np.float32, copy=False)
        if spec.scale is not None:
            real = (real - np.float32(spec.zero_point or 0)) * np.float32(spec.scale)
        return real

    def _quantize(self, images: Pixels) -> npt.NDArray[Any]:
        """The values that the file's input stands for, as it stores them."""
        spec = self.inputs[0]
        if spec.dtype == "float32":
            return self.contract.input_range.apply(images)
        if spec.scale is None:  # ONNX does not say; bytes, or bytes less 128
            return images if spec.dtype == "uint8" else (images ^ np.uint8(128)).view(np.int8)
        limits = np.iinfo(spec.dtype)
        steps = np.rint(self.contract.input_range.apply(images) / spec.scale) + (spec.zero_point or 0)
        stored: npt.NDArray[Any] = np.clip(steps, limits.min, limits.max).astype(spec.dtype)
        return stored


def is_quantized(model: bytes) -> bool:
    """Whether an ONNX file, given whole, may multiply integers, whose sums could saturate."""
    return any(operator in model for operator in INTEGER_OPERATORS)


def _open_onnx(model: bytes, origin: str, options: EngineOptions) -> _Opened:
    from edge_mnist_runtime.engines.onnx_session import read_specs
    from edge_mnist_runtime.engines.onnx_settings import BACKEND, describe_session, open_session
    from edge_mnist_runtime.machine.int8_sums import may_saturate

    session = open_session(model, origin, options, None, is_quantized(model) and may_saturate())
    inputs, outputs = read_specs(session.get_inputs()), read_specs(session.get_outputs())
    names = [spec.name for spec in outputs[:1]]
    call = lambda values: session.run(names, {inputs[0].name: values})[0]  # noqa: E731
    return _Opened(BACKEND, inputs, outputs, call, describe_session(session, callers=False))


def _open_tflite(model: bytes, origin: str, options: EngineOptions) -> _Opened:
    from edge_mnist_runtime.engines.tflite_interpreter import TFLiteInterpreter, load_interpreter, read_spec

    interpreter = load_interpreter(model, origin, options.threads)
    takes, gives = interpreter.get_input_details(), interpreter.get_output_details()

    def call(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        interpreter.set_tensor(takes[0]["index"], values)
        interpreter.invoke()
        stored: npt.NDArray[Any] = interpreter.get_tensor(gives[0]["index"])
        return stored

    backend = TFLiteInterpreter.backend
    info = EngineInfo(backend, "", None, options.threads, spin=False, low_memory=False, exact_sums=None)
    return _Opened(backend, tuple(map(read_spec, takes)), tuple(map(read_spec, gives)), call, info)


def _check_ends(opened: _Opened, origin: str) -> tuple[int, ...]:
    """The shape that the input has for a call: -1 first where it takes batches.

    Raises:
        ContractError: It is not one input of 784 values and one output of ten.
    """
    sizes = [
        [size if isinstance(size, int) else -1 for size in spec.shape] for spec in (*opened.inputs, *opened.outputs)
    ]
    counts = [math.prod(abs(size) for size in shape) for shape in sizes]
    is_free = len(opened.inputs) == 1 and all(size > 0 for size in sizes[0][1:])
    if counts != [N_PIXELS, len(DIGIT_LABELS)] or not is_free or opened.inputs[0].dtype not in DTYPES:
        ends = [(spec.dtype, spec.shape) for spec in (*opened.inputs, *opened.outputs)]
        raise ContractError(
            f"{origin}: carries no edge-mnist contract, and takes and gives {ends}; expected {N_PIXELS} pixels in and "
            f"{len(DIGIT_LABELS)} values out"
        )
    return tuple(sizes[0])


def _softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: npt.NDArray[np.float32] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return probabilities
