"""The command `edge-mnist transfer-set`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.errors import OutputError, UsageError
from edge_mnist_runtime.paths import exists, is_folder, is_url, list_folder
from edge_mnist_trainer.networks.architectures import DEFAULT_ARCHITECTURE, find_architecture

if TYPE_CHECKING:
    from edge_mnist_trainer.augment.settings import Augmentation


def transfer_set(
    teachers: Annotated[list[Path], typer.Argument(help="Run folders or built-in models; their answers are averaged.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new folder for the transfer set.")],
    views: Annotated[int, typer.Option(help="Distorted copies of each digit; 48 MB per copy of MNIST.")] = 20,
    architecture: Annotated[
        str, typer.Option("--arch", help="Use the distortions of this architecture.")
    ] = DEFAULT_ARCHITECTURE,
    strength: Annotated[
        float, typer.Option(help="Strength of rotations, shifts and elastic distortion, 0 to 1.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the distortions.")] = 0,
    data: Annotated[
        Path | None,
        typer.Option(
            help="MNIST or your own digits, as for edge-mnist train.",
            show_default="$EDGE_MNIST_DATA, else Keras's cache or download",
        ),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Make a transfer set: distorted digits with the predictions of trained networks, for a small one to learn.

    Next: edge-mnist train --arch NAME --transfer-set DIR
    """
    from edge_mnist_runtime.commands.chatter import chatter_silenced
    from edge_mnist_runtime.dataset import find_mnist_folder
    from edge_mnist_runtime.extras import require_extra
    from edge_mnist_trainer.commands.train import TRAIN_MODULES

    augmentation = find_architecture(architecture).config.augmentation
    if augmentation is None:
        raise UsageError(f"--arch {architecture}: trains on undistorted images; name another architecture")
    if not 0 <= strength <= 1:
        raise UsageError(f"--strength must be 0 to 1, not {strength}")
    if views < 1:
        raise UsageError(f"--views must be at least 1, not {views}")
    if exists(output) and (not is_folder(output) or list_folder(output)):
        raise UsageError(f"{output}: already exists; name a new folder with -o")
    require_extra("train", "edge-mnist transfer-set", *TRAIN_MODULES)
    find_mnist_folder(data)
    models = [_find_teacher(path) for path in teachers]
    with chatter_silenced(show=debug) as terminal:
        _make(models, output, augmentation.weakened(strength), views, seed, data, terminal)
    typer.echo(f"{output}\nNext: edge-mnist train --arch {architecture} --transfer-set {output}")


def _find_teacher(source: Path) -> Path:
    """Find the .keras file for a run folder or the name of a reference model."""
    from edge_mnist_trainer.networks.reference_models import REFERENCE_MODELS, find_reference_model
    from edge_mnist_trainer.run_folder import open_run_folder

    if exists(source) or is_url(source):
        return open_run_folder(source).require_model()
    if str(source) not in REFERENCE_MODELS:
        raise UsageError(f"{source}: not a run folder, nor one of {', '.join(REFERENCE_MODELS)}")
    return find_reference_model(str(source))


def _make(
    models: list[Path],
    output: Path,
    augmentation: Augmentation,
    views: int,
    seed: int,
    data: Path | None,
    terminal: Any,
) -> None:
    import hashlib

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from edge_mnist_trainer.data.sources import load_digit_set
    from edge_mnist_trainer.fit.transfer_set import make_transfer_set
    from edge_mnist_trainer.networks.keras_file import load_keras

    digits = load_digit_set(data)
    for line in digits.remarks:
        print(line, file=terminal)
    networks = {hashlib.sha256(path.read_bytes()).hexdigest(): load_keras(path) for path in models}
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    columns = (TextColumn("labelling"), BarColumn(bar_width=None), TimeElapsedColumn(), TimeRemainingColumn())
    console = Console(file=terminal)
    try:
        partial.mkdir(parents=True)
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("labelling", total=None)
            make_transfer_set(
                digits.training,
                networks,
                augmentation,
                partial,
                views=views,
                seed=seed,
                on_batch=lambda done, total: bar.update(task, completed=done, total=total),
            )
        partial.replace(output)
    except OSError as error:
        raise OutputError(
            f"{output}: cannot be written ({error.strerror or error}); free space or name another folder with -o"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
