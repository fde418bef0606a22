"""Write report.html of a run: a self-contained page with curves, mistakes, samples and settings.

The page has no scripts, loads nothing, and shows nothing of the test images.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.acceptance import describe_rule
from edge_mnist_runtime.errors import UsageError
from edge_mnist_trainer.augment.corruptions import CORRUPTIONS
from edge_mnist_trainer.augment.fonts import FAMILIES
from edge_mnist_trainer.data.sources import DigitSet
from edge_mnist_trainer.evaluate.confidence import choose_thresholds, judge_acceptance
from edge_mnist_trainer.evaluate.robustness import judge_on_other_digits
from edge_mnist_trainer.networks.keras_file import load_keras
from edge_mnist_trainer.networks.size import measure_network
from edge_mnist_trainer.report.curves import draw_curves
from edge_mnist_trainer.report.pictures import VIEWS, choose_samples, find_mistakes
from edge_mnist_trainer.report.tables import count_confusions, score_each_digit
from edge_mnist_trainer.report.web_page import load_templates
from edge_mnist_trainer.run_folder import REPORT_FILE, RunFolder
from edge_mnist_trainer.run_record import DatasetRecord, RunRecord, SplitRecord

JUDGING_BATCH: Final = 1000
"""Batch size of evaluation."""


def write_report_page(folder: RunFolder, digits: DigitSet) -> None:
    """Write report.html of a run, and add accuracy on other digits and confidence threshold to run.json.

    Args:
        folder: A run that has a model.
        digits: The digits that it was trained on. The test images are not used.

    Raises:
        UsageError: The run was trained on other digits.
        OutputError: The folder cannot be written.
    """
    record = folder.read_record()
    _check_same_digits(folder, record, digits)
    model = load_keras(folder.model_path)

    def predict(images: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        # predict() would build a pipeline of TensorFlow for each of about twenty small sets.
        batches = np.split(images, range(JUDGING_BATCH, len(images), JUDGING_BATCH))
        return np.concatenate([np.asarray(model.predict_on_batch(batch / np.float32(255))) for batch in batches])

    probabilities = predict(digits.validation.images)
    others = judge_on_other_digits(predict, digits.validation, "validation")
    acceptance = judge_acceptance(
        predict,
        digits.validation.images,
        probabilities,
        "validation",
        thresholds=choose_thresholds(probabilities),
    )
    record = replace(record, other_digits=others, acceptance=acceptance)
    folder.write_record(record)
    page = _make_page(record, model, digits, probabilities)
    # Names of the user's files may not be UTF-8.
    folder.replace(REPORT_FILE, lambda path: path.write_text(page, "utf-8", errors="backslashreplace"))


def _check_same_digits(folder: RunFolder, record: RunRecord, digits: DigitSet) -> None:
    for part in (digits.training, digits.validation):
        if record.dataset.splits.get(part.split) != SplitRecord(len(part), part.sha256):
            raise UsageError(
                f"{folder.path}: was trained on other digits than these ({part.name}, {part.split}: {len(part):,} "
                "images); name the digits of the run as `data`"
            )


def _make_page(
    record: RunRecord,
    model: Any,
    digits: DigitSet,
    probabilities: npt.NDArray[np.floating],
) -> str:
    labels, found = digits.validation.labels, probabilities.argmax(axis=1)
    lessons = record.transfer_set
    # A run with a transfer set learns from the distortions of the set, not from its own.
    augmentation = lessons.augmentation if lessons else record.config.augmentation
    template = load_templates().get_template("run.html")
    return template.render(
        generator="edge-mnist report",
        record=record,
        size=measure_network(model),
        validation=digits.validation,
        validation_top1=float(np.mean(found == labels)),
        has_test=bool(digits.test),
        curves=draw_curves(record),
        confusions=count_confusions(labels, found),
        digits=score_each_digit(labels, found),
        mistakes=find_mistakes(labels, probabilities),
        samples=choose_samples(digits.training, augmentation, seed=record.config.seed),
        augmentation=augmentation,
        n_views=VIEWS,
        n_teachers=len(lessons.teachers) if lessons else 0,
        corruptions=CORRUPTIONS,
        fonts=FAMILIES["validation"],
        rule=describe_rule(record.acceptance.least_confidence) if record.acceptance else "",
        configuration=_configuration(record),
        data=_data(record.dataset),
    )


def _configuration(record: RunRecord) -> dict[str, Any]:
    """The settings and other inputs of the training, for display."""
    parts = record.to_dict()
    settings = parts["config"]
    if record.transfer_set:
        del settings["augmentation"]  # not used
        settings["transfer_set"] = parts["transfer_set"]
    return {
        "architecture": record.architecture,
        **({"sizes": record.options} if record.options else {}),
        **({"started_from": parts["started_from"]} if record.started_from else {}),
        **settings,
        "preprocess": parts["preprocess"],
    }


def _data(dataset: DatasetRecord) -> dict[str, Any]:
    """Names and hashes of the images, for display."""
    splits = {name: {"images": split.n, "sha256": split.sha256} for name, split in dataset.splits.items()}
    reading = {"picture reading": asdict(dataset.picture_reading)} if dataset.picture_reading else {}
    return {"name": dataset.name, **splits, **reading, **({"notes": "; ".join(dataset.notes)} if dataset.notes else {})}
