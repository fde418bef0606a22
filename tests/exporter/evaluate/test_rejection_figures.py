"""From which confidence on answers are accepted, and what that rejects: cases that a hand can follow."""

from __future__ import annotations

import numpy as np
import pytest

from edge_mnist_exporter.evaluate.rejection import ConfidenceRule, RejectionFigures, measure_rejection, settle_rule
from edge_mnist_exporter.source.source_model import SourceModel
from edge_mnist_runtime.contract import DIGIT_LABELS, IMAGE_SHAPE, UNIT_RANGE
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.thresholds import MAX_REJECTED, Thresholds
from edge_mnist_trainer.evaluate.confidence import choose_threshold, choose_thresholds


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


def source(**fields: object) -> SourceModel:
    """A model whose network is not asked."""
    return SourceModel(
        "model", "here", "0" * 64, None, DIGIT_LABELS, IMAGE_SHAPE, UNIT_RANGE, preprocess="recorded", **fields
    )


def rule(least: float) -> ConfidenceRule:
    return ConfidenceRule(least, "set by the user", None, "no images", ())


NAMED = Thresholds(lenient=0.25, balanced=0.625, strict=0.875)


def test_what_the_user_asks_for_wins_over_the_run():
    recorded, found = source(least_confidence=0.625, thresholds=NAMED), answers(0.9)

    def settle(asked):
        settled = settle_rule(recorded, asked, found, labelled(3))
        assert settled.thresholds == NAMED
        return settled.least_confidence, settled.origin

    assert settle(0.75) == (0.75, "set by the user")
    assert settle(0.0) == (0.0, "set by the user")
    assert settle("strict") == (0.875, "set by the user: strict")
    assert settle(None) == (0.625, "chosen by the run that trained the model")


def test_older_run_has_no_named_thresholds_but_balanced():
    older, found = source(least_confidence=0.625), answers(0.9)
    assert settle_rule(older, "balanced", found, labelled(3)).least_confidence == 0.625
    assert settle_rule(older, None, found, labelled(3)).thresholds is None
    with pytest.raises(UsageError, match=r"`least_confidence` strict: here records only balanced, 0\.625"):
        settle_rule(older, "strict", found, labelled(3))


def test_curve_is_that_worked_out_by_hand():
    found, digits = answers(0.9, 0.7, 0.5, 0.2), labelled(3, 3, 5, 7)
    curve = settle_rule(source(least_confidence=0.625, thresholds=NAMED), None, found, digits).curve
    named = {point.name: (point.least_confidence, point.rejected, point.wrong) for point in curve if point.name}
    assert named == {"lenient": (0.25, 0.25, 1 / 3), "balanced": (0.625, 0.5, 0.0), "strict": (0.875, 0.75, 0.0)}
    assert (curve[0].least_confidence, curve[0].rejected, curve[0].wrong) == (0.0, 0.0, 0.5)
    assert [point.least_confidence for point in curve] == sorted({point.least_confidence for point in curve})


def test_model_without_a_rule_has_no_figures():
    assert measure_rejection(None, {}, labelled(3)) is None


def test_figures_are_those_worked_out_by_hand():
    found, digits = answers(0.9, 0.4, 0.8, 0.3), labelled(3, 3, 5, 7)
    report = measure_rejection(rule(0.5), {"keras": found}, digits)
    assert report.figures["keras"] == RejectionFigures(rejected=0.5, rejected_wrong=0.5, accepted_top1=0.5)


def test_nothing_wrong_and_nothing_accepted_have_no_figure():
    found = answers(0.2)
    figures = measure_rejection(rule(0.5), {"keras": found}, labelled(3)).figures["keras"]
    assert figures == RejectionFigures(rejected=1.0, rejected_wrong=None, accepted_top1=None)


def test_each_model_has_its_own_figures():
    report = measure_rejection(rule(0.5), {"keras": answers(0.9, 0.9), "file": answers(0.9, 0.4)}, labelled(3, 5))
    assert (report.least_confidence, report.origin) == (0.5, "set by the user")
    assert report.figures == {
        "keras": RejectionFigures(rejected=0.0, rejected_wrong=0.0, accepted_top1=0.5),
        "file": RejectionFigures(rejected=0.5, rejected_wrong=1.0, accepted_top1=1.0),
    }


@pytest.mark.parametrize("n", [10, 400, 4000])
def test_chosen_thresholds_reject_no_more_than_they_promise(n):
    found = answers(*np.random.default_rng(n).uniform(0.2, 0.99, n))
    thresholds = choose_thresholds(found)
    for name, most in MAX_REJECTED.items():
        least = getattr(thresholds, name)
        assert np.mean(found.max(1) < least) <= most
        assert np.mean(found.max(1) < least + 0.001) > 0  # and could hardly be higher


def test_network_that_is_certain_of_every_digit_keeps_its_digits():
    assert choose_threshold(answers(1.0, 1.0), 0.01) == 0.999
