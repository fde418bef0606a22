"""Choose the confidence threshold of an export, and measure what each model rejects."""

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
    """Rejected evaluation images of one model."""

    rejected: float
    """Fraction of the images that are rejected, in 0..1."""
    rejected_wrong: float | None
    """Fraction of the misread images that are rejected, in 0..1; None if none is misread."""
    accepted_top1: float | None
    """Accuracy on the accepted images, in 0..1; None if none is accepted."""


@dataclass(frozen=True)
class RejectionReport:
    """The confidence threshold of a model that reads digits, and what each model rejects."""

    least_confidence: float
    """The threshold, in 0..1; 0 accepts everything."""
    origin: str
    """What chose it: the run that trained the model, the user, or this export, and on which images."""
    figures: dict[str, RejectionFigures]
    """By model: `keras`, and each file."""


def settle_least_confidence(
    source: SourceModel, asked: float | None, validation: LabelledDigits
) -> tuple[float, str] | None:
    """Determine the confidence threshold of a bundle, and its origin.

    Args:
        source: The Keras model, with the threshold of its run.
        asked: The user's threshold, in 0..1; None for none.
        validation: Images to choose the threshold on, if there is none yet.

    Returns:
        Threshold and origin; None for a model that does not read digits.
    """
    if not source.reads_digits:
        return None
    if asked is not None:
        return asked, "set by the user"
    if source.least_confidence is not None:
        return source.least_confidence, "chosen by the run that trained the model"
    chosen = choose_least_confidence(source.probabilities(validation.images))
    return chosen, f"chosen on {len(validation):,} images of {validation.name} ({validation.split})"


def measure_rejection(
    settled: tuple[float, str] | None, predictions: Mapping[str, Probabilities], evaluation: LabelledDigits
) -> RejectionReport | None:
    """Measure what each model rejects of the evaluation images; None without a threshold."""
    if settled is None:
        return None
    least, origin = settled
    return RejectionReport(
        least, origin, {name: _figures(found, evaluation, least) for name, found in predictions.items()}
    )


def _figures(found: Probabilities, evaluation: LabelledDigits, least: float) -> RejectionFigures:
    right, accepted = found.argmax(1) == evaluation.labels, accept_predictions(found, evaluation.images, least)
    return RejectionFigures(
        rejected=float((~accepted).mean()),
        rejected_wrong=None if right.all() else float((~accepted)[~right].mean()),
        accepted_top1=float(right[accepted].mean()) if accepted.any() else None,
    )
