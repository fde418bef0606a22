"""Settings of an export, with their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge_mnist_exporter.gate_config import INT8_PRECISION, GateConfig
from edge_mnist_exporter.kinds import FORMAT_NAMES, Kind, choose_kinds, list_absent
from edge_mnist_runtime.bundles.program_formats import C_FORMAT, LIBRARY_FORMAT
from edge_mnist_runtime.contract import InputRange, check_labels
from edge_mnist_runtime.errors import OutputError, UsageError
from edge_mnist_runtime.thresholds import LeastConfidence, check_least_confidence

BUNDLES_FOLDER: Final = Path("bundles")
"""Default folder of bundles."""

CALIBRATION_SAMPLES: Final = 500
"""Default number of calibration images."""

CALIBRATION_METHODS: Final = ("minmax", "entropy", "percentile")

OPSETS: Final = range(13, 19)
"""Supported opsets: per-channel QDQ needs 13, and tf2onnx writes up to 18."""


MAX_VALID_DAYS: Final = 36_500
"""Longest validity of a signature, a century."""

PROJECT_KINDS: Final = ("cmake", "arduino", "zephyr")


@dataclass(frozen=True)
class SourceConfig:
    """Facts about a model that its file does not contain.

    Raises:
        UsageError: The labels are not 2 to 1,000 different names.
    """

    labels: tuple[str, ...] | None = None
    """Names of the classes, in output order; None for 0, 1, 2, ..."""
    input_range: InputRange | None = None
    """The range of values that the network was trained on; None for that of its rescaling layer, else 0..1."""
    unsafe: bool = False
    """Run code in the model file (Lambda layers)."""

    def __post_init__(self) -> None:
        if self.labels is not None:
            try:
                check_labels(self.labels)
            except ValueError as error:
                raise UsageError(f"`labels`: {error}") from None


@dataclass(frozen=True)
class ConversionConfig:
    """Settings of the conversion.

    Raises:
        UsageError: A value is out of its range; the message names it.
    """

    calibration_method: str = "minmax"
    """How ranges of tensors are chosen from calibration images: `minmax`, `entropy` or `percentile`.

    The last two exist only in onnxruntime's quantizer."""
    per_channel: bool = True
    """Whether the weights of each output channel have their own scale."""
    opset: int = 17
    """ONNX opset. Every onnxruntime since 1.12 (2022) reads 17."""
    allow_saturation: bool = False
    """Whether int8 ONNX weights use all 8 bits. Their sums saturate in onnxruntime on x86 without VNNI."""
    float_layers: tuple[str, ...] = ()
    """Layers that a mixed file computes in float, named as in `layer_errors`."""
    max_ram_bytes: int | None = None
    """Most memory that a C program may work in; None for any."""

    def __post_init__(self) -> None:
        if self.calibration_method not in CALIBRATION_METHODS:
            raise UsageError(
                f"`calibration_method` {self.calibration_method}: expected {', '.join(CALIBRATION_METHODS)}"
            )
        if self.max_ram_bytes is not None and self.max_ram_bytes < 1:
            raise UsageError(f"`max_ram_bytes` must be at least 1 byte, not {self.max_ram_bytes}")
        if self.opset not in OPSETS:
            raise UsageError(f"`opset` must be {OPSETS[0]}..{OPSETS[-1]}, not {self.opset}")


@dataclass(frozen=True)
class ProjectConfig:
    """A project to write beside the bundle.

    Raises:
        UsageError: There is no such kind of project.
    """

    kind: str
    """`cmake`, `arduino` or `zephyr`."""
    folder: Path
    """Where it is written. It must not exist, or be an empty folder."""

    def __post_init__(self) -> None:
        if self.kind not in PROJECT_KINDS:
            raise UsageError(f"`project` {self.kind}: unknown; expected one of {', '.join(PROJECT_KINDS)}")

    def check_folder(self, bundle: Path | None = None) -> None:
        """Raise `OutputError` if something is in the way of the project, or if it would be written into `bundle`."""
        folder = self.folder.absolute()
        if bundle is not None and bundle.absolute() in (folder, *folder.parents):
            raise OutputError(f"`project` {self.folder}: the bundle is written there; name another folder")
        try:
            taken = self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir()))
        except OSError as error:
            raise OutputError(f"`project` {self.folder}: cannot be read ({error.strerror}); name another") from error
        if taken:
            raise OutputError(f"`project` {self.folder}: exists and is no empty folder; name another")


