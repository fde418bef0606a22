"""Compute what page and card say of several files: engines, agreement of every two models, int8 differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge_mnist_exporter.report.report import ExportRecord
from edge_mnist_runtime.picture_report.page import STRONGEST_RED

STRONGEST_DISAGREEMENT: Final = 0.01
"""Fraction of differing images with the strongest red. It grows with the square root, so that a few images show."""

ENGINES: Final = {
    "tflite": "TFLite in LiteRT",
    "onnx": "ONNX in onnxruntime",
    "c": "C as TFLite's reference kernels compute it",
    "wasm": "WebAssembly as TFLite's reference kernels compute it",
    "page": "the page as TFLite's reference kernels compute it",
}
"""What gives the figures of a file, by its format."""


@dataclass(frozen=True)
class Agreement:
    """Agreement between two models."""

    fraction: float
    """Fraction of the images with the same answer, 0..1."""
    n_differ: int
    """Number of images with different answers."""
    red: float
    """Opacity of the red behind the number, 0..1. It shows disagreement."""


def describe_engines(report: ExportRecord) -> str:
    """Say in one sentence what gave the figures of the report's files; nothing if it has no files."""
    formats = {item.format for item in report.artifacts}
    named = ", ".join(text for name, text in ENGINES.items() if name in formats)
    return f"The files were measured on the same images with default options: {named}." if named else ""


def compare_models(report: ExportRecord) -> list[list[Agreement | None]]:
    """Make the table of agreements, in the order of `report.agreement`; None for a model with itself."""
    return [
        [None if column == row else _describe(fraction, report.dataset.n) for column, fraction in enumerate(fractions)]
        for row, fractions in enumerate(report.agreement.matrix)
    ]


def _describe(fraction: float, n_images: int) -> Agreement:
    disagreement = 1 - fraction
    red = STRONGEST_RED * min(1, disagreement / STRONGEST_DISAGREEMENT) ** 0.5
    return Agreement(fraction, round(disagreement * n_images), red)


def group_steps(images_by_steps: tuple[int, ...]) -> list[tuple[str, int]]:
    """Count the images with 0, 1, 2, 3-4, 5-8, 9-16, ... steps of difference."""
    groups, first, last = [], 0, 0
    while first < len(images_by_steps):
        groups.append((str(first) if first == last else f"{first}-{last}", sum(images_by_steps[first : last + 1])))
        first, last = last + 1, max(1, 2 * last)
    return groups
