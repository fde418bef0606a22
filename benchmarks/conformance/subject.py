"""A program under test, and how to run it on a model file."""

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
"""Scripts that run in the environment of the program under test. Their arguments are MODEL IMAGES OUTPUT [OPTION ...].

IMAGES contains uint8 pixels, N x 28 x 28, without a header. The worker writes float32 probabilities, N x 10, to OUTPUT,
also without a header, and prints the program's version as its last line."""

N_LABELS: Final = 10

MAX_RUN_S: Final = 3 * 3600
"""A longer run is stopped and counts as refused."""


class NotRunHereError(Exception):
    """The program cannot be installed on this machine. The message is the reason."""


class RefusedError(Exception):
    """The program refuses the file. The message is the program's own."""


@dataclass(frozen=True)
class Command:
    """Command line and environment of a worker."""

    argv: tuple[str, ...]
    """The worker, without its arguments."""
    options: tuple[str, ...] = ()
    """Arguments after the three paths."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to the environment."""
    cwd: Path | None = None
    """Working directory."""


@dataclass(frozen=True)
class Subject:
    """One program under one condition: a row of the table."""

    key: str
    program: str
    condition: str
    """Processor, kernels or options, such as `default options`."""
    formats: tuple[Format, ...]
    prepare: Callable[[Path], Command]
    """Installs the program in a folder and returns its command. Raises `NotRunHereError`."""
    emulated: bool = False
    """Whether it runs in an emulator. That is a hundred times slower, so it may get fewer digits."""


@dataclass(frozen=True)
class Run:
    """Version and predictions of a program."""

    version: str
    probabilities: Probabilities


def run_command(command: Command, model: Path, images: Path, output: Path) -> Run:
    """Run a worker on one model.

    Args:
        command: The worker.
        model: The model file. All paths are absolute.
        images: File of pixels, see `WORKERS`.
        output: File that the worker writes; an old one is deleted.

    Raises:
        RefusedError: It failed, or wrote another number of probabilities.
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
            timeout=MAX_RUN_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RefusedError(f"not finished within {MAX_RUN_S // 3600} hours") from error
    if done.returncode:
        raise RefusedError(_reason(done))
    n_images = images.stat().st_size // (28 * 28)
    probabilities = np.fromfile(output, np.float32) if output.exists() else np.empty(0, np.float32)
    if len(probabilities) != n_images * N_LABELS:
        raise RefusedError(f"{len(probabilities)} probabilities for {n_images} images")
    return Run(done.stdout.strip().splitlines()[-1], probabilities.reshape(n_images, N_LABELS))


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """The last line of the program's error output."""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    said = lines[-1] if lines else "no message"
    if done.returncode < 0:
        return f"ended by {signal.Signals(-done.returncode).name}: {said}"
    return said
