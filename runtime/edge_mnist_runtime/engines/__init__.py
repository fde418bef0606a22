"""Run one exported model through one interface: ONNX in onnxruntime, TFLite in LiteRT, or a compiled library.

Comes in: the bytes of a model file. Goes out: an `Engine`, through which this whole project runs models.
May import: contract, errors, machine, paths, tensor.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

from edge_mnist_runtime.contract import ModelContract, TensorSpec
from edge_mnist_runtime.engines.options import SUFFIXES_OF, EngineOptions
from edge_mnist_runtime.errors import ContractError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from edge_mnist_runtime.engines.info import EngineInfo
    from edge_mnist_runtime.tensor import Pixels

MODEL_SUFFIXES: Final = tuple(suffix for suffixes in SUFFIXES_OF.values() for suffix in suffixes)

BATCH_IMAGES: Final = 128
"""Maximum number of images in one engine call.

More images spread the cost of a call; too many leave the processor's cache. Measured time per image, against 128: on a
Xeon up to 5 % more with 64 and 4 % more with 256. On an EPYC 256 took 5 to 10 % longer than 64."""

DEFAULT_OPTIONS: Final = EngineOptions()

INPUT_DTYPES: Final = ("uint8", "int8", "float32")
"""Input dtypes of exported files. `to_input` converts bytes to each."""

LOW_MEMORY_BATCH_IMAGES: Final = 16
"""The same with `low_memory`: activations are most of a session's memory, and they grow with the batch."""


class Engine(Protocol):
    """A loaded model. N is the number of images; the contract gives H, W, C and the number of classes, K."""

    @property
    def backend(self) -> str:
        """What runs the model: `onnxruntime`, `litert` or `native`."""

    @property
    def batch_images(self) -> int:
        """Maximum number of images in one call."""

    def info(self) -> EngineInfo:
        """The options that were really applied."""

    @property
    def format(self) -> str:
        """Format of the model file: `onnx`, `tflite` or `lib`."""

    @property
    def sha256(self) -> str | None:
        """SHA-256 of the model file; None for a session made by the caller."""

    @property
    def size_bytes(self) -> int | None:
        """Size of the model file; None for a session made by the caller."""

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

    def run_bytes(self, image: bytes) -> bytes:
        """Run one image: H * W * C bytes of uint8 in, K values of float32 out, as bytes."""


def suffix_of(file: str) -> str:
    """A file name's suffix, with its dot."""
    return os.path.splitext(file)[1]  # not pathlib: importing it costs 3 ms of a cold start


def check_signature(
    contract: ModelContract, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], origin: str
) -> None:
    """Raise `ContractError` unless inputs and outputs of a file match its contract."""
    found = [spec.shape[1:] for spec in (*inputs, *outputs)]
    if found != [contract.image_shape, (len(contract.labels),)] or inputs[0].dtype not in INPUT_DTYPES:
        signature = [(spec.dtype, spec.shape) for spec in (*inputs, *outputs)]
        raise ContractError(
            f"{origin}: inputs and outputs are {signature}; its contract says images of {contract.image_shape} in and "
            f"{len(contract.labels)} probabilities out"
        )


def to_input(images: Pixels, dtype: str, contract: ModelContract) -> npt.NDArray[Any]:
    """Convert images, uint8, shape (N, H, W, C), to a model input of `dtype`."""
    if dtype == "uint8":
        return images
    if dtype == "int8":
        import numpy as np  # a library runs single images without it, and its import takes most of a cold start

        less_128: npt.NDArray[np.int8] = (images ^ np.uint8(128)).view(np.int8)
        return less_128
    return contract.input_range.apply(images)


def run_in_batches(engine: Engine, images: Pixels) -> Iterator[npt.NDArray[np.float32]]:
    """Run any number of images, at most `engine.batch_images` in one call.

    Args:
        engine: The loaded model.
        images: uint8, shape (N, H, W, C).

    Yields:
        Probabilities of each batch, float32, shape (at most `engine.batch_images`, K), in input order.
    """
    size = engine.batch_images
    for start in range(0, len(images), size):
        yield engine.run(images[start : start + size])
