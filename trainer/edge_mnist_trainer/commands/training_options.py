"""The options of `edge-mnist train`: what each one says of itself, and what all of them make a run do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from edge_mnist_runtime.errors import UsageError
from edge_mnist_trainer.networks.architectures import DEFAULT_ARCHITECTURE, custom_architecture, find_architecture
from edge_mnist_trainer.training_run import TrainingJob

OWN = "as the architecture has it"
CUSTOM_PANEL = "Sizes of --arch custom"

ArchOption = Annotated[
    str | None,
    typer.Option("--arch", help="Which network; edge-mnist archs lists them.", show_default=DEFAULT_ARCHITECTURE),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        help="MNIST's IDX files, or your own digits: folders 0 to 9 of pictures, EMNIST's IDX files, .csv, .tsv, "
        ".npz, .mat or .pkl (also .gz), or a folder of .csv or .npy files.",
        show_default="$EDGE_MNIST_DATA, else Keras's cache or download",
    ),
]
EpochsOption = Annotated[int | None, typer.Option(help="Passes over the training images.", show_default=OWN)]
BatchSizeOption = Annotated[int | None, typer.Option(help="Images in one optimizer step.", show_default=OWN)]
LearningRateOption = Annotated[float | None, typer.Option("--learning-rate", help="The highest one.", show_default=OWN)]
PatienceOption = Annotated[
    int | None, typer.Option(help="End after so many epochs without a better validation loss.", show_default=OWN)
]
SeedOption = Annotated[int | None, typer.Option(help="Decides weights, order and distortions.", show_default="0")]
TransferSetOption = Annotated[
    Path | None, typer.Option(help="Learn from a teacher: what edge-mnist transfer-set made.", show_default="none")
]
StartFromOption = Annotated[
    Path | None,
    typer.Option(
        help="Fine-tune: begin with the weights of a run, a .keras file, edge, nano or robust.",
        show_default="random ones",
    ),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="The run folder.", show_default="a new one, runs/ARCH...")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace the run that is in that folder.")]
ResumeOption = Annotated[
    Path | None, typer.Option(help="Go on with this run, with its own settings.", show_default="none")
]
TensorboardOption = Annotated[bool, typer.Option("--tensorboard", help="Write logs for TensorBoard, too.")]
FiltersOption = Annotated[
    str | None,
    typer.Option(help="Channels of each convolution.", show_default="32,64", rich_help_panel=CUSTOM_PANEL),
]
KernelSizeOption = Annotated[
    int | None, typer.Option(help="Side of the kernels.", show_default="3", rich_help_panel=CUSTOM_PANEL)
]
PoolOption = Annotated[
    int | None, typer.Option(help="Side of the poolings.", show_default="2", rich_help_panel=CUSTOM_PANEL)
]
DenseOption = Annotated[
    str | None,
    typer.Option(help="Units of each hidden layer.", show_default="64", rich_help_panel=CUSTOM_PANEL),
]


def plan_job(arch: str | None, settings: dict[str, Any], sizes: dict[str, Any], output: Path | None) -> TrainingJob:
    """A new run: an architecture's own settings, but for those that were asked for.

    Raises:
        UsageError: There is no such architecture, or an option does not belong to it or is out of its range.
    """
    from edge_mnist_trainer.run_folder import unused_run_path

    architecture = find_architecture(arch or DEFAULT_ARCHITECTURE)
    asked = {name: value for name, value in sizes.items() if value is not None}
    if asked and architecture.name != "custom":
        raise UsageError(f"`{next(iter(asked))}` belongs to --arch custom; {architecture.name} has its own sizes")
    if asked:
        for name in asked.keys() & {"filters", "dense"}:
            asked[name] = _read_sizes(name, asked[name])
        architecture = custom_architecture(**asked)
    config = replace(architecture.config, **{name: value for name, value in settings.items() if value is not None})
    return TrainingJob(architecture, config, output or unused_run_path(architecture.name), resume=False)


def _read_sizes(parameter: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise UsageError(f"`{parameter}` {text}: must be whole numbers with commas between, like 32,64") from None


def refuse_beside_resume(parameters: dict[str, Any]) -> None:
    """Raise `UsageError` if any of the command's parameters, by name, was given."""
    given = next((name for name, value in parameters.items() if value is not None), None)
    if given:
        raise UsageError(f"`{given}` cannot be changed with --resume: a run goes on with its own settings")
