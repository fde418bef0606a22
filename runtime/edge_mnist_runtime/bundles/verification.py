"""Check the hashes of a bundle, and replay its golden vectors on this machine."""

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
from edge_mnist_runtime.bundles.libraries import find_bundled_library
from edge_mnist_runtime.bundles.manifest import GOLDEN_FILE, Manifest, read_proved
from edge_mnist_runtime.bundles.opened import choose_artifacts
from edge_mnist_runtime.engines import Engine, run_in_batches
from edge_mnist_runtime.engines.opening import open_engine
from edge_mnist_runtime.engines.options import Backend
from edge_mnist_runtime.errors import CorruptModelError, GateError, IntegrityError, MissingExtraError

Golden = dict[str, npt.NDArray[Any]]
"""Content of golden.npz: `images`, `labels`, and `probabilities/<file>` for every model file."""

PROBABILITY_TOLERANCE: Final = 0.05
"""Allowed difference of a probability; the digit itself must be the same. Kernels for other processors sometimes round
differently, and one step in an early layer can change a probability by a few hundredths."""


DIGITS_IN_LIBRARY: Final = 10
"""Golden vectors in a compiled library."""


@dataclass(frozen=True)
class ReplayResult:
    """How one model file's answers compare with the recorded ones."""

    file: str
    backend: str | None
    """None if the file was not run here."""
    skipped: str | None
    """Why it was not run here; None if it was."""
    n: int
    """Number of golden vectors."""
    same_digits: int
    """Number of golden vectors that gave the recorded digit."""
    max_abs_probability_diff: float
    """Largest difference from a recorded probability, in 0..1."""
    identical: int = 0
    """Number of golden vectors whose ten probabilities equal the recorded ones bit by bit."""
    can_saturate: bool = False
    """Whether the file's int8 sums can saturate in other programs (see `int8_sums`)."""

    runs_elsewhere: bool = False
    """Whether no back end here takes it, as with C source, WebAssembly and libraries for other machines: its hash is
    all that can be checked."""

    @property
    def passed(self) -> bool:
        """Whether every digit is the recorded one, and every probability is within the tolerance."""
        return self.same_digits == self.n and self.max_abs_probability_diff <= PROBABILITY_TOLERANCE


def verify_bundle(folder: Path, *, file: str | None = None, backend: Backend | None = None) -> tuple[ReplayResult, ...]:
    """Check every hash of a bundle and replay its golden vectors.

    Args:
        folder: The bundle.
        file: Replay only this model file.
        backend: Replay only the files of this back end; `auto` and None: of all.

    Returns:
        One result for each model file. With the reason, C source, WebAssembly and libraries for other machines are
        skipped, and files whose back end is not installed.

    Raises:
        IntegrityError: A file is missing, damaged or unreadable.
        UsageError: The bundle has no such file.
    """
    manifest = Manifest.load(folder)
    others = [artifact for artifact in manifest.artifacts if artifact.use_elsewhere and file in (None, artifact.file)]
    if backend not in (None, "auto"):
        others = []
    only_others = bool(others) and (file is not None or not manifest.runnable)
    chosen = () if only_others else choose_artifacts(folder, manifest, file=file, backend=backend)
    contents = {name: read_proved(folder / name, sha256) for name, sha256 in manifest.hashes().items()}
    golden = read_golden(contents[GOLDEN_FILE], folder) if GOLDEN_FILE in contents else {}
    try:
        return (
            *(_replay(artifact.file, contents[artifact.file], golden) for artifact in chosen),
            *(
                ReplayResult(other.file, None, other.use_elsewhere, len(golden["images"]), 0, 0.0, runs_elsewhere=True)
                for other in others
            ),
        )
    except (KeyError, ValueError) as error:
        raise _unreadable(folder, error) from error


def read_golden(data: bytes, folder: Path) -> Golden:
    """Read a bundle's golden.npz.

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
    """Raise `GateError` unless at least one file ran, and every file that ran gave its recorded answers."""
    wrong = [result for result in results if not result.skipped and not result.passed]
    if wrong:
        raise GateError(
            f"{folder}: {wrong[0].file} gives {wrong[0].same_digits} of {wrong[0].n} golden digits here, probabilities "
            f"off by up to {wrong[0].max_abs_probability_diff:.3f}; do not use it on this device"
        )
    if not any(result.runs_elsewhere or not result.skipped for result in results):
        raise GateError(f"{folder}: none of its files can run here ({results[0].skipped if results else 'no files'})")


def replay_bundled() -> tuple[ReplayResult, ...]:
    """Replay the golden vectors of the models inside this package, and those inside their compiled libraries.

    Raises:
        IntegrityError: The vectors cannot be read, or belong to other models.
    """
    try:
        golden = dict(np.load(io.BytesIO(read_package_file(BUNDLED_GOLDEN)), allow_pickle=False))
        results = []
        for path in map(Path, BUNDLED_MODELS.values()):
            data = read_package_file(str(path))
            if hashlib.sha256(data).hexdigest() != str(golden[f"sha256/{path.name}"]):
                raise IntegrityError(f"{BUNDLED_GOLDEN}: made for another {path.name}; install edge-mnist again")
            results.append(_replay(path.name, data, golden))
            results += _replay_library(path.name.removesuffix("_int8.onnx"))
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise IntegrityError(f"{BUNDLED_GOLDEN}: cannot be read ({error}); install edge-mnist again") from error
    return tuple(results)


def _replay_library(model: str) -> list[ReplayResult]:
    """Replay the golden vectors inside the library of a model, if there is one: loading it does that."""
    library = find_bundled_library(model)
    if library is None:
        return []
    name, data = library
    try:
        engine = open_engine(data, file_name=name)
    except CorruptModelError:
        return [ReplayResult(name, "native", None, DIGITS_IN_LIBRARY, 0, 1.0)]
    return [
        ReplayResult(
            *(name, engine.backend, None, DIGITS_IN_LIBRARY, DIGITS_IN_LIBRARY, 0.0), identical=DIGITS_IN_LIBRARY
        )
    ]


def replay_engine(engine: Engine, file: str, golden: Golden) -> ReplayResult:
    """Replay the golden vectors of one loaded file.

    Args:
        engine: The loaded file.
        file: Its name in `golden`.
        golden: The content of golden.npz.

    Raises:
        KeyError: `golden` has no answers of that file.
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
