"""The options that `export` and `debug` share, and the groups in which --help shows them."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from edge_mnist_exporter.config import CALIBRATION_SAMPLES

FILES: Final = "The files"
CALIBRATION: Final = "Calibration"
MODEL: Final = "The model, where it does not say so itself"

InputRangeOption = Annotated[
    str | None,
    typer.Option(
        metavar="RANGE",
        help="What the network was trained on: 0..1, 0..255, -1..1, or MEAN,STD.",
        show_default="its rescaling layer's, else 0..1",
        rich_help_panel=MODEL,
    ),
]

PerChannelOption = Annotated[
    bool,
    typer.Option(
        "--per-channel/--no-per-channel",
        help="One weight scale an output channel, or one a layer.",
        rich_help_panel=FILES,
    ),
]

CalibrationMethodOption = Annotated[
    str, typer.Option(metavar="NAME", help="minmax; for ONNX also entropy or percentile.", rich_help_panel=CALIBRATION)
]

CalibrationSamplesOption = Annotated[
    int | None,
    typer.Option(
        help="Training images that fix the int8 ranges.",
        show_default=f"{CALIBRATION_SAMPLES}, or all of fewer",
        rich_help_panel=CALIBRATION,
    ),
]

SeedOption = Annotated[int, typer.Option(help="Decides which images those are.", rich_help_panel=CALIBRATION)]

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")]
