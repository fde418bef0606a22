"""Which of the images to which a file gives another answer than Keras a page shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edge_mnist_exporter.evaluate.evaluation import Flip
from edge_mnist_exporter.report.report import ArtifactReport, ExportReport

MOST_PICTURES: Final = 60
"""Of one page, over all files."""

OUTCOMES: Final = ("lost", "both wrong", "gained")
"""Of a flip, the worst first."""


def choose_flips(report: ExportReport) -> list[tuple[ArtifactReport, list[Flip]]]:
    """The flips that a page shows of each file that has some: the worst ones, at most `MOST_PICTURES` in all."""
    flipped = [item for item in report.artifacts if item.figures.flips]
    shares = share_pictures([len(item.figures.flips) for item in flipped])
    return [(item, sort_flips(item.figures.flips)[:share]) for item, share in zip(flipped, shares, strict=True)]


def share_pictures(n_flips: Sequence[int], most: int = MOST_PICTURES) -> list[int]:
    """How many pictures each file gets: one each in turns, as long as it has more and the page has room."""
    shares = [0] * len(n_flips)
    while sum(shares) < most and shares != list(n_flips):
        for file, n in enumerate(n_flips):
            if shares[file] < n and sum(shares) < most:
                shares[file] += 1
    return shares


def sort_flips(flips: Sequence[Flip]) -> list[Flip]:
    """Lost images before wrong ones that stay wrong before gained ones, the surest answer first."""
    return sorted(flips, key=lambda flip: (OUTCOMES.index(name_outcome(flip)), -flip.probability))


def name_outcome(flip: Flip) -> str:
    """Which of `OUTCOMES` a flip is."""
    if flip.reference_answer == flip.label:
        return "lost"
    return "gained" if flip.answer == flip.label else "both wrong"
