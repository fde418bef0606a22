"""Calibration images: which ones the quantizers watch the network read, drawn from training images only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from edge_mnist_exporter.config import CALIBRATION_SAMPLES, ExportConfig
from edge_mnist_exporter.images.own_images import load_calibration_images
from edge_mnist_exporter.source.source_model import SourceModel
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.tensor import Pixels
from edge_mnist_trainer.data.sources import DigitSource
from edge_mnist_trainer.data.splits import indices_sha256

SEARCH_IMAGES: Final = 2000


@dataclass(frozen=True)
class CalibrationSet:
    """The images that fix the quantizers' ranges."""

    images: Pixels
    """uint8, shape (N, H, W, C); some pixel is 0 and some is 255."""
    origin: dict[str, Any]
    """For the report: data set, split, count, and what proves which images they were."""


def choose_calibration(source: SourceModel, digits: DigitSource, config: ExportConfig) -> CalibrationSet:
    """The images that an export calibrates on: training images, or those that were named for it.

    Raises:
        UsageError: More images are asked for than there are, or those that were named will not do.
        DataError: One of them cannot be read.
    """
    n_samples = config.calibration_samples or CALIBRATION_SAMPLES
    if config.calibration_data is None:
        if config.calibration_samples is None or not source.reads_digits:
            n_samples = min(n_samples, len(digits.calibration))
        return draw_calibration(digits.calibration, n_samples, seed=config.seed)
    images = load_calibration_images(source, config.calibration_data)
    return take_calibration(images, config.calibration_data, digits.evaluation, n_samples, seed=config.seed)


def draw_calibration(digits: LabelledDigits, n_samples: int, *, seed: int) -> CalibrationSet:
    """Draw `n_samples` different images of `digits`, repeatably.

    Raises:
        UsageError: More images are asked for than there are.
    """
    if n_samples > len(digits):
        raise UsageError(f"`calibration_samples` {n_samples}: {digits.name} {digits.split} has {len(digits)} images")
    indices = np.sort(np.random.default_rng(seed).choice(len(digits), n_samples, replace=False))
    origin = {
        "name": digits.name,
        "split": digits.split,
        "n": n_samples,
        "seed": seed,
        "indices_sha256": indices_sha256(indices),
    }
    return _reach_both_ends(digits.images[indices], origin)


def take_calibration(
    images: Pixels, folder: Path, evaluation: LabelledDigits, n_samples: int, *, seed: int
) -> CalibrationSet:
    """At most `n_samples` of the images that a user named for it.

    Raises:
        UsageError: Some of them are evaluation images: figures on those would flatter.
    """
    known = {image.tobytes() for image in evaluation.images}
    n_shared = sum(image.tobytes() in known for image in images)
    if n_shared:
        raise UsageError(
            f"`calibration_data` {folder}: {n_shared} of its {len(images)} images are evaluation images; remove them"
        )
    chosen = images
    if len(images) > n_samples:
        chosen = images[np.sort(np.random.default_rng(seed).choice(len(images), n_samples, replace=False))]
    sha256 = hashlib.sha256(np.ascontiguousarray(chosen).tobytes()).hexdigest()
    origin = {"name": folder.resolve().name, "split": "all", "n": len(chosen), "seed": seed, "pixels_sha256": sha256}
    return _reach_both_ends(chosen, origin)


def choose_search_images(training: LabelledDigits, calibration: CalibrationSet) -> LabelledDigits:
    """Up to `SEARCH_IMAGES` training images that did not calibrate: what choices about a file are judged on.

    The evaluation images are for the figures alone.
    """
    known = {image.tobytes() for image in calibration.images}
    unused = [index for index, image in enumerate(training.images) if image.tobytes() not in known]
    step = max(1, len(unused) // SEARCH_IMAGES)
    return training.take(np.array(unused[::step][:SEARCH_IMAGES], np.intp), "search")


def _reach_both_ends(images: Pixels, origin: dict[str, Any]) -> CalibrationSet:
    """Where no pixel is 0 or none is 255, two corners of the first image become so.

    A converter makes an input's scale from what it saw. Only where that is 0..255 are its steps the bytes themselves.
    """
    if images.min() > 0 or images.max() < 255:
        images = images.copy()
        images[0, 0, 0], images[0, -1, -1] = 0, 255
        origin = {**origin, "ends_added": True}
    return CalibrationSet(images, origin)
