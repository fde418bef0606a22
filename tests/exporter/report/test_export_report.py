"""Writing and reading report.json, and the model card that is made from it."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace

import numpy as np
import pytest

from edge_mnist_exporter.evaluate.evaluation import Comparison
from edge_mnist_exporter.report.model_card import write_model_card
from edge_mnist_exporter.report.report import LINE_CHARACTERS, ExportRecord
from edge_mnist_runtime.contract import DIGIT_LABELS
from edge_mnist_runtime.dataset import LabelledDigits

CLASSES = ("cat", "d|og", "<b>owl")


@pytest.fixture(scope="module")
def answers():
    """Twelve small colour pictures of three classes, with Keras's predictions."""
    rng = np.random.default_rng(0)
    labels = np.array([0, 1] * 6, np.uint8)  # no owl
    digits = LabelledDigits("zoo", "test", rng.integers(0, 256, (12, 8, 6, 3)).astype(np.uint8), labels)
    return digits, np.eye(3, dtype=np.float32)[labels]


@pytest.fixture(scope="module")
def zoo(make_report, answers) -> ExportRecord:
    digits, reference = answers
    lossy = reference.copy()
    lossy[3] = [0.25, 0.25, 0.5]
    files = {"model_int8.tflite": lossy, "model_int8.onnx": reference}
    return make_report(digits, reference, files, labels=CLASSES, notice="Not MNIST.")


def test_report_is_read_back_as_it_was(zoo):
    again = ExportRecord.from_json(zoo.to_json())
    assert again == zoo
    assert again.to_json() == zoo.to_json()


def test_report_text_contains_its_data_and_ends_with_a_newline(zoo):
    text = zoo.to_json()
    assert text.endswith("\n}\n")
    assert json.loads(text) == json.loads(json.dumps(zoo.to_dict()))


def test_figures_of_a_file_are_in_one_object_with_its_name(zoo):
    first = zoo.to_dict()["artifacts"][0]
    figures = {field.name for field in fields(Comparison)}
    own = {"file", "format", "precision", "size_bytes", "sha256", "audit", "runtime_differences", "program"}
    assert first.keys() == own | figures
    flip = {"index": 3, "label": 1, "reference_answer": 1, "answer": 2, "reference_probability": 1, "probability": 0.5}
    assert list(first["flips"]) == [flip]
    assert first["per_class_top1"] == (1.0, 5 / 6, None)


def test_report_describes_the_images(zoo):
    dataset = zoo.to_dict()["dataset"]
    assert (dataset["n"], dataset["n_per_class"], dataset["image_shape"]) == (12, (6, 6, 0), (8, 6, 3))


def test_every_flip_is_on_one_line_of_the_report(make_report, answers):
    digits, reference = answers
    report = make_report(digits, reference, {"model_int8.onnx": np.roll(reference, 1, axis=1)}, labels=CLASSES)
    lines = [line for line in report.to_json().splitlines() if '"index"' in line]
    assert len(lines) == 12
    assert all(json.loads(line.rstrip(","))["answer"] is not None for line in lines)
    assert max(map(len, report.to_json().splitlines())) < LINE_CHARACTERS + 40


def test_report_with_nan_or_infinity_is_not_written(zoo):
    broken = json.loads(zoo.to_json())
    broken["gates"][0]["value"] = float("nan")
    with pytest.raises(ValueError, match="JSON compliant"):
        ExportRecord.from_json(json.dumps(broken)).to_json()


