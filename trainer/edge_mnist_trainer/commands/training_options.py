"""The options of `edge-mnist train`, made into a run to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_mnist_runtime.errors import UsageError
from edge_mnist_trainer.networks.architectures import DEFAULT_ARCHITECTURE, custom_architecture, find_architecture
from edge_mnist_trainer.training_run import TrainingJob


def plan_job(arch: str | None, settings: dict[str, Any], sizes: dict[str, Any], output: Path | None) -> TrainingJob:
    """A new run: an architecture's own settings, but for those that were asked for.

    Raises:
        UsageError: There is no such architecture, or an option does not belong to it or is out of its range.
    """
    from edge_mnist_trainer.run_folder import unused_run_path

    architecture = find_architecture(arch or DEFAULT_ARCHITECTURE)
    asked = {name: value for name, value in sizes.items() if value is not None}
    if asked and architecture.name != "custom":
        option = next(iter(asked)).replace("_", "-")
        raise UsageError(f"--{option} belongs to --arch custom; {architecture.name} has its own sizes")
    if asked:
        for name in asked.keys() & {"filters", "dense"}:
            asked[name] = _read_sizes(name, asked[name])
        architecture = custom_architecture(**asked)
    config = replace(architecture.config, **{name: value for name, value in settings.items() if value is not None})
    return TrainingJob(architecture, config, output or unused_run_path(architecture.name), resume=False)


def _read_sizes(option: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise UsageError(f"--{option} {text}: must be whole numbers with commas between, like 32,64") from None


def refuse_beside_resume(options: dict[str, Any]) -> None:
    """Raise `UsageError` if any option, by the name of its setting, was given."""
    given = [name for name, value in options.items() if value is not None]
    if given:
        option = {"peak_learning_rate": "learning-rate"}.get(given[0], given[0].replace("_", "-"))
        raise UsageError(f"--{option} cannot be changed with --resume: a run goes on with its own settings")
