"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.thresholds import MAX_REJECTED, LeastConfidence

if TYPE_CHECKING:
    from edge_mnist_runtime.bundles.signature import SignaturePolicy

MODELS_HELP: Final = "Bundle folder, .onnx or .tflite file, or a built-in model: robust, edge, micro or nano."
MODE_HELP: Final = "How to read pictures: auto, mnist (clean drawings), photo, or raw (28 x 28 tensors)."

ModelOption = Annotated[Path | None, typer.Option("--model", "-m", help=MODELS_HELP, show_default="robust")]

BackendOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Engine that runs the model: onnxruntime, litert, native, or auto (a bundle's fastest file here).",
        show_default="onnxruntime for bundles; by suffix for a single file",
    ),
]

FixedBackendOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Engine that runs the model: onnxruntime, litert or native.", show_default="by model"
    ),
]
"""Without `auto`: several machines must run the same file."""

OnlyBackendOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Use only the files that this engine runs: onnxruntime, litert or native.",
        show_default="all",
    ),
]

ModeOption = Annotated[str, typer.Option("--mode", "--preprocess", metavar="MODE", help=MODE_HELP, show_default=True)]
"""`--preprocess` is its old name."""

ModeBesideRawOption = Annotated[
    str | None,
    typer.Option("--mode", "--preprocess", metavar="MODE", help=MODE_HELP, show_default="auto; raw with --raw"),
]
"""The mode of `classify`; None if the option is not given, because `--raw` changes the default."""

CONFIDENCE_HELP: Final = "Reject predictions with less confidence: lenient, balanced, strict, or 0 to below 1."

LeastConfidenceOption = Annotated[
    str | None, typer.Option(metavar="VALUE", help=CONFIDENCE_HELP, show_default="the file's own")
]

AccuracyDataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Also measure accuracy, on MNIST's IDX files (folder) or an .npz file of images and labels.",
        show_default=False,
    ),
]

KeyOption = Annotated[
    Path | None,
    typer.Option(
        metavar="PUB",
        help="Ed25519 public key (PEM): the bundle must have a valid signature of it. Needs the extra sign.",
        show_default=False,
    ),
]

MinVersionOption = Annotated[
    int | None, typer.Option(metavar="N", help="Lowest accepted version of a signed bundle.", show_default="any")
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print only JSON on standard output.")]


def parse_least_confidence(text: str | None) -> LeastConfidence | None:
    """Parse the value of `LeastConfidenceOption`. The library checks names and ranges."""
    if text is None or text in MAX_REJECTED:
        return cast("LeastConfidence | None", text)
    try:
        return float(text)
    except ValueError:
        return cast("LeastConfidence", text)


def load_policy(key: Path | None, min_version: int | None) -> SignaturePolicy | None:
    """Load the key of `KeyOption`; None without one.

    Raises:
        UsageError: The key cannot be used, or there is a `min_version` without a key.
        MissingExtraError: The extra `sign` is not installed.
    """
    if key is None:
        if min_version is not None:
            raise UsageError("--min-version needs --key: only a signed version can be trusted")
        return None
    from edge_mnist_runtime.bundles.signature import SignaturePolicy

    return SignaturePolicy.load(key, min_version=min_version)
