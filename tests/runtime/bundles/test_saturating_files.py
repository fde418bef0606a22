"""Files whose int8 sums can saturate keep their care; files that cannot are run by default sessions everywhere."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.bundles.manifest import Manifest
from edge_mnist_runtime.classifier import open_model
from edge_mnist_runtime.contract import METADATA_KEY
from edge_mnist_runtime.engines.onnx_session import OnnxSession

WARNING = (
    "its int8 sums can saturate in other programs on x86 without VNNI; export it again, without allowing saturation"
)


def contract_of_schema_3(model: Path) -> str:
    """What a file of an older version says, which is nothing of saturation."""
    record = json.loads(onnx.load(model).metadata_props[0].value)
    del record["can_saturate"]
    return json.dumps({**record, "schema_version": 3})


@pytest.fixture(scope="module")
def old_file(onnx_with_contract: Callable[[str], bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("old") / "old_int8.onnx"
    path.write_bytes(onnx_with_contract(contract_of_schema_3(Path(BUNDLED_MODELS["robust"]))))
    return path


@pytest.fixture
def saturating_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """As onnxruntime finds x86 without VNNI."""
    monkeypatch.setattr("edge_mnist_runtime.machine.int8_sums.may_saturate", lambda: True)


@pytest.mark.usefixtures("saturating_processor")
@pytest.mark.parametrize("name", BUNDLED_MODELS)
def test_shipped_models_never_ask_for_exact_sums(name: str) -> None:
    assert DigitClassifier(name).info().engine.exact_sums is False


@pytest.mark.usefixtures("saturating_processor")
def test_old_file_asks_for_exact_sums_where_they_could_saturate(old_file: Path) -> None:
    classifier = DigitClassifier(old_file)
    assert classifier.engine.contract.can_saturate
    assert classifier.info().engine.exact_sums is True
    assert pickle.loads(pickle.dumps(classifier)).info().engine.exact_sums is True


@pytest.mark.usefixtures("saturating_processor")
def test_int8_file_without_a_contract_asks_for_exact_sums_too(
    onnx_with_contract: Callable[[str | None], bytes], tmp_path: Path
) -> None:
    from edge_mnist_runtime.bundles.foreign_files import open_any

    path = tmp_path / "theirs.onnx"
    path.write_bytes(onnx_with_contract(None))
    engine = open_any(path)
    assert engine.contract.can_saturate
    assert engine.info().exact_sums is True


INTEGERS = ["codes", "pixel", "black", "weights", "step", "none"]
"""The inputs of a layer in the form of one operation: values and weights, each with scale and zero-point."""

THEIRS = {
    "DequantizeLinear": [
        ("DequantizeLinear", ["codes", "pixel", "black"], "values"),
        ("DequantizeLinear", ["weights", "step", "none"], "reals"),
        ("MatMul", ["values", "reals"], "scores"),
    ],
    "DynamicQuantizeMatMul": [
        ("Cast", ["codes"], "values"),
        ("DynamicQuantizeMatMul", ["values", "weights", "step", "none"], "scores"),
    ],
    "QGemm": [("QGemm", INTEGERS, "scores")],
}
"""Layers that onnxruntime computes in int8, without a QuantizeLinear in the file: operator, inputs and output."""


@pytest.fixture
def write_theirs(tmp_path: Path) -> Callable[..., Path]:
    """Write an ONNX file of other tools: ten scores of 784 values of 8 bits, by nodes as in `THEIRS`."""
    from onnx import TensorProto, helper, numpy_helper

    constants = {
        "pixel": np.float32(1 / 255),
        "black": np.uint8(0),
        "weights": np.full((784, 10), 127, np.int8),
        "step": np.float32(0.01),
        "none": np.int8(0),
    }

    def write(nodes: list[tuple[str, list[str], str]], takes: int = TensorProto.UINT8) -> Path:
        microsoft = ("DynamicQuantizeMatMul", "QGemm")
        graph = helper.make_graph(
            [
                helper.make_node(
                    operator,
                    inputs,
                    [output],
                    domain="com.microsoft" if operator in microsoft else "",
                    **({"to": TensorProto.FLOAT} if operator == "Cast" else {}),
                )
                for operator, inputs, output in nodes
            ],
            "theirs",
            [helper.make_tensor_value_info("codes", takes, [None, 784])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 10])],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
        )
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "theirs.onnx")
        return tmp_path / "theirs.onnx"

    return write


@pytest.mark.usefixtures("saturating_processor")
@pytest.mark.parametrize("operator", THEIRS)
def test_file_that_multiplies_integers_by_any_operation_asks_for_exact_sums(
    operator: str, write_theirs: Callable[..., Path]
) -> None:
    from edge_mnist_runtime.bundles.foreign_files import open_any

    engine = open_any(write_theirs(THEIRS[operator]))
    assert engine.contract.can_saturate
    assert engine.info().exact_sums is True


@pytest.mark.usefixtures("saturating_processor")
def test_file_without_exact_kernels_opens_by_default(write_theirs: Callable[..., Path]) -> None:
    """onnxruntime has none for operations on int8 values; its default ones do not saturate."""
    from edge_mnist_runtime.bundles.foreign_files import open_any

    product = ("QLinearMatMul", ["codes", "step", "none", "weights", "step", "none", "step", "none"], "sums")
    path = write_theirs([product, ("DequantizeLinear", ["sums", "step", "none"], "scores")], onnx.TensorProto.INT8)
    engine = open_any(path)
    assert engine.contract.can_saturate
    assert engine.info().exact_sums is False


def test_old_file_asks_for_nothing_where_they_could_not(old_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_mnist_runtime.machine.int8_sums.may_saturate", lambda: False)
    assert DigitClassifier(old_file).info().engine.exact_sums is False


def test_float_file_of_an_older_version_cannot_saturate(
    onnx_with_contract: Callable[[str], bytes], tmp_path: Path
) -> None:
    record = json.loads(contract_of_schema_3(Path(BUNDLED_MODELS["robust"])))
    path = tmp_path / "old_fp32.onnx"
    path.write_bytes(onnx_with_contract(json.dumps({**record, "precision": "fp32"})))
    assert not open_model(path).contract.can_saturate


def test_exact_session_is_the_one_that_was_asked_for(old_file: Path) -> None:
    data = old_file.read_bytes()
    assert OnnxSession(data, origin="old", exact=True).info().exact_sums is True
    assert OnnxSession(data, origin="old", exact=False).info().exact_sums is False


def test_classify_warns_once_and_answers(
    old_file: Path, samples_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from edge_mnist_runtime.commands.app import run

    assert run(["classify", str(samples_folder), "--model", str(old_file)]) == 0
    said = capfd.readouterr()
    assert said.err.count(WARNING) == 1
    assert said.err.startswith(f"edge-mnist: warning: {old_file}: ")
    assert len(said.out.splitlines()) == 10


def test_info_says_whether_a_file_can_saturate(old_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from edge_mnist_runtime.commands.app import run

    said = []
    for model in (old_file, "robust"):
        assert run(["info", str(model), "--json"]) == 0
        (file,) = json.loads(capfd.readouterr().out)["files"]
        assert run(["info", str(model)]) == 0
        said.append((file["can_saturate"], capfd.readouterr().out))
    (can, old_text), (cannot, text) = said
    assert (can, cannot) == (True, False)
    assert WARNING in " ".join(old_text.split())
    assert "no, by its contract: int8 sums are exact on every processor" in text


def test_bench_names_files_that_can_saturate(old_file: Path) -> None:
    from edge_mnist_runtime.bench.benchmark import run_benchmark
    from edge_mnist_runtime.bench.config import BenchmarkConfig
    from edge_mnist_runtime.bench.sample_digits import load_samples

    config = BenchmarkConfig(samples=5, warmup=1, batch_sizes=(1,), fresh_processes=False)
    report = run_benchmark([old_file, None], load_samples(), config)
    assert [warning for warning in report.warnings if WARNING in warning] == [
        f"old_int8.onnx: {WARNING}, or set onnxruntime's session.x64quantprecision to 1 there"
    ]


@pytest.mark.slow
def test_verify_names_files_of_an_older_bundle(
    bundle_copy: Path,
    replace_model: Callable[[Path, str, bytes], None],
    capfd: pytest.CaptureFixture[str],
) -> None:
    from edge_mnist_runtime.commands.app import run

    file = bundle_copy / "edge_int8.onnx"
    model = onnx.load(file)
    text = contract_of_schema_3(file)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {METADATA_KEY: text})
    replace_model(bundle_copy, file.name, model.SerializeToString())
    assert run(["verify", str(bundle_copy)]) == 0
    said = capfd.readouterr().err.splitlines()
    assert [line for line in said if WARNING in line] == [
        f"edge-mnist: warning: edge_int8.onnx: {WARNING}, or set onnxruntime's session.x64quantprecision to 1 there"
    ]
    found = {artifact.file: artifact.can_saturate for artifact in Manifest.load(bundle_copy).artifacts}
    assert found == {
        "edge_int8.onnx": True,
        "edge_int8.tflite": False,
        "edge_fp32.onnx": False,
        "edge_fp32.tflite": False,
    }
    assert run(["doctor", str(bundle_copy)]) == 0
    assert "edge_int8.onnx" in capfd.readouterr().out


@pytest.fixture
def replace_model() -> Callable[[Path, str, bytes], None]:
    """Put a model into a bundle of schema 3, as older versions made them."""
    import hashlib

    def replace(bundle: Path, name: str, data: bytes) -> None:
        (bundle / name).write_bytes(data)
        path = bundle / "manifest.json"
        record: dict[str, Any] = json.loads(path.read_text())
        record["schema_version"] = 3
        for artifact in record["artifacts"]:
            del artifact["can_saturate"]
            if artifact["file"] == name:
                artifact["sha256"] = hashlib.sha256(data).hexdigest()
                artifact["size_bytes"] = len(data)
        path.write_text(json.dumps(record))

    return replace