@pytest.mark.parametrize("text", ["[]", "{}", '{"schema_version": 1}', "no json"])
def test_text_that_is_not_a_report_is_refused(text):
    with pytest.raises(ValueError, match=r"schema version 5|Expecting value"):
        ExportRecord.from_json(text)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda record: record.pop("artifacts"), "it has no artifacts"),
        (lambda record: record["artifacts"][0].pop("audit"), r"it has no artifacts\[0\].audit"),
        (lambda record: record["artifacts"][1].update(top1="high"), r"artifacts\[1\].figures.top1 is 'high'"),
        (lambda record: record["gates"][0].update(passed=1), r"gates\[0\].passed is 1; expected bool"),
        (lambda record: record.update(labels="abc"), "labels is 'abc'; expected a list"),
    ],
)
def test_damaged_report_is_refused_with_the_position_of_the_damage(zoo, damage, words):
    record = json.loads(zoo.to_json())
    damage(record)
    with pytest.raises(ValueError, match=words):
        ExportRecord.from_json(json.dumps(record))


@pytest.mark.slow
def test_card_of_a_bundle_is_made_only_from_its_report(reference_bundle):
    report = ExportRecord.from_json((reference_bundle / "report.json").read_text("utf-8"))
    assert write_model_card(report) == (reference_bundle / "MODEL_CARD.md").read_text("utf-8")


def test_card_shows_interval_p_calibration_and_classes(zoo):
    card = write_model_card(zoo)
    lossy = zoo.artifacts[0].figures
    low, high = lossy.delta_interval_points
    assert f"| -8.33 ({low:+.2f} to {high:+.2f}) | 1 | 91.67% |" in card
    assert f"| {lossy.expected_calibration_error:.4f} |" in card
    assert "| d\\|og | 6 | 100.00% | 83.33% | 100.00% |" in card
    assert "| <b>owl | 0 | - | - | - |" in card
    assert "The two int8 files give the same answer on 91.67% of the images" in card
    assert "> **Not MNIST.**" in card


def test_card_of_other_pictures_does_not_mention_digits(zoo):
    card = write_model_card(zoo)
    assert "`image`, (N, 8, 6, 3). uint8:" in card
    assert "3 `probabilities`" in card
    assert "these 3 classes" in card
    assert "ten digits" not in card
    assert "ink" not in card


def test_card_of_digits_describes_the_input(make_report):
    labels = np.arange(10, dtype=np.uint8)
    digits = LabelledDigits("mnist", "test", np.zeros((10, 28, 28, 1), np.uint8), labels)
    exact = np.eye(10, dtype=np.float32)
    card = write_model_card(make_report(digits, exact, {"model_fp32.onnx": exact}, labels=DIGIT_LABELS))
    assert "`image`, (N, 28, 28, 1), bright ink on black" in card
    assert "The model knows only the ten digits" in card
    assert "two int8 files" not in card


def test_card_says_whether_sums_can_saturate(zoo):
    card = write_model_card(zoo)
    assert "cannot saturate (weight pair 128 of 128)" in card
    assert "exactly the same probabilities" in card
    assert "VNNI" not in card
    first, *others = zoo.artifacts
    audit = {**first.audit, "weight_pair": {"steps": 254, "layer": "Conv conv1"}}
    wide = replace(first, audit=audit, runtime_differences=17)
    card = write_model_card(replace(zoo, artifacts=(wide, *others)))
    assert "can saturate (weight pair 254 of 128)" in card
    assert f"**{first.file}: its int8 sums can saturate in other programs on x86 without VNNI" in card
    assert f"other probabilities for `{first.file}` on 17 images" in card


def test_parity_is_null_without_an_int8_pair(make_report, answers):
    digits, reference = answers
    alone = make_report(digits, reference, {"model_fp32.onnx": reference}, labels=CLASSES)
    assert alone.to_dict()["int8_parity"] is None
    assert ExportRecord.from_json(alone.to_json()) == alone


def test_failed_gates_are_listed(make_report, answers):
    digits, reference = answers
    report = make_report(digits, reference, {"model_int8.onnx": np.roll(reference, 1, axis=1)}, labels=CLASSES)
    assert not report.passed
    assert [gate.name for gate in report.failed_gates] == ["drop_points(model_int8.onnx)", "agreement(model_int8.onnx)"]
    assert report.to_dict()["gates"][1] == asdict(report.failed_gates[0])
