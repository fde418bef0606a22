"""report.html of a run: one self-contained page with its curves, its mistakes, its samples and its settings.

No script, nothing from outside, nothing of the test images.
"""

from __future__ import annotations

import html
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.errors import UsageError
from edge_mnist_trainer.data.sources import DigitSet
from edge_mnist_trainer.evaluate.confidence import Acceptance, choose_least_confidence, judge_acceptance
from edge_mnist_trainer.evaluate.robustness import OtherDigitsReport, judge_on_other_digits
from edge_mnist_trainer.networks.keras_file import load_keras
from edge_mnist_trainer.networks.size import measure_network
from edge_mnist_trainer.report.curves import show_curves
from edge_mnist_trainer.report.pictures import show_mistakes, show_samples
from edge_mnist_trainer.report.tables import (
    show_acceptance,
    show_confusions,
    show_each_digit,
    show_left_out,
    show_other_digits,
)
from edge_mnist_trainer.report.web_page import make_page, show_sections, show_settings
from edge_mnist_trainer.run_folder import REPORT_FILE, RunFolder

JUDGING_BATCH: Final = 1000
"""Images that the network reads at once."""

STYLE: Final = """
.curves{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1rem}
.curves img{width:100%}
.others td:last-child,.others th{text-align:left}
.others td:last-child{padding:.2rem 0 .2rem .8rem}.others th:last-child{padding-left:.8rem}
.samples{display:grid;grid-template-columns:repeat(auto-fill,3.5rem);gap:.5rem}
.samples .pixels+.pixels{margin-top:.5rem}
@media(max-width:30rem){
.others tr{display:grid;grid-template-columns:1fr auto;border-bottom:1px solid var(--line)}
.others td,.others th{border:0}.others th:nth-child(3){display:none}
.others td:last-child{grid-column:1/3;padding-left:0;color:var(--quiet);font-size:.85rem}
.samples{grid-template-columns:repeat(6,1fr)}}
"""
"""Of this page alone."""


def write_report_page(folder: RunFolder, digits: DigitSet) -> None:
    """Write report.html of a run, and into run.json how the kept model reads other digits and what it rejects.

    Args:
        folder: A run that has a model.
        digits: What it was trained on; the test images are not read.

    Raises:
        UsageError: The run was trained on other digits.
        OutputError: The folder cannot be written.
    """
    record = folder.read_record()
    _check_same_digits(folder, record, digits)
    model = load_keras(folder.model_path)

    def predict(images: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        return np.asarray(model.predict(images / np.float32(255), batch_size=JUDGING_BATCH, verbose=0))

    probabilities = predict(digits.validation.images)
    others = judge_on_other_digits(predict, digits.validation, "validation")
    record["other_digits"] = others.to_dict()
    acceptance = judge_acceptance(
        predict,
        digits.validation.images,
        probabilities,
        "validation",
        least_confidence=choose_least_confidence(probabilities),
    )
    record["acceptance"] = acceptance.to_dict()
    folder.write_record(record)
    page = _make_page(record, model, digits, probabilities, others, acceptance)
    # Names of the user's files may hold bytes that are no UTF-8.
    folder.replace(REPORT_FILE, lambda path: path.write_text(page, "utf-8", errors="backslashreplace"))


def _check_same_digits(folder: RunFolder, record: dict[str, Any], digits: DigitSet) -> None:
    for part in (digits.training, digits.validation):
        if part.sha256 != record["dataset"]["splits"][part.split]["sha256"]:
            raise UsageError(
                f"{folder.path}: was trained on other digits than these ({part.name}, {part.split}: {len(part):,} "
                "images); name its own with --data"
            )


def _make_page(
    record: dict[str, Any],
    model: Any,
    digits: DigitSet,
    probabilities: npt.NDArray[np.floating],
    others: OtherDigitsReport,
    acceptance: Acceptance,
) -> str:
    validation, found = digits.validation, probabilities.argmax(axis=1)
    validation_top1 = float(np.mean(found == validation.labels))
    name, top1 = html.escape(record["architecture"]), record["best"]["validation_top1"]
    sections = {
        "Loss and accuracy": show_curves(record),
        f"Confusions of {len(validation):,} validation images": show_confusions(validation.labels, found),
        "Each digit": show_each_digit(validation.labels, found),
        "Worst mistakes": show_mistakes(validation, probabilities),
        "Training images": show_samples(digits.training, record),
        "Other digits": show_other_digits(others, validation, validation_top1),
        "What is no digit": show_acceptance(acceptance),
        "Configuration": show_settings(_configuration(record)),
        "Versions": show_settings(record["versions"]),
        "Data": show_settings(_data(record["dataset"])),
    }
    body = [
        f"<h1>{name}: {top1:.2%} of the validation images read right</h1>",
        _show_facts(record, model, digits),
        show_left_out(record["dataset"]["left_out"]),
        show_sections(sections),
    ]
    title = f"edge-mnist: {record['architecture']}, {top1:.2%}"
    return make_page(title, "\n".join(body), generator="edge-mnist report", style=STYLE)


def _show_facts(record: dict[str, Any], model: Any, digits: DigitSet) -> str:
    size = measure_network(model)
    test = "The test images were not looked at." if digits.test else "The data set has no test images."
    return (
        f"<p>{size.parameters:,} parameters, {size.macs:,} multiply-accumulates an image, "
        f"{size.int8_weights_bytes:,} bytes of int8 weights. "
        f"{len(record['epochs'])} of {record['config']['epochs']} epochs ({html.escape(record['status'])}), "
        f"{record['seconds']:,.0f} seconds. Kept: epoch {record['best']['epoch']}. {test}</p>"
    )


def _configuration(record: dict[str, Any]) -> dict[str, Any]:
    """The settings, and what else decided the training."""
    options = {"sizes": record["options"]} if record["options"] else {}
    settings = dict(record["config"])
    if record["transfer_set"]:
        del settings["augmentation"]  # its own went unused
        settings["transfer_set"] = record["transfer_set"]
    start = {"started_from": record["started_from"]} if record.get("started_from") else {}
    return {"architecture": record["architecture"], **options, **start, **settings, "preprocess": record["preprocess"]}


def _data(dataset: dict[str, Any]) -> dict[str, Any]:
    """What proves which images were used."""
    parts = {name: {"images": part["n"], "sha256": part["sha256"]} for name, part in dataset["splits"].items()}
    reading = dataset.get("picture_reading")
    notes = {"notes": "; ".join(dataset["notes"])} if dataset.get("notes") else {}
    return {"name": dataset["name"], **parts, **({"picture reading": reading} if reading else {}), **notes}
