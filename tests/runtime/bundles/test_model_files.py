"""Lone model files that are damaged, foreign or for another version: refused, each by the right error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.runtime.bundles.damaged_files import WITHOUT_LITERT, assert_refused, contract_record

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.classifier import open_model
from edge_mnist_runtime.contract import METADATA_KEY, READABLE_PREPROCESS_SHA256, InputRange, ModelContract
from edge_mnist_runtime.errors import (
    ContractError,
    CorruptModelError,
    NoContractError,
    UsageError,
)


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
        ({"preprocess_version": 3, "preprocess_sha256": "f" * 64}, "preprocessing 3"),
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


def test_model_of_preprocessing_version_1_is_read(
    onnx_with_contract: Callable[[str | None], bytes], tmp_path: Path
) -> None:
    first = {"preprocess_version": 1, "preprocess_sha256": READABLE_PREPROCESS_SHA256[0]}
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_with_contract(json.dumps({**contract_record(), **first})))
    assert open_model(path).contract.preprocess_version == 1


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
