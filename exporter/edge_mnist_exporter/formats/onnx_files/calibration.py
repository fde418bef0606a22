"""Ranges of the quantized tensors of an int8 ONNX file: fixed for the input, measured for all others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, create_calibrator

from edge_mnist_exporter.source.source_model import SourceModel

CALIBRATION_BATCH: Final = 100
"""Most images in one batch."""

MOVES: Final = ("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Split")
"""Operations that move values without changing them."""

METHODS: Final = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.MinMax,
    "percentile": CalibrationMethod.Percentile,
}
"""onnxruntime's method for each of ours. `measure_entropy_ranges` overrides the ranges for entropy."""

ENTROPY_BINS: Final = 512
"""Bins of a histogram. onnxruntime's default of 128 equals the number of quantization steps, so its ranges are those of
minmax. TensorRT's 2,048 take 15 times as long."""

Overrides = dict[str, list[dict[str, Any]]]
"""Settings for single tensors by name, as onnxruntime's `TensorQuantOverrides` takes them."""


def fix_input(model: onnx.ModelProto, source: SourceModel) -> Overrides:
    """Fix scale and zero-point of the input so that quantized input values are the pixel bytes.

    The calibration images do not affect them. Tensors that hold moved input values get the same.
    """
    scale, zero_point = source.input_quantization
    fixed = {
        "quant_type": QuantType.QUInt8,
        "scale": np.array(scale, np.float32),
        "zero_point": np.array(zero_point, np.uint8),
    }
    return {name: [fixed] for name in sorted(list_moved(model.graph))}


def list_moved(graph: onnx.GraphProto) -> set[str]:
    """The input, and every tensor that holds some of its values unchanged, in any order."""
    moved = {graph.input[0].name}
    for node in graph.node:
        if node.op_type in MOVES and node.input[0] in moved:
            moved.update(node.output)
    return moved


def measure_entropy_ranges(file: Path, operations: Sequence[str], values: npt.NDArray[np.float32]) -> Overrides:
    """Measure ranges with the smallest KL divergence (Migacz, "8-bit Inference with TensorRT", 2017).

    Args:
        file: A float graph.
        operations: Operators whose tensors are measured.
        values: Calibration images as the network reads them, float32, shape (N, H, W, C).
    """
    calibrator = create_calibrator(
        file,
        operations,
        augmented_model_path=str(file.with_name("augmented.onnx")),
        calibrate_method=CalibrationMethod.Entropy,
        extra_options={"num_bins": ENTROPY_BINS},
    )
    calibrator.collect_data(CalibrationReader(values))
    found = calibrator.compute_data()
    ranges = {name: [float(end) for end in found[name].range_value] for name in found.keys()}  # noqa: SIM118  no dict
    return {name: [{"rmin": np.float32(low), "rmax": np.float32(high)}] for name, (low, high) in ranges.items()}


class CalibrationReader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime.quantization ships no types
    """Feeds calibration images to onnxruntime's quantizer."""

    def __init__(self, values: npt.NDArray[np.float32]) -> None:
        # All batches need one size, because onnxruntime's histograms stack the results of batches.
        size = max(size for size in range(1, CALIBRATION_BATCH + 1) if len(values) % size == 0)
        self._batches = iter(np.split(values, len(values) // size))

    def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
        """The next batch, None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch}
