"""Engines run one exported model: the same call for ONNX in onnxruntime and for TFLite in LiteRT.

Whatever runs a model in this project (classifier, benchmark, verification, export) runs it through here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.contract import ModelContract
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.manifest import TensorSpec
from edge_mnist_runtime.preprocess import Pixels

MODEL_SUFFIXES: Final = (".onnx", ".tflite")

BATCH_IMAGES: Final = 256
"""Most images in one call of an engine: enough to spread the cost of a call, small enough to stay in the cache."""

MAX_THREADS: Final = 256
"""Engines start every thread they are asked for: a million of them would take the machine's memory."""


class Engine(Protocol):
    """A loaded model. N is the number of images."""

    @property
    def backend(self) -> str:
        """Name of the library that runs it: `onnxruntime` or `litert`."""

    @property
    def format(self) -> str:
        """Format of the model file: `onnx` or `tflite`."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the model file."""

    @property
    def size_bytes(self) -> int:
        """Size of the model file."""

    @property
    def contract(self) -> ModelContract:
        """What the model file says about itself."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The model's inputs, as read from the file."""

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The model's outputs, as read from the file."""

    def run(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Probabilities, float32, shape (N, 10), of images, uint8, shape (N, 28, 28, 1)."""


def open_engine(model: bytes, *, file_name: str, threads: int = 1) -> Engine:
    """Load a model from the bytes of its file; the name's suffix says which format it is.

    Args:
        model: The whole file.
        file_name: Its name or path, for the format and for error messages.
        threads: Threads that one call may use.

    Raises:
        UsageError: `threads` is out of range, or the suffix is neither .onnx nor .tflite.
        MissingExtraError: The file is .tflite and LiteRT is not installed.
        CorruptModelError: The file cannot be read.
        ContractError: The file carries no contract, or one that this version does not know.
    """
    if not 1 <= threads <= MAX_THREADS:
        raise UsageError(f"threads must be 1..{MAX_THREADS}, not {threads}")
    suffix = Path(file_name).suffix
    if suffix == ".onnx":
        from edge_mnist_runtime.engines.onnx_session import OnnxSession

        return OnnxSession(model, origin=file_name, threads=threads)
    if suffix == ".tflite":
        from edge_mnist_runtime.engines.tflite_interpreter import TFLiteInterpreter

        return TFLiteInterpreter(model, origin=file_name, threads=threads)
    raise UsageError(f"{file_name}: not a model; expected a bundle folder or a file ending in .onnx or .tflite")


def run_in_batches(engine: Engine, images: Pixels) -> Iterator[npt.NDArray[np.float32]]:
    """Run any number of images, at most `BATCH_IMAGES` in one call.

    Args:
        engine: The loaded model.
        images: uint8, shape (N, 28, 28, 1).

    Yields:
        Probabilities of each batch, float32, shape (at most `BATCH_IMAGES`, 10), in input order.
    """
    for start in range(0, len(images), BATCH_IMAGES):
        yield engine.run(images[start : start + BATCH_IMAGES])
