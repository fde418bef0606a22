"""Measure whether a new bundle is slower on this device than the one in use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from edge_mnist_runtime.bench.regression import median_ratio_interval
from edge_mnist_runtime.bundles.manifest import GOLDEN_FILE, Manifest, read_proved
from edge_mnist_runtime.bundles.model_files import open_model
from edge_mnist_runtime.bundles.verification import read_golden
from edge_mnist_runtime.engines.options import Backend
from edge_mnist_runtime.errors import ManifestError, RegressionError
from edge_mnist_runtime.timing.sampling import Call, SamplingConfig, sample_interleaved

SAMPLING: Final = SamplingConfig(samples=4_000, seconds=2.0, warmup=500)
"""Limits for each of the two bundles."""


@dataclass(frozen=True)
class SpeedChange:
    """Time of one image in the network, before and after."""

    old_us: float
    """Median of the bundle in use, in microseconds."""
    new_us: float
    """Median of the new bundle, in microseconds."""
    interval: tuple[float, float]
    """95 % interval of `new_us` / `old_us`."""

    def require_within(self, max_slower: float, bundle: Path) -> None:
        """Raise `RegressionError` if the whole interval is above 1 + `max_slower` (0.05 for 5 %)."""
        low, high = self.interval
        if low > 1 + max_slower:
            raise RegressionError(
                f"{bundle}: one image takes {self.new_us:.1f} us, {self.old_us:.1f} us with the bundle in use "
                f"(95 % interval {low - 1:+.1%} to {high - 1:+.1%}); at most {max_slower:+.1%} is allowed"
            )


def compare_speed(
    old: Path, new: Path, *, backend: Backend | None = None, config: SamplingConfig = SAMPLING
) -> SpeedChange:
    """Measure two bundles in interleaved rounds, each on its golden images, one image a call.

    Args:
        old: The bundle in use.
        new: The new bundle.
        backend: As for `DigitClassifier`; it chooses the file of each bundle.
        config: How long to measure.

    Raises:
        As `open_model`.
    """
    before, after = sample_interleaved([_prepare(folder, backend) for folder in (old, new)], config)
    old_us, new_us = np.array(before.latencies_us), np.array(after.latencies_us)
    return SpeedChange(float(np.median(old_us)), float(np.median(new_us)), median_ratio_interval(old_us, new_us))


def _prepare(folder: Path, backend: Backend | None) -> Call:
    manifest = Manifest.load(folder)
    if GOLDEN_FILE not in manifest.files:
        raise ManifestError(f"{folder}: has no {GOLDEN_FILE}, so its speed cannot be measured; export it again")
    images = read_golden(read_proved(folder / GOLDEN_FILE, manifest.files[GOLDEN_FILE]), folder)["images"]
    engine = open_model(folder, backend=backend)
    return Call(engine.run, [images[index : index + 1] for index in range(len(images))])
