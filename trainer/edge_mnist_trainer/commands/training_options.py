"""The options of `edge-mnist train`: their help texts, and the training job that they describe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_mnist_runtime.errors import UsageError
from edge_mnist_trainer.networks.architectures import DEFAULT_ARCHITECTURE, custom_architecture, find_architecture

if TYPE_CHECKING:
    from edge_mnist_trainer.training_run import TrainingJob

OWN = "the architecture's"
CUSTOM_PANEL = "Sizes of --arch custom"

ArchOption = Annotated[
    str | None,
    typer.Option("--arch", help="The network; edge-mnist archs lists them.", show_default=DEFAULT_ARCHITECTURE),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        help="MNIST's IDX files, or your own digits: pictures in folders 0 to 9, EMNIST's IDX files, .csv, .tsv, "
        ".npz, .mat or .pkl (also .gz), or a folder of .csv or .npy files.",
        show_default="$EDGE_MNIST_DATA, else Keras's cache or download",
    ),
]
EpochsOption = Annotated[int | None, typer.Option(help="Passes over the training images.", show_default=OWN)]
BatchSizeOption = Annotated[int | None, typer.Option(help="Images in one optimizer step.", show_default=OWN)]
LearningRateOption = Annotated[
    float | None, typer.Option("--learning-rate", help="Peak learning rate.", show_default=OWN)
]
PatienceOption = Annotated[
    int | None, typer.Option(help="End after so many epochs without a better validation loss.", show_default=OWN)
]
SeedOption = Annotated[int | None, typer.Option(help="Seed of weights, order and distortions.", show_default="0")]
TransferSetOption = Annotated[
    Path | None,
    typer.Option(help="Learn from a teacher: a folder that edge-mnist transfer-set made.", show_default="none"),
]
StartFromOption = Annotated[
    Path | None,
    typer.Option(
        help="Fine-tune: start from the weights of a run, a .keras file, edge, nano, micro or robust.",
        show_default="random weights",
    ),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="The run folder.", show_default="a new one, runs/ARCH...")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace the run in the run folder.")]
ResumeOption = Annotated[
    Path | None, typer.Option(help="Continue this run with its own settings.", show_default="none")
]
TensorboardOption = Annotated[bool, typer.Option("--tensorboard", help="Also write logs for TensorBoard.")]
FiltersOption = Annotated[
    str | None,
    typer.Option(help="Channels of each convolution.", show_default="32,64", rich_help_panel=CUSTOM_PANEL),
]
KernelSizeOption = Annotated[
    int | None, typer.Option(help="Kernel size, in pixels.", show_default="3", rich_help_panel=CUSTOM_PANEL)
]
PoolOption = Annotated[
    int | None, typer.Option(help="Pooling size, in pixels.", show_default="2", rich_help_panel=CUSTOM_PANEL)
]
DenseOption = Annotated[
    str | None,
    typer.Option(help="Units of each hidden layer.", show_default="64", rich_help_panel=CUSTOM_PANEL),
]


def plan_job(arch: str | None, settings: dict[str, Any], sizes: dict[str, Any], output: Path | None) -> TrainingJob:
    """Plan a new run: the architecture's own settings, changed by the options.

    Raises:
        UsageError: There is no such architecture, or an option does not belong to it or is out of its range.
    """
    from edge_mnist_trainer.run_folder import unused_run_path
    from edge_mnist_trainer.training_run import TrainingJob

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
    """Raise `UsageError` if any of these parameters was given. Their keys are the names for the message."""
    given = next((name for name, value in parameters.items() if value is not None), None)
    if given:
        raise UsageError(f"`{given}` cannot be changed with --resume: a run continues with its own settings")
