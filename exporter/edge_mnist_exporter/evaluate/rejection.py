"""Choose the confidence threshold of an export, and measure what it and others reject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from edge_mnist_exporter.evaluate.evaluation import Probabilities
from edge_mnist_exporter.source.source_model import SourceModel
from edge_mnist_runtime.acceptance import accept_predictions
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.thresholds import LeastConfidence, Thresholds, find_threshold
from edge_mnist_trainer.evaluate.confidence import choose_threshold, choose_thresholds

CURVE_FRACTIONS: Final = (0.0005, 0.005, 0.02, 0.05)
"""The rejected fractions of validation images whose thresholds the curve shows, besides the named ones."""


@dataclass(frozen=True)
class CurvePoint:
    """What one threshold does to the validation images."""

    least_confidence: float
    """The threshold, in 0..1."""
    name: str
    """`lenient`, `balanced`, `strict`, or empty."""
    rejected: float
    """Fraction of the images that are rejected, in 0..1."""
    wrong: float
    """Fraction of the accepted images that are misread, in 0..1; 0 if none is accepted."""


@dataclass(frozen=True)
class ConfidenceRule:
    """The confidence thresholds of a model that reads digits, and how they were chosen."""

    least_confidence: float
    """The threshold that is used unless another is asked for, in 0..1; 0 accepts everything."""
    origin: str
    """What chose it: the run that trained the model, the user, or this export, and on which images."""
    thresholds: Thresholds | None
    """The named thresholds; None for a model whose run recorded only one."""
    validation: str
    """The images of the curve, in words."""
    curve: tuple[CurvePoint, ...]
    """What the Keras model rejects of the validation images, by ascending threshold."""


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
class RejectionReport(ConfidenceRule):
    """The confidence thresholds of a model that reads digits, and what each model rejects."""

    figures: dict[str, RejectionFigures]
    """By model: `keras`, and each file."""


def settle_rule(
    source: SourceModel, asked: LeastConfidence | None, found: Probabilities, validation: LabelledDigits
) -> ConfidenceRule:
    """Determine the confidence thresholds of a bundle.

    Args:
        source: The Keras model, which reads digits, with the thresholds of its run.
        asked: The user's threshold, or its name; None for none.
        found: The model's predictions for the validation images.
        validation: Images to choose the thresholds on, if there are none yet.

    Raises:
        UsageError: The run recorded one threshold only, and the user asked for another by name.
    """
    images = f"{len(validation):,} images of {validation.name} ({validation.split})"
    thresholds, recorded, origin = (
        source.thresholds,
        source.least_confidence,
        "chosen by the run that trained the model",
    )
    if recorded is None:
        thresholds, origin = choose_thresholds(found), f"chosen on {images}"
        recorded = thresholds.balanced
    if asked is not None:
        origin = f"set by the user: {asked}" if isinstance(asked, str) else "set by the user"
    least = find_threshold(asked, recorded=recorded, thresholds=thresholds, origin=source.origin)
    named = asdict(thresholds) if thresholds else {"balanced": recorded}
    return ConfidenceRule(least, origin, thresholds, images, _measure_curve(named, found, validation))


def _measure_curve(
    named: Mapping[str, float], found: Probabilities, validation: LabelledDigits
) -> tuple[CurvePoint, ...]:
    """Measure what each of several thresholds rejects of the validation images, by ascending threshold."""
    names: dict[float, str] = dict.fromkeys((0.0, *(choose_threshold(found, most) for most in CURVE_FRACTIONS)), "")
    for name, value in named.items():
        names[value] = ", ".join(filter(None, (names.get(value), name)))  # names may share a value
    right = found.argmax(1) == validation.labels
    points = []
    for value, name in sorted(names.items()):
        accepted = accept_predictions(found, validation.images, value)
        wrong = float((~right[accepted]).mean()) if accepted.any() else 0.0
        points.append(CurvePoint(value, name, float((~accepted).mean()), wrong))
    return tuple(points)


def measure_rejection(
    rule: ConfidenceRule | None, predictions: Mapping[str, Probabilities], evaluation: LabelledDigits
) -> RejectionReport | None:
    """Measure what each model rejects of the evaluation images; None without a rule."""
    if rule is None:
        return None
    figures = {name: _figures(found, evaluation, rule.least_confidence) for name, found in predictions.items()}
    return RejectionReport(**vars(rule), figures=figures)


def _figures(found: Probabilities, evaluation: LabelledDigits, least: float) -> RejectionFigures:
    right, accepted = found.argmax(1) == evaluation.labels, accept_predictions(found, evaluation.images, least)
    return RejectionFigures(
        rejected=float((~accepted).mean()),
        rejected_wrong=None if right.all() else float((~accepted)[~right].mean()),
        accepted_top1=float(right[accepted].mean()) if accepted.any() else None,
    )
