"""bom.cdx.json: valid CycloneDX 1.6, with the figures of report.json, and the same bytes for the same report."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from edge_mnist_exporter.report.bill_of_materials import BOM_FILE, write_bom
from edge_mnist_exporter.report.report import ExportRecord
from edge_mnist_runtime.dataset import LabelledDigits

HEADER_SHA256 = "d" * 64


def assert_valid(text: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


@pytest.fixture(scope="module")
def record(make_report) -> ExportRecord:
    """A report on twelve pictures, of which the int8 file misreads one."""
    rng = np.random.default_rng(0)
    labels = np.array([0, 1] * 6, np.uint8)
    digits = LabelledDigits("zoo", "test", rng.integers(0, 256, (12, 8, 6, 3)).astype(np.uint8), labels)
    reference = np.eye(3, dtype=np.float32)[labels]
    lossy = reference.copy()
    lossy[3] = [0.25, 0.25, 0.5]
    return make_report(digits, reference, {"model_int8.tflite": lossy}, labels=("a", "b", "c"), notice="Not MNIST.")


@pytest.fixture(scope="module")
def bom(record):
    return json.loads(write_bom(record, {"model_int8.h": HEADER_SHA256}))


def find_component(bom, name: str):
    (found,) = [component for component in bom["components"] if component["name"] == name]
    return found


def find_metric(component, kind: str, part: str = ""):
    metrics = component["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
    (found,) = [metric for metric in metrics if metric["type"] == kind and metric["slice"].endswith(part or "images")]
    return found


def test_bill_is_valid_and_has_no_date(record, bom):
    assert_valid(write_bom(record, {}))
    assert "timestamp" not in json.dumps(bom)


def test_the_check_against_the_schema_can_fail(record, bom):
    bom = json.loads(json.dumps(bom))
    bom["metadata"]["component"]["modelCard"]["accuracy"] = 0.99
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bom)) is not None


def test_same_report_gives_the_same_bytes_and_another_one_another_serial_number(record):
    text = write_bom(record, {})
    assert write_bom(ExportRecord.from_json(record.to_json()), {}) == text
    other = write_bom(replace(record, name="other"), {})
    assert json.loads(other)["serialNumber"] != json.loads(text)["serialNumber"]


def test_card_has_the_figures_of_the_report_with_the_interval(record, bom):
    figures = record.artifacts[0].figures
    file = find_component(bom, "model_int8.tflite")
    delta = find_metric(file, "top-1 accuracy minus Keras's, percentage points")
    low, high = delta["confidenceInterval"]["lowerBound"], delta["confidenceInterval"]["upperBound"]
    assert float(delta["value"]) == figures.delta_points
    assert (float(low), float(high)) == figures.delta_interval_points
    assert float(find_metric(file, "top-1 accuracy")["value"]) == figures.top1 == 11 / 12
    assert float(find_metric(file, "top-1 accuracy", "class b")["value"]) == 5 / 6
    assert find_metric(file, "top-1 accuracy")["slice"] == "zoo (test), 12 images"
    assert file["modelCard"]["considerations"]["technicalLimitations"] == ["Not MNIST."]
    assert float(find_metric(bom["metadata"]["component"], "top-1 accuracy")["value"]) == 1


def test_bill_has_the_hashes_of_models_data_and_source(record, bom):
    hashes = {component["name"]: component["hashes"][0]["content"] for component in bom["components"] if
              "hashes" in component}  # fmt: skip
    assert hashes == {
        "model_int8.tflite": record.artifacts[0].sha256,
        "model_int8.h": HEADER_SHA256,
        "zoo": record.dataset.sha256,
    }
    (source,) = bom["metadata"]["component"]["pedigree"]["ancestors"]
    assert source["hashes"] == [{"alg": "SHA-256", "content": record.source["sha256"]}]
    assert {"name": "edge-mnist:indices_sha256", "value": "b" * 64} in find_component(bom, "drawn")["properties"]


def test_model_depends_on_its_data_and_on_what_made_it(bom):
    depends = {item["ref"]: set(item.get("dependsOn", ())) for item in bom["dependencies"]}
    assert depends["bundle"] == {"model:model_int8.tflite", "file:model_int8.h"}
    assert depends["model:model_int8.tflite"] == {"data:evaluation", "data:calibration", "made-with:python"}


@pytest.mark.slow
def test_bill_of_a_bundle_is_valid_and_made_only_from_its_report(reference_bundle):
    text = (reference_bundle / BOM_FILE).read_text("utf-8")
    assert_valid(text)
    assert text == write_bom(ExportRecord.from_json((reference_bundle / "report.json").read_text("utf-8")), {})
    assert json.loads(text)["specVersion"] == "1.6"
    metrics = find_component(json.loads(text), "edge_int8.onnx")["modelCard"]["quantitativeAnalysis"]
    assert any(metric["type"] == "fraction of images rejected" for metric in metrics["performanceMetrics"])
