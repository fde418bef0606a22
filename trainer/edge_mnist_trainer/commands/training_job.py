"""What `edge-mnist train` was asked to do: a new run, or the rest of one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge_mnist_runtime.errors import UsageError
from edge_mnist_trainer.config import TrainingConfig
from edge_mnist_trainer.networks.architectures import (
    DEFAULT_ARCHITECTURE,
    Architecture,
    custom_architecture,
    find_architecture,
)


@dataclass(frozen=True)
class Job:
    """What a run is to do, and where."""

    architecture: Architecture
    config: TrainingConfig
    path: Path
    resume: bool


def plan_job(arch: str | None, settings: dict[str, Any], sizes: dict[str, Any], output: Path | None) -> Job:
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
    return Job(architecture, config, output or unused_run_path(architecture.name), resume=False)


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


def read_job(path: Path) -> Job:
    """What a run that was interrupted or killed has left to do.

    Raises:
        UsageError: There is no such run, or it has ended or never began.
        CorruptModelError: Its record cannot be read.
    """
    from edge_mnist_trainer.run_folder import open_run_folder

    record = open_run_folder(path).read_record()
    if record["status"] == "started":
        raise UsageError(f"{path}: was ended before it began; start anew with --force")
    if record["status"] not in ("running", "interrupted"):
        raise UsageError(f"{path}: is {record['status']}, nothing is left to do; start anew with --force")
    try:
        options: Any = {
            name: tuple(value) if isinstance(value, list) else value for name, value in record["options"].items()
        }
        known = find_architecture(record["architecture"])
        architecture = custom_architecture(**options) if known.name == "custom" else known
        config = TrainingConfig.from_dict(record["config"])
    except (KeyError, TypeError, AttributeError) as error:
        from edge_mnist_runtime.errors import CorruptModelError, first_line

        raise CorruptModelError(
            f"{path / 'run.json'}: cannot be read ({first_line(error)}), or of another version; start anew"
        ) from error
    return Job(architecture, config, path, resume=True)
