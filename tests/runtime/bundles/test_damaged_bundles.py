"""Bundles that are damaged or for another version: refused, each by the right error."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.runtime.bundles.damaged_files import Change, assert_refused

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bundles.manifest import Manifest
from edge_mnist_runtime.classifier import open_model
from edge_mnist_runtime.errors import (
    ContractError,
    EdgeMnistError,
    HashMismatchError,
    ManifestError,
    UsageError,
)

# Bundles.


@pytest.mark.slow
def test_bundle_gives_its_int8_onnx(reference_bundle: Path) -> None:
    engine = open_model(reference_bundle)
    assert (engine.backend, engine.contract.precision) == ("onnxruntime", "int8")


@pytest.mark.slow
@pytest.mark.parametrize(("better", "worse"), [*itertools.pairwise(["int8", "mixed", "fp16", "fp32", "dynamic"])])
def test_bundle_gives_the_file_of_the_better_precision_wherever_it_stands(
    better: str, worse: str, bundle_copy: Path
) -> None:
    manifest = json.loads((bundle_copy / "manifest.json").read_text())
    onnx = {one["precision"]: one for one in manifest["artifacts"] if one["format"] == "onnx"}
    onnx["int8"]["precision"], onnx["fp32"]["precision"] = better, worse
    for order in ("int8", "fp32"), ("fp32", "int8"):
        manifest["artifacts"] = [onnx[name] for name in order]
        (bundle_copy / "manifest.json").write_text(json.dumps(manifest))
        assert open_model(bundle_copy).contract.precision == "int8"  # as the file itself says


def test_folder_without_manifest_is_no_bundle(tmp_path: Path) -> None:
    assert_refused(tmp_path, ManifestError, "no manifest.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"schema_version": 1}', "\0", "[" * 200_000])
def test_malformed_manifest_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(text)
    assert_refused(tmp_path, ManifestError)


@pytest.mark.parametrize(
    ("command", "model"),
    [
        *itertools.product(["verify", "doctor", "info", "classify"], ["absent"]),
        *itertools.product(["doctor", "info", "classify"], ["notes.txt"]),
    ],
)
def test_what_is_no_bundle_is_a_usage_error_in_every_command(
    command: str, model: str, tmp_path: Path, run_here: Callable[..., Any]
) -> None:
    (tmp_path / "notes.txt").write_text("no model")
    arguments = [tmp_path / "notes.txt", "--model", tmp_path / model] if command == "classify" else [tmp_path / model]
    finished = run_here(command, *arguments)
    assert finished.code == 2
    assert str(tmp_path / model) in finished.err.replace("\n", " ")


def test_model_inside_the_package_is_verified_by_doctor(run_here: Callable[..., Any]) -> None:
    finished = run_here("verify", "robust")
    assert finished.code == 2
    assert "edge-mnist doctor" in finished.err


@pytest.mark.parametrize("name", ["", b""])
def test_empty_name_is_no_folder(name: Any) -> None:
    with pytest.raises(UsageError, match="does not name a model"):
        DigitClassifier(name)


def test_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="robust, edge, micro, nano"):
        DigitClassifier("Robust")


@pytest.mark.slow
def test_info_of_a_damaged_bundle_is_an_integrity_error(
    bundle_copy: Path, flip_byte: Callable[[Path], None], run_here: Callable[..., Any]
) -> None:
    flip_byte(next(bundle_copy.glob("*_int8.onnx")))
    assert run_here("info", bundle_copy).code == 6


@pytest.mark.slow
def test_control_codes_of_a_manifest_never_reach_the_terminal(bundle_copy: Path, run_here: Callable[..., Any]) -> None:
    evil = "\x1b[31mred\x1b[0m\nfoo"
    _change_manifest(bundle_copy, lambda record: record.update(name=evil))
    finished = run_here("info", bundle_copy)
    assert finished.code == 0
    assert "\x1b" not in finished.out
    assert not any(line.startswith("foo") for line in finished.out.splitlines())
    _change_manifest(bundle_copy, lambda record: record["files"].update({evil: "0" * 64}))
    refused = run_here("verify", bundle_copy)
    assert (refused.code, "\x1b" in refused.err) == (6, False)


def test_manifest_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(b"\xff\xfe\x00")
    assert_refused(tmp_path, ManifestError)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "error", "expected"),
    [
        (lambda record: record.update(schema_version=1), ManifestError, "schema 1"),
        (lambda record: record.update(schema_version=6, of_the_future=True), ManifestError, "schema 6"),
        (lambda record: record.update(preprocess={"version": 9, "sha256": "0" * 64}), ContractError, "preprocessing 9"),
        (lambda record: record.update(artifacts=[]), ManifestError, "no ONNX model"),
    ],
)
def test_manifest_of_another_kind_is_refused_by_name(
    change: Change, error: type[EdgeMnistError], expected: str, bundle_copy: Path
) -> None:
    _change_manifest(bundle_copy, change)
    assert_refused(bundle_copy, error, expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.pop("files"),
        lambda record: record.update(files=None),
        lambda record: record.update(source={}),
        lambda record: record.update(artifacts=7),
        lambda record: record["artifacts"][0].pop("sha256"),
        lambda record: record["artifacts"][-1].update(sha256=7),
        lambda record: record["artifacts"][-1].update(file=7),
        lambda record: record["artifacts"][-1].update(inputs=[{"name": "image"}]),
    ],
    ids=[
        "no files", "files null", "source empty", "artifacts a number", "artifact without hash", "hash a number",
        "file a number", "input without shape",
    ],
)  # fmt: skip
def test_manifest_with_a_wrong_field_is_malformed(change: Change, bundle_copy: Path) -> None:
    _change_manifest(bundle_copy, change)
    with pytest.raises(ManifestError, match="malformed"):
        Manifest.load(bundle_copy)


@pytest.mark.slow
def test_flipped_byte_is_a_hash_mismatch(bundle_copy: Path, flip_byte: Callable[[Path], None]) -> None:
    path = next(bundle_copy.glob("*_int8.onnx"))
    flip_byte(path)
    with pytest.raises(HashMismatchError) as caught:
        DigitClassifier(bundle_copy)
    assert str(path) in str(caught.value)


@pytest.mark.slow
def test_removed_file_is_a_hash_mismatch(bundle_copy: Path) -> None:
    path = next(bundle_copy.glob("*_int8.onnx"))
    path.unlink()
    with pytest.raises(HashMismatchError, match="listed in the manifest, but No such file"):
        DigitClassifier(bundle_copy)


@pytest.mark.slow
def test_int8_files_give_the_same_digit_on_every_golden_image(reference_bundle: Path) -> None:
    golden = np.load(reference_bundle / "golden.npz")
    images, labels = golden["images"], golden["labels"]
    onnx, tflite = (open_model(next(reference_bundle.glob(f"*_int8.{suffix}"))) for suffix in ("onnx", "tflite"))
    onnx_digits, tflite_digits = onnx.run(images).argmax(1), tflite.run(images).argmax(1)
    assert np.array_equal(onnx_digits, tflite_digits)
    assert (onnx_digits == labels).mean() >= 0.9


def _change_manifest(bundle: Path, change: Change) -> None:
    path = bundle / "manifest.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
