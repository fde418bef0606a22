"""Choose which flipped images a page shows: images for which a file gives another answer than Keras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edge_mnist_exporter.evaluate.evaluation import Flip
from edge_mnist_exporter.report.report import ArtifactReport, ExportRecord

MAX_PICTURES: Final = 60
"""Maximum number of pictures on one page, over all files."""

OUTCOMES: Final = ("lost", "both wrong", "gained")
"""Outcomes of a flip, the worst first."""


def choose_flips(report: ExportRecord) -> list[tuple[ArtifactReport, list[Flip]]]:
    """Choose the worst flips of each file that has any, at most `MAX_PICTURES` in total."""
    flipped = [item for item in report.artifacts if item.figures.flips]
    shares = share_pictures([len(item.figures.flips) for item in flipped])
    return [(item, sort_flips(item.figures.flips)[:share]) for item, share in zip(flipped, shares, strict=True)]


def share_pictures(n_flips: Sequence[int], max_pictures: int = MAX_PICTURES) -> list[int]:
    """Distribute the pictures over the files, one each per round, until the page is full or none is left."""
    shares = [0] * len(n_flips)
    while sum(shares) < max_pictures and shares != list(n_flips):
        for file, n in enumerate(n_flips):
            if shares[file] < n and sum(shares) < max_pictures:
                shares[file] += 1
    return shares


def sort_flips(flips: Sequence[Flip]) -> list[Flip]:
    """Sort flips by outcome, as in `OUTCOMES`, then by confidence, the highest first."""
    return sorted(flips, key=lambda flip: (OUTCOMES.index(name_outcome(flip)), -flip.probability))


def name_outcome(flip: Flip) -> str:
    """Name the outcome of a flip, one of `OUTCOMES`."""
    if flip.reference_answer == flip.label:
        return "lost"
    return "gained" if flip.answer == flip.label else "both wrong"
