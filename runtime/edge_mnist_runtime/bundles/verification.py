"""Is this copy of a bundle whole, and does this machine still give its answers?"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.bundles.bundled_models import BUNDLED_GOLDEN, BUNDLED_MODELS, read_package_file
from edge_mnist_runtime.bundles.manifest import GOLDEN_FILE, Manifest, read_proved
from edge_mnist_runtime.bundles.opened import choose_artifacts
from edge_mnist_runtime.engines import Engine, open_engine, run_in_batches
from edge_mnist_runtime.engines.options import Backend
from edge_mnist_runtime.errors import GateError, IntegrityError, MissingExtraError

Golden = dict[str, npt.NDArray[Any]]
"""What golden.npz holds: `images`, `labels`, and `probabilities/<file>` of every model file."""

PROBABILITY_TOLERANCE: Final = 0.05
"""How far a probability may be off. Kernels of other processors round an integer step otherwise now and then, and one
step of an early layer can move a probability by a few hundredths; the digit itself must be the same."""


@dataclass(frozen=True)
class ReplayResult:
    """One model file's answers to the golden vectors."""

    file: str
    backend: str | None
    """None where the file could not be run here."""
    skipped: str | None
    """Why it could not be run here."""
    n: int
    """Golden vectors."""
    same_digits: int
    """How many of them gave the recorded digit."""
    max_abs_probability_diff: float
    """Largest difference from a recorded probability, in 0..1."""
    identical: int = 0
    """Golden vectors whose ten probabilities are the recorded ones bit by bit."""
    can_saturate: bool = False
    """Whether the file's int8 sums can saturate in other programs (see `int8_sums`)."""

    @property
    def passed(self) -> bool:
        """Whether every digit was the recorded one and every probability within the tolerance."""
        return self.same_digits == self.n and self.max_abs_probability_diff <= PROBABILITY_TOLERANCE


def verify_bundle(folder: Path, *, file: str | None = None, backend: Backend | None = None) -> tuple[ReplayResult, ...]:
    """Check every hash of a bundle and replay its golden vectors.

    Args:
        folder: The bundle.
        file: Replay this model file alone.
        backend: Replay the files of this back end alone; `auto` and None: those of all.

    Returns:
        One result for each model file; .tflite files are skipped, with the reason, where LiteRT is not installed.

    Raises:
        IntegrityError: A file is missing, damaged or unreadable.
        UsageError: The bundle holds no such file.
    """
    manifest = Manifest.load(folder)
    chosen = choose_artifacts(folder, manifest, file=file, backend=backend)
    contents = {name: read_proved(folder / name, sha256) for name, sha256 in manifest.hashes().items()}
    golden = read_golden(contents[GOLDEN_FILE], folder) if GOLDEN_FILE in contents else {}
    try:
        return tuple(_replay(artifact.file, contents[artifact.file], golden) for artifact in chosen)
    except (KeyError, ValueError) as error:
        raise _unreadable(folder, error) from error


def read_golden(data: bytes, folder: Path) -> Golden:
    """The content of a bundle's golden.npz.

    Raises:
        IntegrityError: It cannot be read.
    """
    try:
        return dict(np.load(io.BytesIO(data), allow_pickle=False))
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _unreadable(folder, error) from error


def _unreadable(folder: Path, error: Exception) -> IntegrityError:
    return IntegrityError(f"{folder}: its golden vectors cannot be read ({error}); export it again")


def require_replayed(results: tuple[ReplayResult, ...], folder: Path) -> None:
    """Raise `GateError` unless every file that could run here gave its recorded answers, and at least one could run."""
    wrong = [result for result in results if not result.skipped and not result.passed]
    if wrong:
        raise GateError(
            f"{folder}: {wrong[0].file} gives {wrong[0].same_digits} of {wrong[0].n} golden digits here, probabilities "
            f"off by up to {wrong[0].max_abs_probability_diff:.3f}; do not use it on this device"
        )
    if all(result.skipped for result in results):
        raise GateError(
            f"{folder}: none of its files could be run here ({results[0].skipped if results else 'no files'})"
        )


def replay_bundled() -> tuple[ReplayResult, ...]:
    """Replay the golden vectors of the models inside this package.

    Raises:
        IntegrityError: They cannot be read, or belong to other models than these.
    """
    try:
        golden = dict(np.load(io.BytesIO(read_package_file(BUNDLED_GOLDEN)), allow_pickle=False))
        results = []
        for path in map(Path, BUNDLED_MODELS.values()):
            data = read_package_file(str(path))
            if hashlib.sha256(data).hexdigest() != str(golden[f"sha256/{path.name}"]):
                raise IntegrityError(f"{BUNDLED_GOLDEN}: not of this {path.name}; install edge-mnist again")
            results.append(_replay(path.name, data, golden))
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise IntegrityError(f"{BUNDLED_GOLDEN}: cannot be read ({error}); install edge-mnist again") from error
    return tuple(results)


def replay_engine(engine: Engine, file: str, golden: Golden) -> ReplayResult:
    """Replay the golden vectors of one loaded file.

    Args:
        engine: The loaded file.
        file: Its name, under which `golden` holds its answers.
        golden: What golden.npz holds.

    Raises:
        KeyError: `golden` holds no answers of that file.
    """
    expected, images = golden[f"probabilities/{file}"], golden["images"].astype(np.uint8)
    found = np.concatenate([*run_in_batches(engine, images)])
    same = int((found.argmax(1) == expected.argmax(1)).sum())
    identical = int((found == expected).all(1).sum())
    difference, can_saturate = float(np.abs(found - expected).max()), engine.contract.can_saturate
    return ReplayResult(file, engine.backend, None, len(images), same, difference, identical, can_saturate)


def _replay(file: str, data: bytes, golden: Golden) -> ReplayResult:
    try:
        engine = open_engine(data, file_name=file)
    except MissingExtraError as error:
        return ReplayResult(file, None, str(error), len(golden["images"]), 0, 0.0)
    return replay_engine(engine, file, golden)
