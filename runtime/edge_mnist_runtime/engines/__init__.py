"""Engines run one exported model: the same call for ONNX in onnxruntime and for TFLite in LiteRT.

Whatever runs a model in this project (classifier, benchmark, verification, export) runs it through here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.contract import ModelContract
from edge_mnist_runtime.errors import ContractError, UsageError
from edge_mnist_runtime.manifest import TensorSpec
from edge_mnist_runtime.preprocess import Pixels

MODEL_SUFFIXES: Final = (".onnx", ".tflite")

BATCH_IMAGES: Final = 256
"""Most images in one call of an engine: enough to spread the cost of a call, small enough to stay in the cache."""

INPUT_DTYPES: Final = ("uint8", "int8", "float32")
"""What exported files may take; `to_input` says how bytes become each."""

MAX_THREADS: Final = 256
"""Engines start every thread they are asked for: a million of them would take the machine's memory."""


class Engine(Protocol):
    """A loaded model. N is the number of images; H, W, C and K are their size and the classes, as its contract says."""

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
        """Probabilities, float32, shape (N, K), of images, uint8, shape (N, H, W, C)."""


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


def check_ends(
    contract: ModelContract, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], origin: str
) -> None:
    """Raise `ContractError` unless a file takes and gives what its contract says."""
    found = [spec.shape[1:] for spec in (*inputs, *outputs)]
    if found != [contract.image_shape, (len(contract.labels),)] or inputs[0].dtype not in INPUT_DTYPES:
        ends = [(spec.dtype, spec.shape) for spec in (*inputs, *outputs)]
        raise ContractError(
            f"{origin}: takes and gives {ends}; its contract says images of {contract.image_shape} in and "
            f"{len(contract.labels)} probabilities out"
        )


def to_input(images: Pixels, dtype: str, contract: ModelContract) -> npt.NDArray[Any]:
    """What a file's input of `dtype` takes for images, uint8, shape (N, H, W, C)."""
    if dtype == "uint8":
        return images
    if dtype == "int8":
        less_128: npt.NDArray[np.int8] = (images ^ np.uint8(128)).view(np.int8)
        return less_128
    return contract.input_range.apply(images)


def run_in_batches(engine: Engine, images: Pixels) -> Iterator[npt.NDArray[np.float32]]:
    """Run any number of images, at most `BATCH_IMAGES` in one call.

    Args:
        engine: The loaded model.
        images: uint8, shape (N, H, W, C).

    Yields:
        Probabilities of each batch, float32, shape (at most `BATCH_IMAGES`, K), in input order.
    """
    for start in range(0, len(images), BATCH_IMAGES):
        yield engine.run(images[start : start + BATCH_IMAGES])
