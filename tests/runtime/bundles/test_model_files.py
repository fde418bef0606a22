"""Model files and bundles that are damaged, foreign or for another version: refused, each by the right error."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bundles.manifest import Manifest
from edge_mnist_runtime.classifier import open_model
from edge_mnist_runtime.contract import DIGIT_LABELS, IMAGE_SHAPE, METADATA_KEY, UNIT_RANGE, InputRange, ModelContract
from edge_mnist_runtime.errors import (
    ContractError,
    CorruptModelError,
    EdgeMnistError,
    HashMismatchError,
    ManifestError,
    NoContractError,
    UsageError,
)
from edge_mnist_runtime.preprocess import PREPROCESS

WITHOUT_LITERT = """
import sys
sys.modules["ai_edge_litert"] = None  # as if it were not installed
sys.argv = ["edge-mnist", *sys.argv[1:]]
from edge_mnist_runtime.commands.app import main
main()
"""

Change = Callable[[dict[str, Any]], Any]


def assert_refused(path: Path, error: type[EdgeMnistError], *expected: str) -> None:
    """Opening `path` raises exactly `error`, in one line that names the path and holds all of `expected`."""
    with pytest.raises(EdgeMnistError) as caught:
        open_model(path)
    assert type(caught.value) is error, caught.value
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    for part in expected:
        assert part in message


def contract_record() -> dict[str, Any]:
    contract = ModelContract(
        name="made-up",
        precision="int8",
        labels=DIGIT_LABELS,
        image_shape=IMAGE_SHAPE,
        input_range=UNIT_RANGE,
        preprocess_version=PREPROCESS.version,
        preprocess_sha256=PREPROCESS.sha256,
        source_sha256="0" * 64,
        input_scale=1 / 255,
        input_zero_point=0,
    )
    return json.loads(contract.to_json())


# Lone files.


def test_missing_model_is_a_usage_error(tmp_path: Path) -> None:
    assert_refused(tmp_path / "absent.onnx", UsageError, "No such file")


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model", "absent.pb"])
def test_unknown_suffix_is_a_usage_error(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert_refused(tmp_path / name, UsageError, ".onnx", ".tflite")


def test_path_with_a_null_byte_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        DigitClassifier("model\0.onnx")


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.9])
def test_truncated_onnx_is_corrupt(part: float, bundled_onnx: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(bundled_onnx[: int(len(bundled_onnx) * part)])
    assert_refused(path, CorruptModelError)


@pytest.mark.parametrize("data", [b"this is no model\n", b"\0" * 64, b"PK\x03\x04", b"\xff" * 64])
def test_other_content_named_onnx_is_corrupt(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    assert_refused(path, CorruptModelError)


def test_onnx_with_its_contract_is_read(onnx_with_contract: Callable[[str | None], bytes], tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_with_contract(json.dumps(contract_record())))
    engine = open_model(path)
    assert engine.contract.name == "made-up"
    assert engine.size_bytes == path.stat().st_size


def test_onnx_without_contract_is_refused(onnx_with_contract: Callable[[str | None], bytes], tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_with_contract(None))
    assert_refused(path, NoContractError, "no edge-mnist contract")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '"text"', "{}", '{"schema_version": 1}'])
def test_onnx_with_malformed_contract_is_refused(
    text: str, onnx_with_contract: Callable[[str | None], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_with_contract(text))
    assert_refused(path, ContractError)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"preprocess_sha256": "0" * 64}, "preprocessing"),
        ({"labels": [*"9876543210"]}, "no classifier of 28 x 28 digits"),
        ({"labels": [*"0123456788"]}, "the label '8' names two classes"),
        ({"labels": ["0"]}, "1 labels"),
        ({"image_shape": [28, 28]}, "image_shape"),
        ({"image_shape": [28, 28, 0]}, "image_shape"),
        ({"input_range": {"mean": [0.0], "deviation": [0.0]}}, "no input range"),
        ({"input_range": {"mean": [0.0, 0.0], "deviation": [255.0]}}, "malformed contract"),
        ({"input_range": {"mean": [0.0, 1.0], "deviation": [1.0, 1.0]}}, "2 means for 1 channels"),
        ({"input_range": None}, "malformed contract"),
        ({"precision": "fp4"}, "precision"),
        ({"input_scale": "x"}, "scale"),
        ({"preprocess_version": 2, "preprocess_sha256": "f" * 64}, "preprocessing 2"),
        ({"schema_version": 1}, "schema 1 is not one of the known 3, 4, 5"),
        ({"schema_version": 6}, "schema 6"),
        ({"schema_version": 6, "a_field_of_the_future": True}, "schema 6"),
        ({"can_saturate": 0}, "can_saturate"),
    ],
)
def test_contract_of_another_version_is_refused_by_name(
    change: dict[str, Any], expected: str, onnx_with_contract: Callable[[str | None], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_with_contract(json.dumps({**contract_record(), **change})))
    assert_refused(path, ContractError, expected)


def test_onnx_with_other_tensors_is_refused(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 10]) for name in ("image", "probabilities")]
    node = helper.make_node("Identity", ["image"], ["probabilities"])
    graph = helper.make_graph([node], "identity", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {METADATA_KEY: json.dumps(contract_record())})
    path = tmp_path / "model.onnx"
    onnx.save_model(model, path)
    assert_refused(path, ContractError, "('float32', ('N', 10))", "images of (28, 28, 1) in and 10 probabilities out")


def test_contract_keeps_what_it_says_of_another_classifier() -> None:
    ends = {"labels": ("cat", "dog"), "image_shape": (32, 48, 3), "input_range": InputRange((127.5,), (127.5,))}
    digits = ModelContract.from_json(json.dumps(contract_record()), origin="test")
    contract = replace(digits, **ends, preprocess_version=None, preprocess_sha256=None)
    assert ModelContract.from_json(contract.to_json(), origin="test") == contract
    assert digits.reads_digits
    assert not contract.reads_digits


def test_file_without_preprocessing_reads_no_digits_and_is_opened_as_a_model_alone(
    onnx_with_contract: Callable[[str | None], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    nothing = {"preprocess_version": None, "preprocess_sha256": None}
    path.write_bytes(onnx_with_contract(json.dumps({**contract_record(), **nothing})))
    assert open_model(path).run(np.zeros((2, 28, 28, 1), np.uint8)).shape == (2, 10)
    with pytest.raises(ContractError, match=r"model.onnx: not a digit classifier"):
        DigitClassifier(path)


@pytest.mark.parametrize("data", [b"", b"this is no model\n", b"\x1c\0\0\0TFL3", b"\x1c\0\0\0TFL3" + b"\xff" * 4096])
def test_other_content_named_tflite_is_corrupt_and_crashes_nothing(
    data: bytes, tmp_path: Path, run_here: Callable[..., Any]
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(data)
    finished = run_here("info", path)  # in a process of its own, which may crash
    assert finished.code == 6
    assert finished.err.count("\n") == 1
    assert str(path) in finished.err
    assert_refused(path, CorruptModelError)


@pytest.mark.slow
@pytest.mark.parametrize("part", [0.02, 0.5, 0.95])
def test_truncated_tflite_is_corrupt_and_crashes_nothing(
    part: float, bundle_copy: Path, run_here: Callable[..., Any]
) -> None:
    path = next(bundle_copy.glob("*_int8.tflite"))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    finished = run_here("info", path)
    assert finished.code == 6
    assert f"{path}: " in finished.err
    assert "Traceback" not in finished.err
    assert_refused(path, CorruptModelError)


@pytest.mark.slow
def test_tflite_without_litert_names_the_extra(reference_bundle: Path, run_python: Callable[..., Any]) -> None:
    done = run_python(WITHOUT_LITERT, "info", next(reference_bundle.glob("*_int8.tflite")))
    assert done.returncode == 3
    assert re.search(r'pip install "\S+\[litert\]"', done.stderr)
    assert done.stderr.count("\n") == 1


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
    with pytest.raises(UsageError, match="robust, edge, nano"):
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
