"""Plot a benchmark: latency by percentile, its histogram, and throughput by batch size."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from edge_mnist_runtime.bench.histogram import count_in_bins
from edge_mnist_runtime.bench.report import BenchReport
from edge_mnist_runtime.errors import OutputError, UsageError
from edge_mnist_runtime.extras import require_extra
from edge_mnist_runtime.paths import is_folder

SUFFIXES: Final = (".png", ".svg", ".pdf")

HISTOGRAM_BINS: Final = 60

TICKS: Final = (0.0, 50.0, 90.0, 99.0, 99.9)
"""Percentile labels. The axis is logarithmic in the distance from 100, so that 90, 99 and 99.9 are equally spaced."""


def check_plot(path: Path) -> None:
    """Check before the measurement that a plot can be written to this path.

    Raises:
        UsageError: The suffix is not one of `SUFFIXES`, the folder does not exist, or the path is a folder.
        MissingExtraError: matplotlib is not installed.
    """
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: not a file name for a plot; expected one ending in {', '.join(SUFFIXES)}")
    if not is_folder(path.parent):
        raise UsageError(f"{path}: there is no folder {path.parent} for the plot")
    if is_folder(path):
        raise UsageError(f"{path}: is a folder; name a file for the plot")
    require_extra("plot", "Drawing a plot", "matplotlib")


def draw_plot(report: BenchReport, path: Path) -> None:
    """Plot a report of `run_benchmark` into a file.

    Raises:
        UsageError: As `check_plot`.
        MissingExtraError: As `check_plot`.
        OutputError: The file cannot be written.
    """
    check_plot(path)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.5), layout="constrained")
    latency, histogram, throughput = figure.subplots(1, 3, width_ratios=(2, 2, 1))
    for model in report.models:
        name = model.name + (f" x{model.threads}" if model.threads > 1 else "")
        ordered = np.sort(model.latencies_us)
        (line,) = latency.plot(_stretch(100 * np.arange(len(ordered)) / len(ordered)), ordered, label=name)
        histogram.stairs(*count_in_bins(model.latencies_us, HISTOGRAM_BINS), color=line.get_color())
        batches = model.images_per_second
        throughput.plot(
            [int(size) for size in batches], [rate / 1000 for rate in batches.values()], "o-", color=line.get_color()
        )
    latency.set(xlabel="percentile", ylabel="latency of one digit, us", yscale="log", title=report.env["cpu"])
    latency.set_xticks([_stretch(np.array(tick)) for tick in TICKS], [f"{tick:g}" for tick in TICKS])
    histogram.set(xlabel="latency of one digit, us, up to p95", ylabel="calls")
    latency.legend(frameon=False)
    throughput.set(xlabel="images in one call", ylabel="thousand digits a second", xscale="log", ylim=(0, None))
    sizes = report.config.batch_sizes
    throughput.set_xticks(sizes, [f"{size:,}" for size in sizes])
    throughput.minorticks_off()
    for axes in (latency, histogram, throughput):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error})") from error


def _stretch(percentile: Any) -> Any:
    """Position of a percentile, 0..100 exclusive, on the axis."""
    return -np.log10(1 - percentile / 100)
