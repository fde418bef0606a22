"""The images to which a file gives another answer than Keras, as pictures."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_exporter.evaluate.evaluation import Flip
from edge_mnist_exporter.report.report import ArtifactReport, ExportReport
from edge_mnist_trainer.report.web_page import show_picture

Images = npt.NDArray[np.uint8]
"""uint8, shape (N, H, W, C), C 1 or 3."""

MOST_PICTURES: Final = 60
"""Of one page, over all files."""


def show_flips(report: ExportReport, images: Images) -> str:
    """Every file's flipped images with both answers, at most `MOST_PICTURES` in all, as HTML."""
    flipped = [item for item in report.artifacts if item.figures.flips]
    faithful = ", ".join(html.escape(item.file) for item in report.artifacts if not item.figures.flips)
    parts = [f"<p>All {report.dataset.n:,} images are answered as Keras does by {faithful}.</p>"] if faithful else []
    if flipped:
        parts.append(
            "<p>Images that a file answers otherwise than Keras: first those that were lost by it, the surest wrong "
            "answer first. The number of an image is its place in the evaluation split, from 0.</p>"
        )
    shares = share_pictures([len(item.figures.flips) for item in flipped])
    parts += [_show_file(item, share, report, images) for item, share in zip(flipped, shares, strict=True)]
    return "".join(parts)


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

    def rank(flip: Flip) -> tuple[int, float]:
        return (_outcomes(flip)[0], -flip.probability)

    return sorted(flips, key=rank)


def _outcomes(flip: Flip) -> tuple[int, str]:
    if flip.reference_answer == flip.label:
        return 0, "lost"
    return (2, "gained") if flip.answer == flip.label else (1, "both wrong")


def _show_file(item: ArtifactReport, n_shown: int, report: ExportReport, images: Images) -> str:
    figures = item.figures
    n_flips, n_both_wrong = len(figures.flips), len(figures.flips) - figures.lost - figures.gained
    title = f"<h3>{html.escape(item.file)}: {n_flips:,} of {report.dataset.n:,} images flipped</h3>"
    counts = f"{figures.lost:,} lost, {figures.gained:,} gained, {n_both_wrong:,} wrong in both."
    rest = n_flips - n_shown
    more = f" {n_shown:,} of them are shown; report.json lists the other {rest:,} as well." if rest else ""
    pictures = "".join(
        _show_flip(flip, images[flip.index], report.labels) for flip in sort_flips(figures.flips)[:n_shown]
    )
    return f"{title}<p class='quiet'>{counts}{more}</p><div class='mistakes'>{pictures}</div>"


def _show_flip(flip: Flip, image: Images, labels: tuple[str, ...]) -> str:
    label, expected, answer = labels[flip.label], labels[flip.reference_answer], labels[flip.answer]
    outcome = _outcomes(flip)[1]
    text = f"Image {flip.index}: label {label}, Keras says {expected}, the file {answer}"
    return (
        f"<figure>{show_picture(image, text)}<figcaption><b>label {html.escape(label)}</b>"
        f"Keras: {html.escape(expected)}, {flip.reference_probability:.1%}<br>"
        f"file: {html.escape(answer)}, {flip.probability:.1%}<br>"
        f"<span class='{outcome.replace(' ', '-')}'>{outcome}</span>, image {flip.index}</figcaption></figure>"
    )
