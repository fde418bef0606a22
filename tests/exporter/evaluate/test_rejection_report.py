"""The confidence threshold of an export: who chooses it, where it is stored, what it rejects."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict

import numpy as np
import pytest

from edge_mnist_exporter.config import ExportConfig
from edge_mnist_exporter.evaluate.rejection import RejectionReport, settle_rule
from edge_mnist_exporter.report.model_card import write_model_card
from edge_mnist_exporter.report.report import ExportRecord
from edge_mnist_exporter.source.source_model import load_source
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.acceptance import describe_rule
from edge_mnist_runtime.bundles.manifest import Manifest
from edge_mnist_runtime.contract import ModelContract
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.engines.opening import open_engine
from edge_mnist_runtime.errors import IntegrityError, UsageError
from edge_mnist_runtime.thresholds import Thresholds
from edge_mnist_trainer.augment.strokes import draw_digits
from edge_mnist_trainer.evaluate.confidence import choose_thresholds
from edge_mnist_trainer.run_folder import RunFolder
from edge_mnist_trainer.run_record import Acceptance

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def validation() -> LabelledDigits:
    images, labels = draw_digits(5, seed=3)
    return LabelledDigits("drawn", "validation", images, labels)


def test_thresholds_are_the_run_s_or_chosen_on_validation_images(
    reference_model, make_run_record, tmp_path, validation
):
    shutil.copy(reference_model, tmp_path / "model.keras")
    lone = load_source("lone", tmp_path / "model.keras")
    assert lone.least_confidence is lone.thresholds is None
    found = lone.probabilities(validation.images)
    chosen = settle_rule(lone, None, found, validation)
    assert chosen.thresholds == choose_thresholds(found)
    assert chosen.least_confidence == chosen.thresholds.balanced
    assert chosen.origin == "chosen on 50 images of drawn (validation)"
    thresholds = Thresholds(lenient=0.5, balanced=0.625, strict=0.75)
    RunFolder(tmp_path).write_record(make_run_record(acceptance=Acceptance(0.625, 0.0, {}, thresholds)))
    recorded = load_source("recorded", tmp_path / "model.keras")
    assert (recorded.least_confidence, recorded.thresholds) == (0.625, thresholds)


@pytest.mark.parametrize("acceptance", [None, Acceptance(1.0, 0.0, {})])
def test_record_without_a_threshold_is_accepted(reference_model, make_run_record, tmp_path, acceptance):
    shutil.copy(reference_model, tmp_path / "model.keras")
    RunFolder(tmp_path).write_record(make_run_record(acceptance=acceptance))
    assert load_source("run", tmp_path / "model.keras").least_confidence is None


@pytest.mark.parametrize("text", ["[]", '{"acceptance": 3}', "{"])
def test_damaged_record_is_refused(reference_model, tmp_path, text):
    shutil.copy(reference_model, tmp_path / "model.keras")
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(IntegrityError, match=r"run\.json: not a readable record of a run"):
        load_source("run", tmp_path / "model.keras")


@pytest.mark.parametrize("least", [-0.1, 1.0, 1.5, float("nan"), "best", ""])
def test_least_confidence_out_of_range_is_refused(least):
    with pytest.raises(
        UsageError, match=r"`least_confidence` must be lenient, balanced, strict, or a number from 0 to below 1"
    ):
        ExportConfig(least_confidence=least)


def test_every_file_and_the_manifest_have_the_threshold(reference_bundle, report):
    least = report["rejection"]["least_confidence"]
    assert 0.1 < least < 1
    manifest = Manifest.load(reference_bundle)
    assert manifest.least_confidence == least
    assert asdict(manifest.thresholds) == report["rejection"]["thresholds"]
    for artifact in manifest.artifacts:
        contract = open_engine((reference_bundle / artifact.file).read_bytes(), file_name=artifact.file).contract
        assert (contract.least_confidence, contract.thresholds) == (least, manifest.thresholds)
    assert {*report["rejection"]["figures"]} == {"keras", *(artifact.file for artifact in manifest.artifacts)}


def test_model_card_has_the_threshold(reference_bundle, report):
    card = (reference_bundle / "MODEL_CARD.md").read_text("utf-8")
    assert describe_rule(report["rejection"]["least_confidence"]) in card
    for name, threshold in report["rejection"]["thresholds"].items():
        assert re.search(rf"^\| {threshold:.3f} \| .*{name}.* \| [\d.]+% \| [\d.]+% \|$", card, re.MULTILINE)


def test_report_is_read_back_as_it_was(reference_bundle):
    text = (reference_bundle / "report.json").read_text("utf-8")
    read = ExportRecord.from_json(text)
    assert isinstance(read.rejection, RejectionReport)
    assert read.to_json() == text
    assert "## Rejection" in write_model_card(read)


def test_contract_without_a_threshold_accepts_everything(reference_bundle):
    engine = open_engine((reference_bundle / "edge_int8.onnx").read_bytes(), file_name="edge_int8.onnx")
    fields = json.loads(engine.contract.to_json())
    del fields["least_confidence"]
    engine.contract = ModelContract.from_json(json.dumps(fields), origin="test")
    noise = np.random.default_rng(0).integers(0, 100, (28, 28), np.uint8)
    assert DigitClassifier.from_engine(engine).predict(noise).accepted


def test_digits_below_the_threshold_are_rejected_and_others_are_not(reference_bundle):
    engine = open_engine((reference_bundle / "edge_int8.onnx").read_bytes(), file_name="edge_int8.onnx")
    images, _ = draw_digits(3, seed=1)
    confidences = engine.run(images).max(1)
    least = float(np.median(confidences))
    fields = {**json.loads(engine.contract.to_json()), "least_confidence": least}
    engine.contract = ModelContract.from_json(json.dumps(fields), origin="test")
    predictions = DigitClassifier.from_engine(engine).predict_batch(images)
    assert [one.accepted for one in predictions] == [bool(confidence >= least) for confidence in confidences]
    assert all((one.digit is None) == (not one.accepted) for one in predictions)
