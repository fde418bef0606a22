"""The file formats that an export can write, and the precisions that each one has.

A converter is a function from a Keras model and calibration images to the bytes of a model file; an audit reads such
bytes back and proves from the graph alone that their precision is what their name says. Converters know nothing of
audits, so a mistake in one cannot hide in the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from edge_mnist_exporter.formats import onnx_audit, onnx_conversion, tflite_audit, tflite_conversion
from edge_mnist_exporter.source_model import SourceModel
from edge_mnist_runtime.contract import ModelContract
from edge_mnist_runtime.manifest import TensorSpec
from edge_mnist_runtime.preprocess import Pixels


class Converter(Protocol):
    """Makes the bytes of a model file."""

    def __call__(self, source: SourceModel, calibration: Pixels, contract: ModelContract) -> bytes:
        """Convert.

        Args:
            source: The Keras model.
            calibration: Images, uint8, shape (N, 28, 28, 1), that fix the ranges of quantized tensors.
            contract: What the file must carry about itself.

        Raises:
            ConversionError: The converter failed.
        """


Audit = Callable[[bytes, str, str], tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]]
"""(file bytes, precision, file name) to the inputs and outputs; raises PrecisionProofError."""


@dataclass(frozen=True)
class FileFormat:
    """One file format."""

    suffix: str
    converters: dict[str, Converter]
    """By precision."""
    audit: Audit


FORMATS: Final = {
    "tflite": FileFormat(
        ".tflite",
        {"fp32": tflite_conversion.to_fp32, "int8": tflite_conversion.to_int8},
        tflite_audit.prove_precision,
    ),
    "onnx": FileFormat(
        ".onnx",
        {"fp32": onnx_conversion.to_fp32, "int8": onnx_conversion.to_int8},
        onnx_audit.prove_precision,
    ),
}
"""By the name that manifests and reports use."""
