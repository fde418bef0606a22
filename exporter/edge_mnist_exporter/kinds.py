"""List which precisions exist in which format and with which input dtypes, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge_mnist_exporter.targets import Target, choose_targets
from edge_mnist_runtime.bundles.program_formats import C_FORMAT, LIBRARY_FORMAT, PAGE_FILE, PAGE_FORMAT, WASM_FORMAT
from edge_mnist_runtime.contract import SATURATING_PRECISIONS
from edge_mnist_runtime.errors import UsageError

FORMAT_NAMES: Final = ("tflite", "onnx")
"""What is written where nobody names a format."""

PROGRAM_FORMATS: Final = (C_FORMAT, WASM_FORMAT, PAGE_FORMAT, LIBRARY_FORMAT)
"""What is made of the integer program of the int8 TFLite file; written only where it is named."""

ALL_FORMATS: Final = (*FORMAT_NAMES, *PROGRAM_FORMATS)
"""What may be asked for."""

DTYPES_OF_KIND: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("tflite", "fp32"): ("uint8", "float32"),
    ("tflite", "fp16"): ("uint8", "float32"),
    ("tflite", "int8"): ("uint8", "int8", "float32"),
    ("tflite", "int16x8"): ("float32",),
    ("tflite", "dynamic"): ("uint8", "float32"),
    ("onnx", "fp32"): ("uint8", "float32"),
    ("onnx", "fp16"): ("uint8", "float32"),
    ("onnx", "int8"): ("uint8", "float32"),
    **{(name, "int8"): ("uint8",) for name in PROGRAM_FORMATS},
}
"""Input dtypes by format and precision, the default first."""

PRECISION_NAMES: Final = tuple(dict.fromkeys(precision for _, precision in DTYPES_OF_KIND))
"""Precisions that may be requested. `auto_mixed` makes a further one, `mixed`, if int8 fails."""

ABSENT: Final = {
    ("onnx", "dynamic"): "onnxruntime's dynamic quantizer turns convolutions into ConvInteger, several times slower "
    "than float and refused by some builds",
    ("onnx", "int16x8"): "onnxruntime has no int16 convolutions",
    **{
        (name, precision): f"the {title} program computes in int8 alone"
        for name, title in zip(PROGRAM_FORMATS, ("C", "WebAssembly", "page's", "compiled"), strict=True)
        for precision in ("fp32", "fp16", "int16x8", "dynamic")
    },
}
"""Why a precision does not exist in a format."""

NO_INPUT: Final = {
    ("onnx", "int8", "int8"): "onnxruntime's fast kernels take uint8 activations",
    ("tflite", "int16x8", "uint8"): "its kernels take int16 values, not bytes",
    ("tflite", "int16x8", "int8"): "its kernels take int16 values, not bytes",
    **{(name, "int8", "int8"): "its pixels are bytes 0..255" for name in PROGRAM_FORMATS},
}
"""Why a precision does not have an input dtype. All others compute in float from the first layer on."""


@dataclass(frozen=True)
class Kind:
    """One kind of file."""

    format: str
    precision: str
    input_dtype: str
    target: Target | None = None
    """The kind of machine that a library is for; None for any other file."""

    @property
    def is_program(self) -> bool:
        """Whether it is the integer program, as source or compiled."""
        return self.format in PROGRAM_FORMATS

    def name_file(self, model: str) -> str:
        """Name of its file of a model in a bundle."""
        return PAGE_FILE if self.format == PAGE_FORMAT else f"{model}_{self.precision}{self.suffix}"

    @property
    def suffix(self) -> str:
        """How names of its files end: `.c`, or `.x86_64-linux.so`."""
        return f".{self.format}" if self.target is None else f".{self.target.name}{self.target.suffix}"

    @property
    def is_calibrated_tflite(self) -> bool:
        """Whether TensorFlow's converter chooses its quantization ranges from calibration images."""
        return (self.format == "tflite" or self.is_program) and self.precision in ("int8", "int16x8")

    @property
    def may_saturate(self) -> bool:
        """Whether 8-bit weights could saturate its sums. TFLite's cannot: its kernels add in 32 bits."""
        return self.format == "onnx" and self.precision in SATURATING_PRECISIONS

    @property
    def has_8_bit_input(self) -> bool:
        """Whether its input is quantized so that each step is one byte value."""
        return self.precision in ("int8", "mixed") and self.input_dtype != "float32"


def choose_kinds(
    precisions: tuple[str, ...], formats: tuple[str, ...], io: str | None, targets: tuple[str, ...] | None = None
) -> tuple[Kind, ...]:
    """List every existing combination of the precisions and formats. `list_absent` lists the others.

    Args:
        precisions: Requested precisions.
        formats: Requested formats.
        io: Input dtype; None for the default of each combination.
        targets: Names of the machines that libraries are for; None for this one.

    Raises:
        UsageError: A name is unknown, a precision exists in none of the formats, or a combination does not have the
            input dtype.
    """
    _check_known("`precisions`", precisions, PRECISION_NAMES)
    _check_known("`formats`", formats, ALL_FORMATS)
    kinds = []
    for precision in precisions:
        known = [format_name for format_name in formats if (format_name, precision) in DTYPES_OF_KIND]
        if not known:
            reasons = "; ".join(list_absent((precision,), formats))
            raise UsageError(f"`precisions` {precision}, `formats` {','.join(formats)}: {reasons}")
        for format_name in known:
            for target in choose_targets(targets) if format_name == LIBRARY_FORMAT else [None]:
                kinds.append(Kind(format_name, precision, _choose_input(format_name, precision, io), target))
    return tuple(kinds)


def list_absent(precisions: tuple[str, ...], formats: tuple[str, ...]) -> list[str]:
    """List the combinations that do not exist, one line each with the reason."""
    return [
        f"there is no {precision} {format_name} file: {ABSENT[format_name, precision]}"
        for precision in precisions
        for format_name in formats
        if (format_name, precision) in ABSENT
    ]


def _choose_input(format_name: str, precision: str, io: str | None) -> str:
    dtypes = DTYPES_OF_KIND[format_name, precision]
    if io is None or io in dtypes:
        return io or dtypes[0]
    reason = NO_INPUT.get((format_name, precision, io), "it computes in float from the first layer on")
    others = [name for name in FORMAT_NAMES if io in DTYPES_OF_KIND.get((name, precision), ())]
    raise UsageError(
        f"`io` {io}: {precision} {format_name} takes {' or '.join(dtypes)}"
        + (f"; {reason}" if io in ("uint8", "int8") else "")
        + (f"; choose `formats` {others[0]}" if others else "")
    )


def _check_known(parameter: str, names: tuple[str, ...], known: tuple[str, ...]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        found = repr(unknown[0]) if unknown else "none"
        raise UsageError(f"{parameter}: {found} is unknown; expected one or more of {','.join(known)}")
