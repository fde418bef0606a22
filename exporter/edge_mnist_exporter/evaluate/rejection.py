"""From which confidence on an exported model's answers are accepted, and what that rejects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_mnist_exporter.evaluate.evaluation import Probabilities
from edge_mnist_exporter.source.source_model import SourceModel
from edge_mnist_runtime.acceptance import accept_predictions
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.evaluate.confidence import choose_least_confidence


@dataclass(frozen=True)
class RejectionFigures:
    """What one model rejects of the evaluation images."""

    rejected: float
    """Part of them whose answers are not accepted, in 0..1."""
    rejected_wrong: float | None
    """Part of those that the model reads wrong, in 0..1; None where it reads all right."""
    accepted_top1: float | None
    """Part of the others that it reads right, in 0..1; None where it accepts none."""


@dataclass(frozen=True)
class RejectionReport:
    """The least confidence of a model that reads digits, and what it does."""

    least_confidence: float
    """In 0..1; 0 accepts everything."""
    origin: str
    """Who chose it: the run that trained the model, the user, or this export, and on which images."""
    figures: dict[str, RejectionFigures]
    """By model: `keras`, and each file."""


def settle_least_confidence(
    source: SourceModel, asked: float | None, validation: LabelledDigits
) -> tuple[float, str] | None:
    """The least confidence that a bundle's files carry, and who chose it.

    Args:
        source: The Keras model, with what its run chose.
        asked: What the user asks for, in 0..1; None for nothing.
        validation: Images to choose on where nobody has.

    Returns:
        None for a model that reads no digits.
    """
    if not source.reads_digits:
        return None
    if asked is not None:
        return asked, "asked for"
    if source.least_confidence is not None:
        return source.least_confidence, "chosen by the run that trained the model"
    chosen = choose_least_confidence(source.probabilities(validation.images))
    return chosen, f"chosen on {len(validation):,} images of {validation.name} ({validation.split})"


def measure_rejection(
    settled: tuple[float, str] | None, answers: Mapping[str, Probabilities], evaluation: LabelledDigits
) -> RejectionReport | None:
    """What each model rejects of the evaluation images; None where nothing was settled."""
    if settled is None:
        return None
    least, origin = settled
    return RejectionReport(least, origin, {name: _figures(found, evaluation, least) for name, found in answers.items()})


def _figures(found: Probabilities, evaluation: LabelledDigits, least: float) -> RejectionFigures:
    right, accepted = found.argmax(1) == evaluation.labels, accept_predictions(found, evaluation.images, least)
    return RejectionFigures(
        rejected=float((~accepted).mean()),
        rejected_wrong=None if right.all() else float((~accepted)[~right].mean()),
        accepted_top1=float(right[accepted].mean()) if accepted.any() else None,
    )
