"""Options that `export` and `debug` share, and the headings of their groups in --help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from edge_mnist_exporter.config import CALIBRATION_SAMPLES, ExportConfig, SourceConfig
from edge_mnist_exporter.source.options import parse_input_range, read_labels

DEFAULTS: Final = ExportConfig()
"""The defaults of the options."""

FILES: Final = "The files"
CALIBRATION: Final = "Calibration"
MODEL: Final = "The model, where its file does not say it"

InputRangeOption = Annotated[
    str | None,
    typer.Option(
        metavar="RANGE",
        help="Input values that the network was trained on: 0..1, 0..255, -1..1, or MEAN,STD.",
        show_default="its rescaling layer's, else 0..1",
        rich_help_panel=MODEL,
    ),
]

UnsafeOption = Annotated[
    bool, typer.Option("--unsafe", help="Run code in the model file (Lambda layers).", rich_help_panel=MODEL)
]

PerChannelOption = Annotated[
    bool,
    typer.Option(
        "--per-channel/--no-per-channel",
        help="One weight scale per output channel, or one per layer.",
        rich_help_panel=FILES,
    ),
]

CalibrationMethodOption = Annotated[
    str, typer.Option(metavar="NAME", help="minmax; for ONNX also entropy or percentile.", rich_help_panel=CALIBRATION)
]

CalibrationSamplesOption = Annotated[
    int | None,
    typer.Option(
        help="Number of training images to calibrate the int8 ranges on.",
        show_default=f"{CALIBRATION_SAMPLES}, or all if there are fewer",
        rich_help_panel=CALIBRATION,
    ),
]

SeedOption = Annotated[int, typer.Option(help="Seed of the choice of calibration images.", rich_help_panel=CALIBRATION)]


def describe_source(input_range: str | None, labels: Path | None = None, *, unsafe: bool) -> SourceConfig:
    """Parse the options about a model.

    Raises:
        UsageError: The range is unknown, or the labels cannot be read.
    """
    return SourceConfig(
        labels=None if labels is None else read_labels(labels),
        input_range=None if input_range is None else parse_input_range(input_range),
        unsafe=unsafe,
    )