@dataclass(frozen=True)
class SigningConfig:
    """How a bundle is signed.

    Raises:
        UsageError: A value is out of its range; the message names it.
    """

    key: Path
    """PEM file of an Ed25519 private key, which only its owner may read."""
    bundle_version: int | None = None
    """Number of this release, at least 1 and higher than the last; without one, devices cannot refuse older bundles."""
    valid_days: int | None = None
    """Days after which the signature is invalid, at least 1; None: never."""

    def __post_init__(self) -> None:
        from edge_mnist_runtime.bundles.signature import check_version  # loads OpenSSL, which --help does not need

        try:
            check_version(self.bundle_version)
        except ValueError as error:
            raise UsageError(f"`bundle_version`: {error}") from None
        if self.valid_days is not None and not 1 <= self.valid_days <= MAX_VALID_DAYS:
            raise UsageError(f"`valid_days` must be 1..{MAX_VALID_DAYS}, not {self.valid_days}")


@dataclass(frozen=True)
class ExportConfig:
    """Settings of one export.

    Raises:
        UsageError: A value is out of its range; the message names it.
    """

    precisions: tuple[str, ...] = ("int8",)
    """The precisions to write."""
    formats: tuple[str, ...] | None = None
    """The formats to write; each precision is written in those that support it. None for all formats."""
    targets: tuple[str, ...] | None = None
    """Machines that libraries are compiled for; None for this one."""
    io: str | None = None
    """Dtype of the inputs and, if the format supports it, outputs; None for the default of each precision."""
    source: SourceConfig = field(default_factory=SourceConfig)
    """What is said about the model."""
    conversion: ConversionConfig = field(default_factory=ConversionConfig)
    """Settings of the conversion."""
    auto_mixed: bool = False
    """If an int8 file fails, replace it by a mixed file with as few layers as possible in float."""
    gates: GateConfig = field(default_factory=GateConfig)
    """The limits for the files."""
    calibration_samples: int | None = None
    """Number of calibration images, at least 1; None for `CALIBRATION_SAMPLES`, or for all if there are fewer."""
    calibration_data: Path | None = None
    """A folder of pictures to calibrate on, at most `calibration_samples` of them; None for training images."""
    seed: int = 0
    """Seed of the choice of calibration images."""
    project: ProjectConfig | None = None
    """A project of the C program to write beside the bundle."""
    signing: SigningConfig | None = None
    """How the bundle is signed; None: it is not."""
    least_confidence: LeastConfidence | None = None
    """Predictions with less confidence are rejected, 0 to below 1, or a name of a threshold; None uses the model's
    own threshold, else `balanced`."""

    def __post_init__(self) -> None:
        _ = self.kinds  # raises for unknown or unsupported kinds
        if self.conversion.calibration_method != "minmax" and any(kind.is_calibrated_tflite for kind in self.kinds):
            raise UsageError(
                f"`calibration_method` {self.conversion.calibration_method}: TensorFlow's converter supports only "
                "minmax; choose `formats` onnx"
            )
        if self.conversion.allow_saturation and not any(kind.may_saturate for kind in self.kinds):
            raise UsageError(
                "`allow_saturation`: only int8 ONNX files can saturate, and none is requested; leave it out "
                "(TFLite's kernels add in 32 bits)"
            )
        if self.gates.min_int8_parity is not None and INT8_PRECISION not in self.precisions:
            raise UsageError(
                f"min_int8_parity compares two int8 files, and `precisions` {','.join(self.precisions)} writes none; "
                "add int8, or leave the limit out"
            )
        if self.calibration_samples is not None and self.calibration_samples < 1:
            raise UsageError(f"`calibration_samples` must be at least 1, not {self.calibration_samples}")
        check_least_confidence(self.least_confidence)
        formats = {kind.format for kind in self.kinds}
        program = next((kind.format for kind in self.kinds if kind.is_program), None)
        if self.conversion.max_ram_bytes is not None and program is None:
            raise UsageError("`max_ram_bytes`: only C programs state the memory that they work in; add c to `formats`")
        if program and self.auto_mixed:
            raise UsageError(
                f"`auto_mixed`: a C program has no layers in float; leave it out, or {program} out of `formats`"
            )
        if self.project and C_FORMAT not in formats:
            raise UsageError("`project`: a project holds the C program; add c to `formats`")
        if self.targets is not None and LIBRARY_FORMAT not in formats:
            raise UsageError(f"`targets`: only libraries are for one machine; add {LIBRARY_FORMAT} to `formats`")
        if self.seed < 0:
            raise UsageError(f"`seed` must be at least 0, not {self.seed}")

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of files to write, precision by precision."""
        return choose_kinds(self.precisions, self.formats or FORMAT_NAMES, self.io, self.targets)

    @property
    def absent(self) -> list[str]:
        """Requested combinations of precision and format that do not exist, with the reason."""
        return list_absent(self.precisions, self.formats or ())
