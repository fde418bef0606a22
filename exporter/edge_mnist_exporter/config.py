"""What an export is asked for; the one place where its defaults live."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge_mnist_exporter.gate_config import INT8_PRECISION, GateConfig
from edge_mnist_exporter.kinds import FORMAT_NAMES, Kind, choose_kinds, list_absent
from edge_mnist_runtime.contract import InputRange, check_labels
from edge_mnist_runtime.errors import UsageError

BUNDLES_FOLDER: Final = Path("bundles")
"""Where a bundle goes if nobody names a place."""

CALIBRATION_SAMPLES: Final = 500
"""How many images calibrate where nobody says it and there are as many."""

CALIBRATION_METHODS: Final = ("minmax", "entropy", "percentile")

OPSETS: Final = range(13, 19)
"""Per-channel QDQ needs 13; what tf2onnx writes ends at 18."""


@dataclass(frozen=True)
class SourceConfig:
    """What is said about a model that it does not say itself.

    Raises:
        UsageError: The labels are not 2 to 1,000 different names.
    """

    labels: tuple[str, ...] | None = None
    """Names of the classes, in output order; None for 0, 1, 2, ..."""
    input_range: InputRange | None = None
    """What the network was trained on; None for what its rescaling layer says, else 0..1."""
    unsafe: bool = False
    """Run code that the model brings with it (Lambda layers)."""

    def __post_init__(self) -> None:
        if self.labels is not None:
            try:
                check_labels(self.labels)
            except ValueError as error:
                raise UsageError(f"`labels`: {error}") from None


@dataclass(frozen=True)
class ConversionConfig:
    """How a network becomes a file.

    Raises:
        UsageError: A value is out of its range; the message names it.
    """

    calibration_method: str = "minmax"
    """How ranges follow from what the calibration images made of each tensor: `minmax`, `entropy` or `percentile`
    (the last two in onnxruntime's quantizer alone)."""
    per_channel: bool = True
    """Whether each output channel's weights have a scale of their own."""
    opset: int = 17
    """ONNX's. 17 is what every onnxruntime since 1.12 (2022) reads."""
    allow_saturation: bool = False
    """Whether int8 ONNX weights use all of their 8 bits, so that sums saturate in onnxruntime on x86 without VNNI."""
    float_layers: tuple[str, ...] = ()
    """Layers that a mixed file computes in float, by the names that `layer_errors` gives them."""

    def __post_init__(self) -> None:
        if self.calibration_method not in CALIBRATION_METHODS:
            raise UsageError(
                f"`calibration_method` {self.calibration_method}: expected {', '.join(CALIBRATION_METHODS)}"
            )
        if self.opset not in OPSETS:
            raise UsageError(f"`opset` must be {OPSETS[0]}..{OPSETS[-1]}, not {self.opset}")


@dataclass(frozen=True)
class ExportConfig:
    """Settings of one export.

    Raises:
        UsageError: A value is out of its range; the message names it.
    """

    precisions: tuple[str, ...] = ("int8",)
    """Which precisions to write."""
    formats: tuple[str, ...] | None = None
    """In which formats, each precision in those of them that have it; None for all formats."""
    io: str | None = None
    """Dtype of the files' inputs and, where the format has it, outputs; None for each precision's own."""
    source: SourceConfig = field(default_factory=SourceConfig)
    """What is said about the model."""
    conversion: ConversionConfig = field(default_factory=ConversionConfig)
    """How a network becomes a file."""
    auto_mixed: bool = False
    """Where an int8 file falls short, keep as few layers as possible in float, in a mixed file in its place."""
    gates: GateConfig = field(default_factory=GateConfig)
    """The limits that the files must keep."""
    calibration_samples: int | None = None
    """Training images that fix the quantizers' ranges, at least 1; None for `CALIBRATION_SAMPLES`, or all of fewer."""
    calibration_data: Path | None = None
    """A folder of pictures to calibrate on, at most `calibration_samples` of them; None for training images."""
    seed: int = 0
    """Decides which images those are."""
    least_confidence: float | None = None
    """Answers of less confidence are rejected, 0..1, 0 for none; None for what the model's run chose."""

    def __post_init__(self) -> None:
        _ = self.kinds  # raises where there are none such
        if self.conversion.calibration_method != "minmax" and any(kind.is_calibrated_tflite for kind in self.kinds):
            raise UsageError(
                f"`calibration_method` {self.conversion.calibration_method}: TensorFlow's converter knows minmax "
                "alone; choose `formats` onnx"
            )
        if self.conversion.allow_saturation and not any(kind.may_saturate for kind in self.kinds):
            raise UsageError(
                "`allow_saturation`: only int8 ONNX files can saturate, and none is asked for; leave it out "
                "(TFLite's kernels add in 32 bits)"
            )
        if self.gates.min_int8_parity is not None and INT8_PRECISION not in self.precisions:
            raise UsageError(
                f"min_int8_parity compares two int8 files, and `precisions` {','.join(self.precisions)} writes none; "
                "add int8, or leave the limit out"
            )
        if self.calibration_samples is not None and self.calibration_samples < 1:
            raise UsageError(f"`calibration_samples` must be at least 1, not {self.calibration_samples}")
        if self.least_confidence is not None and not 0 <= self.least_confidence < 1:
            raise UsageError(f"`least_confidence` must be 0..1, 1 left out, not {self.least_confidence:g}")
        if self.seed < 0:
            raise UsageError(f"`seed` must be at least 0, not {self.seed}")

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What files to write, precision by precision."""
        return choose_kinds(self.precisions, self.formats or FORMAT_NAMES, self.io)

    @property
    def absent(self) -> list[str]:
        """What was asked for by both names, precision and format, and does not exist, with the reason."""
        return list_absent(self.precisions, self.formats or ())
