"""How a model is run: options that are honoured or refused, sessions of the caller's, and what `info()` says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from edge_mnist_runtime import ContractError, DigitClassifier, ManifestError, UsageError
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS, DEFAULT_MODEL
from edge_mnist_runtime.bundles.libraries import find_bundled_library
from edge_mnist_runtime.engines import BATCH_IMAGES
from edge_mnist_runtime.engines.options import EngineOptions
from edge_mnist_runtime.reading.parameters import PICTURE_READING

BUNDLED = Path(BUNDLED_MODELS[DEFAULT_MODEL])

WITHOUT_LITERT = """
import json, sys
sys.modules["ai_edge_litert"] = None  # as if it were not installed
from edge_mnist_runtime import DigitClassifier
print(json.dumps(DigitClassifier(sys.argv[1], backend="auto").info().to_dict()))
"""


@pytest.fixture(scope="module")
def tensors() -> np.ndarray:
    return load_samples().images[..., 0]


def make_session(model: bytes | None = None, **settings: object) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    for name, value in settings.items():
        setattr(options, name, value)
    return onnxruntime.InferenceSession(model or BUNDLED.read_bytes(), options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(
    "options", [{"spin": True, "threads": 2}, {"low_memory": True}, {"providers": ["CPUExecutionProvider"]}]
)
def test_options_are_applied_and_change_no_answer(
    options: dict[str, Any], tensors: np.ndarray, classifier: DigitClassifier
) -> None:
    other = DigitClassifier(**options)
    found = other.info().engine.to_dict()
    assert {name: found[name] for name in options} == {
        name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
    }
    for one, two in zip(classifier.predict_batch(tensors), other.predict_batch(tensors), strict=True):
        assert one.digit == two.digit
        assert np.allclose(one.probabilities, two.probabilities, atol=1e-6)


def test_low_memory_reads_batches_of_any_size(tensors: np.ndarray, classifier: DigitClassifier) -> None:
    order = np.arange(BATCH_IMAGES + 7) % 10
    found = DigitClassifier(low_memory=True).predict_batch(tensors[order])
    assert [prediction.digit for prediction in found] == order.tolist()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"providers": ["NoSuchProvider"]},
            "NoSuchProvider: this onnxruntime has no such .*; it has .*CPUExecutionProvider",
        ),
        ({"providers": "CPUExecutionProvider"}, "must be a list of names"),
        ({"providers": [7]}, "must be a list of names"),
        ({"threads": 0}, "`threads` must be a whole number, 1..256, not 0"),
        ({"threads": 257}, "not 257"),
        ({"threads": True}, "not True"),
        ({"threads": 1.5}, "not 1.5"),
        ({"backend": "tensorflow"}, "tensorflow: not a back end; known are auto, onnxruntime, litert"),
        ({"backend": "litert"}, "litert does not run .onnx files; .*name a bundle"),
        ({"mode": "best"}, "best"),
        ({"model": 7}, "a int does not name a model"),
    ],
)
def test_option_that_cannot_be_honoured_is_refused(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        DigitClassifier(**options)


def test_preprocess_is_the_deprecated_name_of_mode() -> None:
    with pytest.warns(DeprecationWarning, match="is now mode="):
        assert DigitClassifier(preprocess="raw").info().mode == "raw"


def test_info_says_what_is_used(classifier: DigitClassifier) -> None:
    info = classifier.info()
    assert (info.model, info.file, info.precision) == (DEFAULT_MODEL, BUNDLED.name, "int8")
    assert (info.engine.backend, info.engine.backend_version) == ("onnxruntime", onnxruntime.__version__)
    assert info.engine.providers == ("CPUExecutionProvider",)
    assert (info.engine.threads, info.engine.spin, info.engine.low_memory) == (1, False, False)
    assert info.engine.exact_sums is False
    assert (info.mode, info.picture_reading_version) == ("auto", PICTURE_READING.version)
    assert info.measured is None
    record = json.loads(json.dumps(info.to_dict()))
    assert record["sha256"] == classifier.engine.sha256
    assert record["engine"]["threads"] == 1


def test_backend_auto_with_one_file_has_nothing_to_choose() -> None:
    info = DigitClassifier(backend="auto").info()
    assert (info.measured is None) == (find_bundled_library("robust") is None)
    assert DigitClassifier(BUNDLED, backend="auto").info().engine.backend == "onnxruntime"


# A session of the caller's.


def test_callers_session_gives_the_same_answers(tensors: np.ndarray, classifier: DigitClassifier) -> None:
    session = make_session(intra_op_num_threads=2, enable_cpu_mem_arena=False)
    own = DigitClassifier(session=session)
    assert [p.digit for p in own.predict_batch(tensors)] == [p.digit for p in classifier.predict_batch(tensors)]
    info = own.info()
    assert (info.model, info.sha256, info.file) == (DEFAULT_MODEL, None, None)
    assert (info.engine.callers_session, info.engine.threads, info.engine.spin) == (True, 2, True)


@pytest.mark.parametrize(
    "options",
    [
        {"model": "edge"},
        {"threads": 2},
        {"spin": True},
        {"low_memory": True},
        {"providers": ["CPUExecutionProvider"]},
        {"backend": "litert"},
        {"backend": "auto"},
    ],
    ids=lambda options: next(iter(options)),
)
def test_session_refuses_options_that_belong_to_it(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(options))}: a session has its own"):
        DigitClassifier(session=make_session(), **options)


def test_what_is_no_session_is_refused() -> None:
    with pytest.raises(UsageError, match=r"must be an onnxruntime.InferenceSession, not a bytes"):
        DigitClassifier(session=BUNDLED.read_bytes())


def test_session_of_a_foreign_model_is_refused(onnx_with_contract: Callable[[str | None], bytes]) -> None:
    with pytest.raises(ContractError, match="session: has no edge-mnist contract"):
        DigitClassifier(session=make_session(onnx_with_contract(None)))


# Bundles.


@pytest.mark.slow
def test_auto_takes_the_fastest_file_that_answers_as_recorded(reference_bundle: Path) -> None:
    info = DigitClassifier(reference_bundle, backend="auto").info()
    assert info.measured is not None
    assert {file.file for file in info.measured} == {path.name for path in reference_bundle.glob("*_*.*[xe]")}
    medians = {file.file: file.p50_us for file in info.measured}
    assert all(median and median > 0 for median in medians.values())
    assert Path(str(info.file)).name == min(medians, key=lambda file: medians[file])
    assert {file.backend for file in info.measured} == {"onnxruntime", "litert"}


@pytest.mark.slow
def test_auto_leaves_out_a_file_that_answers_otherwise(
    bundle_copy: Path, replace_in_bundle: Callable[[Path, str, bytes], None], tmp_path: Path
) -> None:
    golden = dict(np.load(bundle_copy / "golden.npz"))
    for name in golden:
        if name.startswith("probabilities/") and not name.endswith("_fp32.onnx"):
            golden[name] = golden[name][:, ::-1]
    np.savez(tmp_path / "golden.npz", **golden)
    replace_in_bundle(bundle_copy, "golden.npz", (tmp_path / "golden.npz").read_bytes())
    info = DigitClassifier(bundle_copy, backend="auto").info()
    assert (info.precision, info.engine.backend) == ("fp32", "onnxruntime")
    assert sum("golden answers here" in str(file.skipped) for file in info.measured or ()) == 3


@pytest.mark.slow
def test_auto_without_litert_says_why_its_files_are_left_out(
    reference_bundle: Path, run_script: Callable[..., str]
) -> None:
    record = json.loads(run_script(WITHOUT_LITERT, reference_bundle))
    assert record["engine"]["backend"] == "onnxruntime"
    left_out = {file["file"]: file["skipped"] for file in record["measured"] if file["p50_us"] is None}
    assert {Path(file).suffix for file in left_out} == {".tflite"}
    assert all("[litert]" in reason for reason in left_out.values())


@pytest.mark.slow
def test_auto_leaves_out_what_cannot_honour_an_option(reference_bundle: Path) -> None:
    info = DigitClassifier(reference_bundle, backend="auto", low_memory=True).info()
    assert info.engine.low_memory
    assert all("low_memory: LiteRT" in str(file.skipped) for file in info.measured or () if file.backend == "litert")


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "suffix"), [(None, ".onnx"), ("onnxruntime", ".onnx"), ("litert", ".tflite")])
def test_backend_takes_a_bundles_int8_file_of_its_format(
    backend: Any, suffix: str, reference_bundle: Path, tensors: np.ndarray
) -> None:
    classifier = DigitClassifier(reference_bundle, backend=backend)
    assert Path(str(classifier.info().file)).name.endswith(f"_int8{suffix}")
    assert [prediction.digit for prediction in classifier.predict_batch(tensors)] == [*range(10)]


@pytest.mark.slow
def test_lone_files_suffix_decides(reference_bundle: Path) -> None:
    path = next(reference_bundle.glob("*_int8.tflite"))
    assert DigitClassifier(path, backend="auto").info().engine.backend == "litert"
    with pytest.raises(UsageError, match=r"onnxruntime does not run .tflite files; its suffix decides"):
        DigitClassifier(path, backend="onnxruntime")


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [{"spin": True}, {"low_memory": True}, {"providers": ["CPUExecutionProvider"]}],
    ids=lambda o: next(iter(o)),
)
def test_litert_refuses_what_it_has_not(options: dict[str, Any], reference_bundle: Path) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(options))}: LiteRT.*has no such option"):
        DigitClassifier(reference_bundle, backend="litert", **options)


@pytest.mark.slow
def test_bundle_without_the_format_is_refused(bundle_copy: Path) -> None:
    path = bundle_copy / "manifest.json"
    record = json.loads(path.read_text())
    record["artifacts"] = [artifact for artifact in record["artifacts"] if artifact["format"] == "onnx"]
    path.write_text(json.dumps(record))
    with pytest.raises(ManifestError, match="has no TFLite model"):
        DigitClassifier(bundle_copy, backend="litert")


def test_options_are_a_value() -> None:
    assert EngineOptions(providers=["A"]) == EngineOptions(providers=("A",))  # type: ignore[arg-type]
    assert EngineOptions(spin=True).beyond_threads() == ["spin"]
