"""Options of `bench` and `compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from edge_mnist_runtime.commands.options import MODELS_HELP

SIDE_HELP: Final = "Model file, bundle folder, built-in model, or report of `bench --json`"

ModelsArgument = Annotated[list[Path] | None, typer.Argument(help=MODELS_HELP, show_default="robust")]

SamplesOption = Annotated[int, typer.Option(help="Maximum number of predictions of each model.")]
SecondsOption = Annotated[float, typer.Option(help="Maximum measuring time of each model, in seconds.")]
ThreadCountsOption = Annotated[str, typer.Option(help="Thread counts to measure, such as 1,2,4.")]
BatchSizesOption = Annotated[str, typer.Option("--batch", help="Batch sizes for throughput.")]

RateOption = Annotated[
    float | None,
    typer.Option(help="Predictions a second, started at fixed times.", show_default="one after the other"),
]
PoissonOption = Annotated[
    float | None, typer.Option(help="The same, at the random times of many clients.", show_default=False)
]
SloOption = Annotated[
    float | None, typer.Option(help="Find the highest rate with p99 under this many ms.", show_default=False)
]
StreamsOption = Annotated[int, typer.Option(help="Also measure so many threads that call a model at once.")]

ReferenceOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Give all models as ratios to this one.", show_default=False)
]

DigitsOption = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of MNIST's IDX files.", show_default="$EDGE_MNIST_DATA, else sample pictures"),
]

ProfileOption = Annotated[bool, typer.Option("--profile", help="Also time every operator (.onnx only).")]
RunsOption = Annotated[
    int, typer.Option(help="New processes that measure each model against the yardstick, for compare.")
]
StartupOption = Annotated[bool, typer.Option(help="Measure import time and peak memory, in new processes.")]
CountOption = Annotated[
    bool, typer.Option("--instructions", help="Also count the instructions of a digit (seconds a model).")
]

PlotOption = Annotated[
    Path | None, typer.Option(help="Plot the latencies into this file (.png, .svg, .pdf).", show_default=False)
]
MarkdownOption = Annotated[bool, typer.Option("--markdown", help="Print only a Markdown table.")]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print only comma-separated values.")]

OldArgument = Annotated[Path, typer.Argument(help=f"{SIDE_HELP}, before the change.", show_default=False)]
NewArgument = Annotated[Path, typer.Argument(help="The same after the change.", show_default=False)]

MaxRegressionOption = Annotated[
    str | None,
    typer.Option(metavar="PERCENT", help="Allowed growth.", show_default="5% of two timed reports, else 2%"),
]
ProcessesOption = Annotated[
    int | None, typer.Option(help="Maximum number of processes to measure models in.", show_default="32")
]
ProcessSecondsOption = Annotated[
    float | None, typer.Option(help="Measuring time of models in one process.", show_default="0.3")
]
ProcessThreadsOption = Annotated[int | None, typer.Option(help="Threads that one call may use.", show_default="1")]
CompareCountsOption = Annotated[
    bool, typer.Option("--instructions", help="Compare the instructions of a digit instead of its latency.")
]
LenientOption = Annotated[bool, typer.Option("--lenient", help="Exit with 0 if there is no verdict, not with 9.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Compare reports although machines or settings differ.")]
