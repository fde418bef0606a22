"""Options that only `edge-mnist export` has. `ExportConfig` explains them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from edge_mnist_exporter.commands.conversion_options import CALIBRATION, DEFAULTS, FILES, MODEL
from edge_mnist_exporter.config import SigningConfig
from edge_mnist_runtime.errors import UsageError

SIGNATURE: Final = "Signature"

ModelOption = Annotated[
    Path | None,
    typer.Argument(
        help="A .keras or .h5 file, a SavedModel, a run folder, or a reference model: edge, nano, micro, robust.",
        show_default="the newest run under runs/, else the reference model",
    ),
]

Int8Option = Annotated[bool, typer.Option("--int8", help="Short for --precision int8.")]

PrecisionsOption = Annotated[
    str | None,
    typer.Option(
        "--precision", metavar="LIST", help="One or more of fp32,fp16,int8,int16x8,dynamic.", show_default="int8"
    ),
]

FormatsOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="LIST",
        help="One or more of tflite,onnx,c,wasm,page,lib; each precision in those that support it.",
        show_default="tflite,onnx",
    ),
]

TargetsOption = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="LIST",
        help="Machines to compile lib for, such as x86_64-linux,armv7-linux. Other machines need the extra native.",
        show_default="this machine",
    ),
]

OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="The bundle folder.", show_default="bundles/NAME")
]

MaxDropOption = Annotated[
    float | None,
    typer.Option(
        "--max-drop",
        metavar="POINTS",
        help="Maximum loss of top-1 against Keras, in percentage points.",
        show_default=f"{DEFAULTS.gates.max_drop_points:g}",
    ),
]

MinAgreementOption = Annotated[
    float | None,
    typer.Option(
        metavar="FRACTION",
        help="Minimum fraction of the images with the same answer as Keras.",
        show_default=f"{DEFAULTS.gates.min_agreement:g}",
    ),
]

MaxProbabilityDiffOption = Annotated[
    float | None,
    typer.Option(
        metavar="DIFF",
        help="Maximum difference of any probability from Keras's, in 0..1.",
        show_default="not checked",
    ),
]

GateOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.toml",
        help="Limits from a file: a table \\[gate] with any of max_drop_points, min_agreement, "
        "max_probability_diff, min_top1 (of every file), min_int8_parity (fraction of the images on which the two "
        "int8 files agree). Options override it.",
    ),
]

IoOption = Annotated[
    str | None,
    typer.Option(
        metavar="DTYPE",
        help="Dtype of the input: uint8, int8 or float32.",
        show_default="uint8; float32 for int16x8",
        rich_help_panel=FILES,
    ),
]

AllowSaturationOption = Annotated[
    bool,
    typer.Option(
        "--allow-saturation",
        help="Let int8 ONNX weights use all 8 bits; their sums saturate on x86 without VNNI.",
        rich_help_panel=FILES,
    ),
]

OpsetOption = Annotated[int, typer.Option(help="ONNX opset, 13 to 18.", rich_help_panel=FILES)]

MaxRamOption = Annotated[
    int | None,
    typer.Option(
        "--max-ram",
        metavar="BYTES",
        help="Most memory that a C program may work in.",
        show_default="any",
        rich_help_panel=FILES,
    ),
]

ProjectOption = Annotated[
    tuple[str, Path] | None,
    typer.Option(
        metavar="KIND DIR",
        help="Also write the C program as a project: cmake, arduino or zephyr, and a new folder.",
        show_default=False,
        rich_help_panel=FILES,
    ),
]

AutoMixedOption = Annotated[
    bool,
    typer.Option(
        "--auto-mixed",
        help="If an int8 file fails, keep as few layers as possible in float: NAME_mixed.",
    ),
]

CalibrationDataOption = Annotated[
    Path | None,
    typer.Option(
        help="A folder of pictures to calibrate on, at most --calibration-samples of them.",
        show_default=False,
        rich_help_panel=CALIBRATION,
    ),
]

LabelsOption = Annotated[
    Path | None,
    typer.Option(
        help="File with the class names, one per line, or a JSON list.",
        show_default="0, 1, 2, ...",
        rich_help_panel=MODEL,
    ),
]

LeastConfidenceOption = Annotated[
    str | None,
    typer.Option(
        metavar="VALUE",
        help="The runtime rejects predictions with less confidence: lenient, balanced, strict, or 0..1; 0 rejects "
        "none.",
        show_default="that of the training run, else chosen on validation images",
    ),
]

SignOption = Annotated[
    Path | None,
    typer.Option(
        metavar="KEY",
        help="Sign the bundle with this Ed25519 private key (PEM).",
        show_default=False,
        rich_help_panel=SIGNATURE,
    ),
]

BundleVersionOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Number of this release in the signature; raise it each time, and devices refuse older ones.",
        show_default="none",
        rich_help_panel=SIGNATURE,
    ),
]

ValidDaysOption = Annotated[
    int | None,
    typer.Option(
        metavar="DAYS",
        help="Days after which the signature is invalid.",
        show_default="never expires",
        rich_help_panel=SIGNATURE,
    ),
]

DataOption = Annotated[
    Path | None,
    typer.Option(
        help="MNIST's IDX files, your own digits as for edge-mnist train, or images of your model's own shape.",
        show_default="$EDGE_MNIST_DATA, else Keras's cache or download, else scikit-learn's digits, with a note",
    ),
]


def describe_signing(sign: Path | None, bundle_version: int | None, valid_days: int | None) -> SigningConfig | None:
    """Parse the options about the signature.

    Raises:
        UsageError: A value is out of range, or there is no key to sign it with.
    """
    if sign is not None:
        return SigningConfig(sign, bundle_version, valid_days)
    for option, value in (("--bundle-version", bundle_version), ("--valid-days", valid_days)):
        if value is not None:
            raise UsageError(f"{option} is part of the signature; add --sign KEY")
    return None
