"""What others read: manifest.json and `info --json` keep at least these keys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_mnist_runtime.bundles.manifest import Manifest
from edge_mnist_runtime.preprocess import PREPROCESS

pytestmark = pytest.mark.slow

TOP_KEYS = {"schema_version", "name", "labels", "preprocess", "source", "versions", "artifacts"}
ARTIFACT_KEYS = {"file", "format", "precision", "sha256", "size_bytes", "inputs", "outputs"}
TENSOR_KEYS = {"name", "dtype", "shape", "scale", "zero_point"}


@pytest.fixture(scope="module")
def manifest(reference_bundle: Path) -> dict[str, Any]:
    return json.loads((reference_bundle / "manifest.json").read_text("utf-8"))


def assert_tensors(artifact: dict[str, Any]) -> None:
    for tensor in (*artifact["inputs"], *artifact["outputs"]):
        assert set(tensor) >= TENSOR_KEYS
        assert (tensor["scale"] is None) == (tensor["zero_point"] is None)
    (image,), (probabilities,) = artifact["inputs"], artifact["outputs"]
    assert (image["name"], image["dtype"], image["shape"][1:]) == ("image", "uint8", [28, 28, 1])
    assert (probabilities["name"], probabilities["shape"][1:]) == ("probabilities", [10])


def test_manifest_has_its_keys(manifest: dict[str, Any]) -> None:
    assert set(manifest) >= TOP_KEYS
    assert manifest["schema_version"] == 5
    assert manifest["labels"] == list("0123456789")
    assert manifest["preprocess"] == {"version": PREPROCESS.version, "sha256": PREPROCESS.sha256}
    assert len(manifest["source"]["sha256"]) == 64
    assert {"edge-mnist", "tensorflow", "onnx", "onnxruntime"} <= set(manifest["versions"])


def test_manifest_describes_every_model_file(manifest: dict[str, Any], reference_bundle: Path) -> None:
    kinds = {(artifact["format"], artifact["precision"]) for artifact in manifest["artifacts"]}
    assert kinds == {(form, precision) for form in ("onnx", "tflite") for precision in ("fp32", "int8")}
    for artifact in manifest["artifacts"]:
        assert set(artifact) >= ARTIFACT_KEYS
        data = (reference_bundle / artifact["file"]).read_bytes()
        assert artifact["size_bytes"] == len(data)
        assert artifact["sha256"] == hashlib.sha256(data).hexdigest()
        assert artifact["file"] == f"{manifest['name']}_{artifact['precision']}.{artifact['format']}"
        assert_tensors(artifact)


def test_manifest_lists_every_file_of_the_bundle(reference_bundle: Path) -> None:
    listed = set(Manifest.load(reference_bundle).hashes()) | {"manifest.json"}
    assert listed == {path.name for path in reference_bundle.iterdir()}


def test_manifest_round_trips(reference_bundle: Path, tmp_path: Path) -> None:
    text = (reference_bundle / "manifest.json").read_text("utf-8")
    loaded = Manifest.load(reference_bundle)
    assert loaded.to_json() == text
    (tmp_path / "manifest.json").write_text(loaded.to_json(), "utf-8")
    assert Manifest.load(tmp_path) == loaded


def test_info_of_a_bundle_tells_what_the_manifest_does(
    manifest: dict[str, Any], reference_bundle: Path, run_here: Callable[..., Any]
) -> None:
    finished = run_here("info", reference_bundle, "--json")
    assert finished.code == 0
    assert finished.json["schema_version"] == 1
    by_name = {Path(file["file"]).name: file for file in finished.json["files"]}
    assert set(by_name) == {artifact["file"] for artifact in manifest["artifacts"]}
    for artifact in manifest["artifacts"]:
        file = by_name[artifact["file"]]
        assert {key: file[key] for key in ARTIFACT_KEYS - {"file"}} == {
            key: artifact[key] for key in ARTIFACT_KEYS - {"file"}
        }
        assert (file["name"], file["labels"], file["preprocess"]) == (
            manifest["name"], manifest["labels"], manifest["preprocess"],
        )  # fmt: skip
        assert file["source_sha256"] == manifest["source"]["sha256"]


@pytest.mark.parametrize("pattern", ["*_fp32.onnx", "*_int8.onnx", "*_fp32.tflite", "*_int8.tflite"])
def test_info_of_a_lone_file_has_the_keys_of_its_bundle(
    pattern: str, manifest: dict[str, Any], reference_bundle: Path, run_here: Callable[..., Any]
) -> None:
    path = next(reference_bundle.glob(pattern))
    (file,) = run_here("info", path, "--json").json["files"]
    assert set(file) >= ARTIFACT_KEYS | {"name", "labels", "preprocess", "source_sha256"}
    (artifact,) = [other for other in manifest["artifacts"] if other["file"] == path.name]
    assert (file["format"], file["precision"]) == (artifact["format"], artifact["precision"])
    assert (file["sha256"], file["size_bytes"]) == (artifact["sha256"], artifact["size_bytes"])
    assert_tensors(file)


@pytest.mark.parametrize("pattern", ["*_int8.onnx", "*_int8.tflite"])
def test_info_of_a_lone_int8_file_tells_the_scales_of_its_bundle(
    pattern: str, manifest: dict[str, Any], reference_bundle: Path, run_here: Callable[..., Any]
) -> None:
    path = next(reference_bundle.glob(pattern))
    (file,) = run_here("info", path, "--json").json["files"]
    (artifact,) = [other for other in manifest["artifacts"] if other["file"] == path.name]
    assert (file["inputs"], file["outputs"]) == (artifact["inputs"], artifact["outputs"])
