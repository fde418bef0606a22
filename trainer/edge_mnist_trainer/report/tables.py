"""The tables and lists of a report: confusions, figures of each digit, other digits, files left out."""

from __future__ import annotations

import html
import math
from typing import Final

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from edge_mnist_runtime.acceptance import describe_rule
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.augment.corruptions import CORRUPTIONS
from edge_mnist_trainer.augment.fonts import FAMILIES
from edge_mnist_trainer.evaluate.confidence import Acceptance
from edge_mnist_trainer.evaluate.robustness import OtherDigitsReport

STRONGEST_RED: Final = 0.6
"""Opacity behind the most frequent mistake: the number on it stays legible on light and on dark pages."""

MOST_LEFT_OUT: Final = 200
"""Files left out that are listed; run.json has all of them."""

FEW_LEFT_OUT: Final = 10
"""So many are in sight without a click."""

Labels = npt.NDArray[np.integer]


def show_confusions(labels: Labels, found: Labels) -> str:
    """The confusion matrix, coloured by mistakes: the right answers would drown them."""
    matrix = confusion_matrix(labels, found, labels=range(10))
    most = (matrix - np.diag(np.diag(matrix))).max()
    rows = []
    for label in range(10):
        cells = "".join(_show_confusion(label, answer, int(matrix[label, answer]), most) for answer in range(10))
        rows.append(f"<tr><th scope='row'>{label}</th>{cells}</tr>")
    heads = "".join(f"<th scope='col'>{digit}</th>" for digit in range(10))
    return (
        "<div class='wide'><table class='heat'>"
        "<caption>Each row is a label, each column what it was read as. The redder, the more mistakes.</caption>"
        f"<tr><td></td>{heads}</tr>{''.join(rows)}</table></div>"
    )


def _show_confusion(label: int, answer: int, n_images: int, most: int) -> str:
    if label == answer:
        return f"<td class='right'>{n_images}</td>"
    if not n_images:
        return "<td></td>"
    red = STRONGEST_RED * (0.25 + 0.75 * n_images / most)
    return f"<td style='--red:{red:.2f}' title='label {label}, read as {answer}: {n_images}'>{n_images}</td>"


def show_each_digit(labels: Labels, found: Labels) -> str:
    """Precision, recall and F1 of each digit."""
    columns = precision_recall_fscore_support(labels, found, labels=range(10), zero_division=np.nan)
    rows = []
    for digit, (*parts, n_images) in enumerate(zip(*columns, strict=True)):
        cells = "".join(f"<td>{_percent(part)}</td>" for part in parts)
        rows.append(f"<tr><th scope='row'>{digit}</th>{cells}<td>{n_images:,}</td></tr>")
    heads = "".join(f"<th scope='col'>{name}</th>" for name in ("digit", "precision", "recall", "F1", "images"))
    return (
        "<p>Precision: of the images that were read as the digit, how many are one. Recall: of the images of the "
        "digit, how many were read as it. F1 is their harmonic mean.</p>"
        f"<div class='wide'><table><tr>{heads}</tr>{''.join(rows)}</table></div>"
    )


def show_other_digits(report: OtherDigitsReport, corrupted: LabelledDigits, validation_top1: float) -> str:
    """Accuracies on digits that are not those of the data set, and what each of them is.

    Args:
        report: The accuracies.
        corrupted: The images that were corrupted, in name and number.
        validation_top1: What the network reads of them as they are, in 0..1, to compare with.
    """
    name, n_images = html.escape(corrupted.name), f"{len(corrupted):,}"
    fonts, kinds = ", ".join(FAMILIES["validation"]), list(report.corruptions)
    rows = [
        _show_accuracy("as they are", validation_top1, f"The {n_images} validation images of {name}, to compare with."),
        _show_accuracy(
            "unseen fonts", report.unseen_fonts, f"Printed digits in families that no training sees: {fonts}."
        ),
        _show_accuracy(
            "scikit-learn's digits", report.sklearn_digits, "1,797 coarse handwritten digits of 8 x 8 pixels, enlarged."
        ),
        *(_show_accuracy(kind, part, _explain_corruption(kind)) for kind, part in report.corruptions.items()),
        _show_accuracy(
            "mean corruption", report.mean_corruption, f"The mean of the {len(report.corruptions)} corruptions."
        ),
    ]
    heads = "".join(f"<th scope='col'>{head}</th>" for head in ("digits", "read right", "what they are"))
    return (
        f"<p>What the accuracy on {name} leaves open. The corruptions, from {kinds[0]} to {kinds[-1]}, are of "
        f"the {n_images} validation images of {name}, a third of them at each strength.</p>"
        f"<div class='wide'><table class='others'><tr>{heads}</tr>{''.join(rows)}</table></div>"
    )


NO_DIGITS_SHOWN: Final = {
    "letters": "Letters that look like no digit, printed in families that no training sees.",
    "symbols": "Printed symbols, likewise.",
    "several digits": "Two to four digits side by side.",
    "shapes": "Filled shapes, crosses and grids.",
    "scribbles": "Long wandering lines.",
    "noise": "White and smoothed noise.",
    "blank": "One grey level, or a smooth change of it.",
    "clothing": "Outlines of clothes, which no training sees.",
    "Greek letters": "Those that look like no digit, printed in families that no training sees.",
}
"""What each kind of `no_digits.KINDS` is, for people."""


def show_acceptance(acceptance: Acceptance) -> str:
    """Which part of digits, and of what is none, a network rejects."""
    rows = [
        _show_accuracy("digits", acceptance.rejected_digits, "The validation images; as few as possible."),
        *(_show_accuracy(kind, part, NO_DIGITS_SHOWN[kind]) for kind, part in acceptance.rejected_no_digits.items()),
    ]
    heads = "".join(f"<th scope='col'>{head}</th>" for head in ("pictures", "rejected", "what they are"))
    return (
        f"<p>{describe_rule(acceptance.least_confidence)} The first is what the surest 99.75 % of the validation "
        "images reach.</p>"
        f"<div class='wide'><table class='others'><tr>{heads}</tr>{''.join(rows)}</table></div>"
    )


def _show_accuracy(name: str, part: float, text: str) -> str:
    return (
        f"<tr><th scope='row'>{html.escape(name, quote=False)}</th>"
        f"<td class='bar' style='--part:{100 * part:.1f}%'>{_percent(part)}</td><td>{text}</td></tr>"
    )


def _explain_corruption(name: str) -> str:
    corruption = CORRUPTIONS[name]
    mild, middle, hard = corruption.severities
    return html.escape(f"Strength {mild:g}, {middle:g} or {hard:g}: {corruption.unit}.", quote=False)


def show_left_out(left_out: list[str]) -> str:
    """How many files were left out, and which; nothing where none was."""
    if not left_out:
        return ""
    lines = "".join(f"<li><code>{html.escape(line)}</code></li>" for line in left_out[:MOST_LEFT_OUT])
    rest = len(left_out) - MOST_LEFT_OUT
    more = f"<li>and {rest:,} more, which run.json names</li>" if rest > 0 else ""
    number = "1 file was" if len(left_out) == 1 else f"{len(left_out):,} files were"
    state = " open" if len(left_out) <= FEW_LEFT_OUT else ""
    return f"<details{state}><summary>{number} left out</summary><ul>{lines}{more}</ul></details>"


def _percent(part: float) -> str:
    return "-" if math.isnan(part) else f"{part:.2%}"
