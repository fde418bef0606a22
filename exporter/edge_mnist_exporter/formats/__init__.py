"""The file formats that an export can write, and the precisions of each.

A converter turns a Keras model and calibration images into the bytes of a model file. An audit reads those bytes back
and proves their precision from the graph alone. Converters do not use audits, so an audit finds a converter's mistakes.

Comes in: a `ConversionRequest`. Goes out: the bytes of a model file, and what they prove.
May import: audit, config, kinds, source, tflite_schema.
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
from edge_mnist_exporter.kinds import PROGRAM_FORMATS
from edge_mnist_runtime.tensor import Pixels

Converter = Callable[[ConversionRequest], bytes]
"""Makes the bytes of a model file; raises ConversionError if the converter fails."""


class Audit(Protocol):
    """Proves a file's precision from its bytes, and measures its graph."""

    def __call__(
        self, data: bytes, precision: str, file_name: str, *, expected_input: InputScale | None = None
    ) -> GraphAudit:
        """Prove the precision of a file and measure its graph.

        Args:
            data: The bytes of the file.
            precision: The precision to prove.
            file_name: For messages.
            expected_input: Scale and zero-point that the input must have; None to accept any.

        Raises:
            PrecisionProofError: The file has another precision; the message names the first tensor or operation at
                fault.
        """


@dataclass(frozen=True)
class FileFormat:
    """One file format."""

    converters: dict[str, Converter]
    """By precision."""
    make_mixer: Callable[[ConversionRequest], Mixer]
    """Prepares the conversion of several mixed files that differ in which layers stay in float."""
    measure_errors: Callable[[ConversionRequest, Pixels], list[LayerError]]
    """Measures the int8 error of every layer on images, uint8, shape (N, H, W, C). Layers in the network's order."""
    audit: Audit


FORMATS: Final = {
    "tflite": FileFormat(
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
    # Made of an int8 TFLite file, which is what is converted and audited first; see `program.program_files`.
    **{
        name: FileFormat(
            {"int8": tflite_conversion.to_shared_int8},
            tflite_conversion.make_mixer,
            tflite_conversion.measure_errors,
            tflite_audit.audit,
        )
        for name in PROGRAM_FORMATS
    },
}
"""Formats by the name that manifests and reports use."""
