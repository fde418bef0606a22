"""From which confidence on answers are accepted, and what that rejects: cases that a hand can follow."""

from __future__ import annotations

import numpy as np
import pytest

from edge_mnist_exporter.evaluate.rejection import RejectionFigures, measure_rejection, settle_least_confidence
from edge_mnist_exporter.source.source_model import SourceModel
from edge_mnist_runtime.contract import DIGIT_LABELS, IMAGE_SHAPE, UNIT_RANGE
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.evaluate.confidence import MAX_REJECTED_FRACTION, choose_least_confidence


def answers(*confidences: float) -> np.ndarray:
    """Probabilities of ten digits, the most probable one 3."""
    rows = [np.full(10, (1 - confidence) / 9) for confidence in confidences]
    for row, confidence in zip(rows, confidences, strict=True):
        row[3] = confidence
    return np.array(rows, np.float32)


def labelled(*labels: int) -> LabelledDigits:
    """Images without ink, of which only the labels matter."""
    images = np.zeros((len(labels), 28, 28, 1), np.uint8)
    return LabelledDigits("made", "test", images, np.array(labels, np.uint8))


def source(*, preprocess: str = "recorded", least_confidence: float | None = None) -> SourceModel:
    """A model whose network is not asked."""
    return SourceModel(
        "model", "here", "0" * 64, None, DIGIT_LABELS, IMAGE_SHAPE, UNIT_RANGE, preprocess, (), least_confidence
    )


def test_what_the_user_asks_for_wins_over_the_run():
    recorded = source(least_confidence=0.625)
    assert settle_least_confidence(recorded, 0.75, labelled(3)) == (0.75, "set by the user")
    assert settle_least_confidence(recorded, 0.0, labelled(3)) == (0.0, "set by the user")
    chosen_by_the_run = (0.625, "chosen by the run that trained the model")
    assert settle_least_confidence(recorded, None, labelled(3)) == chosen_by_the_run


def test_model_that_reads_no_digits_has_no_least_confidence():
    assert settle_least_confidence(source(preprocess="none", least_confidence=0.5), 0.9, labelled(3)) is None
    assert measure_rejection(None, {}, labelled(3)) is None


def test_figures_are_those_worked_out_by_hand():
    found, digits = answers(0.9, 0.4, 0.8, 0.3), labelled(3, 3, 5, 7)
    report = measure_rejection((0.5, "set by the user"), {"keras": found}, digits)
    assert report.figures["keras"] == RejectionFigures(rejected=0.5, rejected_wrong=0.5, accepted_top1=0.5)


def test_nothing_wrong_and_nothing_accepted_have_no_figure():
    found = answers(0.2)
    figures = measure_rejection((0.5, "set by the user"), {"keras": found}, labelled(3)).figures["keras"]
    assert figures == RejectionFigures(rejected=1.0, rejected_wrong=None, accepted_top1=None)


def test_each_model_has_its_own_figures():
    report = measure_rejection(
        (0.5, "set by the user"), {"keras": answers(0.9, 0.9), "file": answers(0.9, 0.4)}, labelled(3, 5)
    )
    assert (report.least_confidence, report.origin) == (0.5, "set by the user")
    assert report.figures == {
        "keras": RejectionFigures(rejected=0.0, rejected_wrong=0.0, accepted_top1=0.5),
        "file": RejectionFigures(rejected=0.5, rejected_wrong=1.0, accepted_top1=1.0),
    }


@pytest.mark.parametrize("n", [10, 400, 4000])
def test_chosen_confidence_rejects_no_more_than_its_part(n):
    found = answers(*np.random.default_rng(n).uniform(0.2, 1, n))
    least = choose_least_confidence(found)
    assert np.mean(found.max(1) < least) <= MAX_REJECTED_FRACTION
    assert np.mean(found.max(1) < least + 0.001) > 0  # and could hardly be higher
