"""A program under test, and one run of it over a model file."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import numpy as np

from benchmarks.conformance.differences import Probabilities

Format = Literal["onnx", "tflite"]

WORKERS: Final = Path(__file__).with_name("workers")
"""Programs that run in the environments of others. Each takes MODEL IMAGES OUTPUT, and options after these.

IMAGES holds uint8 pixels, N x 28 x 28, without a header. OUTPUT receives float32 probabilities, N x 10, likewise.
The last line of standard output is the program's version."""

LABELS: Final = 10

LONGEST_RUN_S: Final = 3 * 3600
"""A run that takes longer is ended, and counts as refused."""


class NotRunHereError(Exception):
    """The program's environment cannot be had on this machine; the message is the reason."""


class RefusedError(Exception):
    """The program does not run the file; the message is its own."""


@dataclass(frozen=True)
class Command:
    """How a worker is started."""

    argv: tuple[str, ...]
    """The worker, without its arguments."""
    options: tuple[str, ...] = ()
    """Its arguments after the three paths."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment."""
    cwd: Path | None = None
    """Where it is started."""


@dataclass(frozen=True)
class Subject:
    """One program under one condition: a row of the table for each model."""

    key: str
    program: str
    condition: str
    """What is special about this row, as `default options`."""
    formats: tuple[Format, ...]
    prepare: Callable[[Path], Command]
    """Install the program below the folder given, and say how to start it. Raises `NotRunHereError`."""
    emulated: bool = False
    """Whether an emulator runs it, a hundred times slower: it may get fewer digits."""


@dataclass(frozen=True)
class Run:
    """What a program answered."""

    version: str
    probabilities: Probabilities


def run_command(command: Command, model: Path, images: Path, output: Path) -> Run:
    """Run a worker over one model.

    Args:
        command: The worker.
        model: The model file. This path and the others are absolute.
        images: Pixels, see `WORKERS`.
        output: Where the worker writes; replaced.

    Raises:
        RefusedError: It failed, or wrote something else.
    """
    output.unlink(missing_ok=True)
    try:
        done = subprocess.run(
            [*command.argv, str(model), str(images), str(output), *command.options],
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, **command.env},
            cwd=command.cwd,
            timeout=LONGEST_RUN_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RefusedError(f"no answer within {LONGEST_RUN_S // 3600} hours") from error
    if done.returncode:
        raise RefusedError(_reason(done))
    n_images = images.stat().st_size // (28 * 28)
    probabilities = np.fromfile(output, np.float32) if output.exists() else np.empty(0, np.float32)
    if len(probabilities) != n_images * LABELS:
        raise RefusedError(f"{len(probabilities)} probabilities for {n_images} images")
    return Run(done.stdout.strip().splitlines()[-1], probabilities.reshape(n_images, LABELS))


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """The program's own words, one line."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    said = lines[-1] if lines else "no message"
    if done.returncode < 0:
        return f"ended by {signal.Signals(-done.returncode).name}: {said}"
    return said
