"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, cast

import typer

from edge_mnist_runtime.thresholds import MAX_REJECTED, LeastConfidence

MODELS_HELP: Final = "Bundle folder, .onnx or .tflite file, or a built-in model: robust, edge, micro or nano."
MODE_HELP: Final = "How to read pictures: auto, mnist (clean drawings), photo, or raw (28 x 28 tensors)."

ModelOption = Annotated[Path | None, typer.Option("--model", "-m", help=MODELS_HELP, show_default="robust")]

BackendOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Engine that runs the model: onnxruntime, litert, or auto (a bundle's fastest file on this device).",
        show_default="onnxruntime for bundles; by suffix for a single file",
    ),
]

OnlyBackendOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Use only the files that this engine runs: onnxruntime or litert.", show_default="all"
    ),
]

ModeOption = Annotated[str, typer.Option("--mode", "--preprocess", metavar="MODE", help=MODE_HELP, show_default=True)]
"""`--preprocess` is its old name."""

ModeBesideRawOption = Annotated[
    str | None,
    typer.Option("--mode", "--preprocess", metavar="MODE", help=MODE_HELP, show_default="auto; raw with --raw"),
]
"""The mode of `classify`; None if the option is not given, because `--raw` changes the default."""

CONFIDENCE_HELP: Final = "Reject predictions with less confidence: lenient, balanced, strict, or 0..1; 0 rejects none."

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

JsonOption = Annotated[bool, typer.Option("--json", help="Print only JSON on standard output.")]


def parse_least_confidence(text: str | None) -> LeastConfidence | None:
    """Parse the value of `LeastConfidenceOption`. The library checks names and ranges."""
    if text is None or text in MAX_REJECTED:
        return cast("LeastConfidence | None", text)
    try:
        return float(text)
    except ValueError:
        return cast("LeastConfidence", text)
