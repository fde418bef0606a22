"""Measure a bundle's accuracy on this device and compare it with its report."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.bundles.manifest import Manifest, read_proved
from edge_mnist_runtime.bundles.opened import choose_artifacts
from edge_mnist_runtime.dataset import LabelledDigits, load_mnist_half
from edge_mnist_runtime.engines import Engine, run_in_batches
from edge_mnist_runtime.engines.opening import open_engine
from edge_mnist_runtime.engines.options import Backend
from edge_mnist_runtime.errors import DataError, DataNotFoundError, GateError, MissingExtraError, first_line
from edge_mnist_runtime.paths import describe_missing, is_file, is_folder, require_readable

TOLERANCE_POINTS: Final = 0.1
"""Allowed difference from the reported accuracy on the same images, in percentage points: ten of MNIST's 10,000 images.
Kernels for another processor may round differently."""

NPZ_TEST_LAYOUTS: Final = (("x_test", "y_test"), ("images", "labels"))
"""Accepted names of test images and their labels in an .npz file. The first pair is Keras's."""


@dataclass(frozen=True)
class AccuracyResult:
    """One model file's accuracy on this device."""

    file: str
    skipped: str | None
    """Why it was not run here; None if it was."""
    n: int
    """Number of images."""
    top1: float | None
    """Fraction of the images that it reads right, 0..1."""
    recorded_top1: float | None
    """The accuracy that the export measured, 0..1; None if it used other images."""

    @property
    def passed(self) -> bool:
        """Whether the accuracy is within the tolerance of the recorded one; true if none is recorded."""
        if self.top1 is None or self.recorded_top1 is None:
            return True
        return abs(self.top1 - self.recorded_top1) * 100 <= TOLERANCE_POINTS + 1e-9


def check_accuracy(
    folder: Path, data: Path, *, file: str | None = None, backend: Backend | None = None
) -> tuple[AccuracyResult, ...]:
    """Measure the accuracy of every file of a bundle on labelled images.

    Args:
        folder: The bundle.
        data: A folder of MNIST's IDX files, of which the test images are read, or an .npz file with `x_test` and
            `y_test`, or `images` and `labels`.
        file: Run only this model file.
        backend: Run only the files of this back end; `auto` and None: of all.

    Returns:
        One result for each model file; .tflite files are skipped, with the reason, where LiteRT is not installed.

    Raises:
        DataNotFoundError: There are no images.
        DataError: The images are damaged, or do not have the shape of the bundle's.
        IntegrityError: The bundle is damaged.
    """
    manifest = Manifest.load(folder)
    images = load_labelled(data)
    same = images.sha256 == manifest.evaluation["sha256"]
    results = []
    for artifact in choose_artifacts(folder, manifest, file=file, backend=backend):
        content = read_proved(folder / artifact.file, artifact.sha256)
        try:
            engine = open_engine(content, file_name=artifact.file)
        except MissingExtraError as error:
            results.append(AccuracyResult(artifact.file, str(error), len(images), None, None))
            continue
        if images.images.shape[1:] != engine.contract.image_shape:
            raise DataError(f"{data}: images of {images.images.shape[1:]}; {artifact.file} reads "
                            f"{engine.contract.image_shape}")  # fmt: skip
        top1 = measure_top1(engine, images)
        results.append(AccuracyResult(artifact.file, None, len(images), top1, artifact.top1 if same else None))
    return tuple(results)


def measure_top1(engine: Engine, images: LabelledDigits) -> float:
    """Fraction of the images that a model reads right, 0..1."""
    found = np.concatenate([batch.argmax(axis=1) for batch in run_in_batches(engine, images.images)])
    return float(np.mean(found == images.labels))


def require_accuracy(results: tuple[AccuracyResult, ...], folder: Path, *, min_top1: float = 0.0) -> None:
    """Raise `GateError` unless every file that ran has its recorded accuracy, and at least `min_top1` (0..1)."""
    for result in results:
        if result.top1 is None:
            continue
        if not result.passed:
            raise GateError(
                f"{folder}: {result.file} reads {result.top1:.2%} of the report's images here, "
                f"{result.recorded_top1:.2%} where it was made; do not use it on this device"
            )
        if result.top1 < min_top1:
            raise GateError(f"{folder}: {result.file} reads {result.top1:.2%}, below `min_top1` {min_top1:.2%}")


def load_labelled(data: Path) -> LabelledDigits:
    """Load MNIST's test images from a folder of IDX files, or the images of an .npz file.

    Raises:
        DataNotFoundError: There are no images, or the file is of another kind.
        DataError: The file is damaged, or images and labels do not match.
    """
    if is_folder(data, DataNotFoundError):
        return load_mnist_half(data, "t10k")
    if not is_file(data, DataNotFoundError):
        raise DataNotFoundError(f"`data` {describe_missing(data, 'folder or file')}")
    require_readable(data, DataNotFoundError)
    if data.suffix.lower() != ".npz" and not zipfile.is_zipfile(data):
        raise DataNotFoundError(
            f"`data` {data}: only `train` and `export` read such files; expected a folder of MNIST's IDX files, or an "
            ".npz file of images and labels"
        )
    arrays = _read_npz(data)
    for images, labels in NPZ_TEST_LAYOUTS:
        if images in arrays and labels in arrays:
            return _check(data, arrays[images], arrays[labels])
    raise DataError(f"{data}: holds {', '.join(arrays) or 'nothing'}; expected x_test and y_test, or images and labels")


def _read_npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    if not zipfile.is_zipfile(path):  # NumPy would say that it is a pickle, and how to load it
        raise DataError(f"{path}: not an .npz archive; expected one, or a folder of MNIST's IDX files")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:  # zipfile and NumPy raise OSError, BadZipFile, ValueError, EOFError, ...
        raise DataError(f"{path}: cannot be read as an .npz archive ({first_line(error)})") from error


def _check(path: Path, images: npt.NDArray[Any], labels: npt.NDArray[Any]) -> LabelledDigits:
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or not len(images):
        raise DataError(f"{path}: images are {images.dtype} {images.shape}; expected uint8 (N, H, W) or (N, H, W, C)")
    if labels.dtype.kind not in "iu" or labels.shape != (len(images),):
        raise DataError(f"{path}: {len(images)} images, but labels are {labels.dtype} {labels.shape}")
    shaped = images[..., np.newaxis] if images.ndim == 3 else images
    kept: npt.NDArray[Any] = labels.astype(np.uint8 if labels.max() < 256 else np.uint16)
    return LabelledDigits(path.name, "test", shaped, kept)
