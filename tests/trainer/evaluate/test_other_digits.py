"""Accuracy on digits from outside MNIST."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edge_mnist_trainer.augment.corruptions import CORRUPTIONS
from edge_mnist_trainer.augment.fonts import font_faces, render_digits
from edge_mnist_trainer.data.sources import load_stand_in
from edge_mnist_trainer.evaluate import robustness as other_digits
from edge_mnist_trainer.evaluate.robustness import judge_on_other_digits, top1
from edge_mnist_trainer.run_record import OtherDigitsReport


def always(digit: int):
    """A network that always predicts the same class."""
    return lambda images: np.tile(np.eye(10)[digit], (len(images), 1))


class Memory:
    """A network that knows some images, predicts 0 for all others, and records the images that it was given."""

    def __init__(self, *known) -> None:
        pairs = [pair for digits in known for pair in zip(digits.images, digits.labels, strict=True)]
        self.predictions = {image.tobytes(): int(label) for image, label in pairs}
        self.shown = 0

    def __call__(self, images):
        self.shown += len(images)
        return np.eye(10)[[self.predictions.get(image.tobytes(), 0) for image in images]]


@pytest.fixture(autouse=True)
def one_picture_of_each(monkeypatch):
    monkeypatch.setattr(other_digits, "FONT_VARIANTS", 1)


def test_top1_is_the_fraction_of_correct_predictions(few_digits):
    validation = few_digits.validation
    assert top1(always(3), validation) == np.mean(validation.labels == 3)
    assert top1(Memory(validation), validation) == 1


def test_each_figure_is_measured_on_its_own_digits(few_digits):
    stand_in = load_stand_in()
    report = judge_on_other_digits(Memory(stand_in), few_digits.validation, "validation")
    assert report.sklearn_digits == 1
    assert report.unseen_fonts == pytest.approx(0.1)
    assert set(report.corruptions) == set(CORRUPTIONS)
    assert all(figure == pytest.approx(0.1) for figure in report.corruptions.values())
    assert report.mean_corruption == pytest.approx(0.1)


@pytest.mark.parametrize(("split", "other"), [("validation", "test"), ("test", "validation")])
def test_only_fonts_of_the_split_are_used(few_digits, split, other):
    memory = Memory(render_digits(split, variants=1))
    assert judge_on_other_digits(memory, few_digits.validation, split).unseen_fonts == 1
    assert judge_on_other_digits(memory, few_digits.validation, other).unseen_fonts < 0.2


def test_every_image_is_predicted_once_and_no_plain_mnist_image(few_digits):
    memory = Memory()
    judge_on_other_digits(memory, few_digits.validation, "validation")
    n_printed = len(font_faces("validation")) * 10
    assert memory.shown == n_printed + 1797 + len(CORRUPTIONS) * len(few_digits.validation)


def test_report_survives_json_and_has_the_mean():
    report = OtherDigitsReport(0.5, 0.25, {"blur": 1.0, "noise": 0.5})
    assert json.loads(json.dumps(report.to_dict())) == {
        "unseen_fonts": 0.5,
        "sklearn_digits": 0.25,
        "mean_corruption": 0.75,
        "corruptions": {"blur": 1.0, "noise": 0.5},
    }
