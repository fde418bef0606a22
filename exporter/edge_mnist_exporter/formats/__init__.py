"""The file formats that an export can write, and the precisions that each one has.

A converter is a function from a Keras model and calibration images to the bytes of a model file; an audit reads such
bytes back and proves from the graph alone that their precision is what their name says. Converters know nothing of
audits, so a mistake in one cannot hide in the other.

Comes in: a `ConversionRequest`. Goes out: the bytes of a model file, and what they prove.
May import: audit, config, kinds, source.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from edge_mnist_exporter.audit.audit import GraphAudit, InputScale
from edge_mnist_exporter.audit.layer_errors import LayerError
from edge_mnist_exporter.formats.onnx_files import audit as onnx_audit
from edge_mnist_exporter.formats.onnx_files import conversion as onnx_conversion
from edge_mnist_exporter.formats.request import ConversionRequest, Mixer
from edge_mnist_exporter.formats.tflite_files import audit as tflite_audit
from edge_mnist_exporter.formats.tflite_files import conversion as tflite_conversion
from edge_mnist_runtime.tensor import Pixels

Converter = Callable[[ConversionRequest], bytes]
"""Makes the bytes of a model file; raises ConversionError where the converter fails."""


class Audit(Protocol):
    """Proves a file's precision from its bytes, and reads what the file holds and costs."""

    def __call__(
        self, data: bytes, precision: str, file_name: str, *, expected_input: InputScale | None = None
    ) -> GraphAudit:
        """Audit.

        Args:
            data: The whole file.
            precision: What its name says.
            file_name: For messages.
            expected_input: Scale and zero-point that the input must have; None where any will do.

        Raises:
            PrecisionProofError: The graph does not prove it.
        """


@dataclass(frozen=True)
class FileFormat:
    """One file format."""

    suffix: str
    converters: dict[str, Converter]
    """By precision."""
    make_mixer: Callable[[ConversionRequest], Mixer]
    """For many files that differ in what stays in float."""
    measure_errors: Callable[[ConversionRequest, Pixels], list[LayerError]]
    """What int8 does to every layer, in the network's order, while it reads images, uint8, shape (N, H, W, C)."""
    audit: Audit


FORMATS: Final = {
    "tflite": FileFormat(
        ".tflite",
        {
            "fp32": tflite_conversion.to_fp32,
            "fp16": tflite_conversion.to_fp16,
            "int8": tflite_conversion.to_int8,
            "int16x8": tflite_conversion.to_int16x8,
            "dynamic": tflite_conversion.to_dynamic,
            "mixed": tflite_conversion.to_mixed,
        },
        tflite_conversion.make_mixer,
        tflite_conversion.measure_errors,
        tflite_audit.audit,
    ),
    "onnx": FileFormat(
        ".onnx",
        {
            "fp32": onnx_conversion.to_fp32,
            "fp16": onnx_conversion.to_fp16,
            "int8": onnx_conversion.to_int8,
            "mixed": onnx_conversion.to_mixed,
        },
        onnx_conversion.make_mixer,
        onnx_conversion.measure_errors,
        onnx_audit.audit,
    ),
}
"""By the name that manifests and reports use."""
