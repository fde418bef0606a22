"""The figures behind two of the page's tables: the agreement of every two models, and the steps of the int8 pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge_mnist_exporter.report.report import ExportReport

STRONGEST_RED: Final = 0.6
"""Opacity behind too little agreement: the number on it stays legible on light and on dark pages."""

STRONGEST_DISAGREEMENT: Final = 0.01
"""Part of the images at which the red is strongest; it grows with the square root, so that a few images show."""


@dataclass(frozen=True)
class Agreement:
    """How many images two models answer alike."""

    fraction: float
    """Part of the images, 0..1."""
    n_differ: int
    """How many images they answer differently."""
    red: float
    """Opacity of the red behind the number, 0..1. It shows disagreement: all the agreement would drown it."""


def compare_models(report: ExportReport) -> list[list[Agreement | None]]:
    """The agreement of every two models, in the order of `report.agreement`; None for a model with itself."""
    return [
        [None if column == row else _describe(fraction, report.dataset.n) for column, fraction in enumerate(fractions)]
        for row, fractions in enumerate(report.agreement.matrix)
    ]


def _describe(fraction: float, n_images: int) -> Agreement:
    disagreement = 1 - fraction
    red = STRONGEST_RED * min(1, disagreement / STRONGEST_DISAGREEMENT) ** 0.5
    return Agreement(fraction, round(disagreement * n_images), red)


def group_steps(images_by_steps: tuple[int, ...]) -> list[tuple[str, int]]:
    """0, 1, 2, 3-4, 5-8, 9-16, ... steps, and how many images have so many."""
    groups, first, last = [], 0, 0
    while first < len(images_by_steps):
        groups.append((str(first) if first == last else f"{first}-{last}", sum(images_by_steps[first : last + 1])))
        first, last = last + 1, max(1, 2 * last)
    return groups
