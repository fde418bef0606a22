"""The files that an export of the reference model writes.

The file is long because all tests look at one export, which a second file would make again in another process.
"""

from __future__ import annotations

import hashlib
import io
import json
import os

import numpy as np
import onnx
import onnxruntime
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edge_mnist_exporter.bundle.golden import GOLDEN_DIGITS_EACH
from edge_mnist_exporter.golden_images import GOLDEN_SEED
from edge_mnist_runtime.bundles.manifest import Manifest
from edge_mnist_runtime.bundles.verification import verify_bundle
from edge_mnist_runtime.contract import METADATA_KEY, ModelContract
from edge_mnist_runtime.dataset import DATA_VARIABLE, LabelledDigits
from edge_mnist_runtime.engines import run_in_batches
from edge_mnist_runtime.engines.opening import open_engine
from edge_mnist_trainer.augment.strokes import draw_digits
from edge_mnist_trainer.data.sources import load_export_digits
from edge_mnist_trainer.networks.reference_models import find_reference_model
from edge_mnist_trainer.report.web_page import pixels_data_url

pytestmark = pytest.mark.slow

MODEL_FILES = ("edge_fp32.tflite", "edge_fp32.onnx", "edge_int8.tflite", "edge_int8.onnx")


@pytest.fixture(scope="module")
def tflite(reference_bundle) -> Interpreter:
    interpreter = Interpreter(str(reference_bundle / "edge_int8.tflite"), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


@pytest.fixture(scope="module")
def evaluation() -> LabelledDigits:
    """The evaluation images of the reference bundle."""
    return load_export_digits().evaluation


def _predict_with_keras(evaluation: LabelledDigits) -> np.ndarray:
    import keras

    model = keras.models.load_model(find_reference_model(), compile=False)
    return model.predict(evaluation.images / np.float32(255), batch_size=1000, verbose=0)


@pytest.fixture(scope="module")
def onnx_int8(reference_bundle) -> onnx.ModelProto:
    return onnx.load(reference_bundle / "edge_int8.onnx")


def test_bundle_contains_exactly_its_files(reference_bundle):
    names = {path.name for path in reference_bundle.iterdir()}
    assert names == {*MODEL_FILES, "report.json", "MODEL_CARD.md", "bom.cdx.json", "golden.npz", "manifest.json"}
    beside = {path.name for path in reference_bundle.parent.iterdir()}
    assert beside == {reference_bundle.name, f"{reference_bundle.name}.report.html"}


def test_report_has_all_documented_fields(report):
    assert report["schema_version"] == 5
    assert {"name", "split", "n", "n_per_class", "image_shape", "sha256"} <= report["dataset"].keys()
    assert 0.9 < report["reference"]["top1"] <= 1
    assert 0 <= report["reference"]["expected_calibration_error"] < 0.2
    assert len(report["reference"]["per_class_top1"]) == len(report["labels"]) == 10
    assert tuple(artifact["file"] for artifact in report["artifacts"]) == MODEL_FILES
    fields = {
        *("file", "format", "precision", "size_bytes", "sha256"),
        *("top1", "delta_points", "delta_interval_points", "mcnemar_p", "lost", "gained", "agreement", "flips"),
        *("max_abs_probability_diff", "expected_calibration_error", "per_class_top1"),
    }
    for artifact in report["artifacts"]:
        assert fields <= artifact.keys()
        assert artifact["file"] == f"edge_{artifact['precision']}.{artifact['format']}"
    for gate in report["gates"]:
        assert {"name", "value", "limit", "passed"} <= gate.keys()


def test_report_passes_every_gate_of_every_file(report):
    assert report["passed"]
    names = [gate["name"] for gate in report["gates"]]
    assert names == [
        "reference_top1",
        *(f"{figure}({file})" for file in MODEL_FILES for figure in ("drop_points", "agreement")),
    ]
    assert all(gate["passed"] for gate in report["gates"])


def test_figures_of_the_report_are_consistent(report):
    for artifact in report["artifacts"]:
        delta = 100 * (artifact["top1"] - report["reference"]["top1"])
        assert artifact["delta_points"] == pytest.approx(delta, abs=1e-9)
        assert abs(delta) <= 100 * (1 - artifact["agreement"]) + 1e-9


def test_fp32_files_predict_like_keras(report):
    for artifact in report["artifacts"]:
        if artifact["precision"] == "fp32":
            assert artifact["max_abs_probability_diff"] < 1e-3
            assert artifact["agreement"] > 0.999


def test_calibration_and_evaluation_use_different_splits(report):
    assert report["calibration"]["name"] == report["dataset"]["name"]
    assert report["calibration"]["split"] != report["dataset"]["split"]


def test_hashes_and_sizes_are_those_of_the_files(reference_bundle, report):
    manifest = Manifest.load(reference_bundle)
    hashes = manifest.hashes()
    assert {*hashes, "manifest.json"} == {path.name for path in reference_bundle.iterdir()}
    for name, sha256 in hashes.items():
        assert hashlib.sha256((reference_bundle / name).read_bytes()).hexdigest() == sha256
    for listed, reported in zip(manifest.artifacts, report["artifacts"], strict=True):
        size = (reference_bundle / listed.file).stat().st_size
        assert (listed.size_bytes, listed.sha256) == (reported["size_bytes"], reported["sha256"])
        assert (listed.file, listed.size_bytes) == (reported["file"], size)


def test_running_the_files_reproduces_the_figures_of_the_report(reference_bundle, report, evaluation):
    """Every file runs on the evaluation images again and is compared with Keras."""
    labels, keras = evaluation.labels, _predict_with_keras(evaluation)
    engines = {file: open_engine((reference_bundle / file).read_bytes(), file_name=file) for file in MODEL_FILES}
    predictions = {
        file: np.concatenate(list(run_in_batches(engine, evaluation.images))) for file, engine in engines.items()
    }
    found = {name: probabilities.argmax(1) for name, probabilities in {"keras": keras, **predictions}.items()}
    assert report["agreement"]["names"] == list(found)
    for row, name in zip(report["agreement"]["matrix"], found, strict=True):
        assert row == [np.mean(found[name] == found[other]) for other in found]
    for artifact in report["artifacts"]:
        predicted, wrong = found[artifact["file"]], found["keras"] != labels
        assert artifact["top1"] == np.mean(predicted == labels)
        assert artifact["lost"] == np.sum((predicted != labels) & ~wrong)
        assert artifact["gained"] == np.sum((predicted == labels) & wrong)
        assert [flip["index"] for flip in artifact["flips"]] == np.flatnonzero(predicted != found["keras"]).tolist()
        for flip in artifact["flips"]:
            assert (flip["label"], flip["answer"]) == (labels[flip["index"]], predicted[flip["index"]])
            assert flip["reference_answer"] == found["keras"][flip["index"]]
        each = [np.mean(predicted[labels == digit] == digit) for digit in range(10)]
        assert artifact["per_class_top1"] == pytest.approx(each)
    tflite, onnx_file = (predictions[f"edge_int8.{kind}"] for kind in ("tflite", "onnx"))
    steps = np.abs(np.rint(tflite * 256) - np.minimum(np.rint(onnx_file * 256), 255)).max(1).astype(int)
    assert report["int8_parity"]["images_by_steps"] == np.bincount(steps).tolist()
    assert report["int8_parity"]["step"] == 1 / 256


def test_bundle_contains_no_evaluation_image(reference_bundle, report, evaluation):
    """It searches for pixels and PNGs. The page beside the bundle contains them, which shows that the search works."""
    flipped = {flip["index"] for artifact in report["artifacts"] for flip in artifact["flips"]}
    assert flipped
    addresses = {pixels_data_url(evaluation.images[index]) for index in flipped}
    page = reference_bundle.with_name(f"{reference_bundle.name}.report.html").read_text("utf-8")
    assert all(address in page for address in addresses)
    for path in reference_bundle.iterdir():
        data = path.read_bytes()
        assert path.suffix != ".html"
        assert not any(address.partition(",")[2].encode() in data for address in addresses)
        assert not any(evaluation.images[index].tobytes() in data for index in flipped)


def test_bundle_records_its_source_model(reference_bundle, report, reference_model):
    expected = hashlib.sha256(reference_model.read_bytes()).hexdigest()
    assert report["source"]["sha256"] == Manifest.load(reference_bundle).source["sha256"] == expected


def test_tflite_has_no_free_size(reference_bundle):
    """LiteRT.js refuses a file with a free batch size."""
    for precision in ("fp32", "int8"):
        model = schema.Model.GetRootAsModel((reference_bundle / f"edge_{precision}.tflite").read_bytes(), 0)
        graph = model.Subgraphs(0)
        assert all(graph.Tensors(index).ShapeSignatureIsNone() for index in range(graph.TensorsLength()))


def test_tflite_signature_names_input_and_output(tflite):
    assert tflite.get_signature_list() == {"serving_default": {"inputs": ["image"], "outputs": ["output_0"]}}
    run = tflite.get_signature_runner("serving_default")
    assert run(image=np.zeros((1, 28, 28, 1), np.uint8))["output_0"].shape == (1, 10)


def test_tflite_runs_a_batch_after_its_input_is_resized(reference_bundle):
    golden = np.load(reference_bundle / "golden.npz", allow_pickle=False)
    images = golden["images"][:5]
    interpreter = Interpreter(str(reference_bundle / "edge_int8.tflite"), num_threads=1)
    (image,), (probabilities,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(image["index"], images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(image["index"], images)
    interpreter.invoke()
    recorded = np.rint(golden["probabilities/edge_int8.tflite"][:5] * 256)
    assert np.array_equal(interpreter.get_tensor(probabilities["index"]), recorded)


def test_tflite_int8_has_uint8_input_and_output(tflite):
    (image,), (probabilities,) = tflite.get_input_details(), tflite.get_output_details()
    assert (image["dtype"], list(image["shape"])) == (np.uint8, [1, 28, 28, 1])
    assert (probabilities["dtype"], list(probabilities["shape"])) == (np.uint8, [1, 10])
    assert image["quantization"] == (pytest.approx(1 / 255, rel=1e-6), 0)


def test_tflite_int8_has_no_float_tensor(tflite):
    dtypes = {np.dtype(tensor["dtype"]).name for tensor in tflite.get_tensor_details()}
    assert dtypes <= {"uint8", "int8", "int32"}


def test_onnx_int8_has_uint8_input_and_float_output(reference_bundle, drawn_images):
    session = onnxruntime.InferenceSession(reference_bundle / "edge_int8.onnx", providers=["CPUExecutionProvider"])
    (image,), (probabilities,) = session.get_inputs(), session.get_outputs()
    assert (image.name, image.type, image.shape) == ("image", "tensor(uint8)", ["N", 28, 28, 1])
    assert (probabilities.name, probabilities.type) == ("probabilities", "tensor(float)")
    assert probabilities.shape == ["N", 10]
    for n_images in (1, 7):
        (found,) = session.run(None, {"image": drawn_images[:n_images]})
        assert (found.shape, found.dtype) == ((n_images, 10), np.float32)
        assert np.allclose(found.sum(1), 1, atol=1e-5)


def test_onnx_int8_has_an_opset_with_per_channel_quantization(onnx_int8):
    (opset,) = [entry.version for entry in onnx_int8.opset_import if entry.domain in ("", "ai.onnx")]
    assert opset >= 13


def test_onnx_int8_stores_every_weight_as_int8(onnx_int8):
    makers = {output: node for node in onnx_int8.graph.node for output in node.output}
    stored = {tensor.name: tensor.data_type for tensor in onnx_int8.graph.initializer}
    weighted = [node for node in onnx_int8.graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
    assert weighted
    for node in weighted:
        assert stored[makers[node.input[1]].input[0]] == onnx.TensorProto.INT8


def test_onnx_int8_weights_are_a_quarter_of_the_fp32_weights(onnx_int8):
    floats = [t for t in onnx_int8.graph.initializer if t.data_type == onnx.TensorProto.FLOAT]
    assert sum(int(np.prod(tensor.dims)) for tensor in floats) < 500  # scales alone


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_onnx_contains_its_contract(reference_bundle, report, precision):
    model = onnx.load(reference_bundle / f"edge_{precision}.onnx")
    text = {entry.key: entry.value for entry in model.metadata_props}[METADATA_KEY]
    contract = ModelContract.from_json(text, origin="test")
    assert (contract.name, contract.precision) == ("edge", precision)
    assert contract.source_sha256 == report["source"]["sha256"]


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_onnx_contains_no_text_that_differs_from_process_to_process(reference_bundle, precision):
    model = onnx.load(reference_bundle / f"edge_{precision}.onnx")
    assert (model.doc_string, model.graph.doc_string) == ("", "")


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_tflite_contains_its_contract(reference_bundle, report, precision):
    model = schema.Model.GetRootAsModel((reference_bundle / f"edge_{precision}.tflite").read_bytes(), 0)
    entries = [model.Metadata(index) for index in range(model.MetadataLength())]
    (buffer,) = [model.Buffers(entry.Buffer()) for entry in entries if entry.Name() == METADATA_KEY.encode()]
    contract = ModelContract.from_json(buffer.DataAsNumpy().tobytes().decode(), origin="test")
    assert (contract.name, contract.precision) == ("edge", precision)
    assert contract.source_sha256 == report["source"]["sha256"]


def test_model_card_names_the_data_that_it_was_measured_on(reference_bundle, report):
    card = (reference_bundle / "MODEL_CARD.md").read_text("utf-8")
    dataset = report["dataset"]
    assert f"Measured on {dataset['n']:,} images of {dataset['name']} ({dataset['split']})" in card
    assert all(f"`{file}`" in card for file in MODEL_FILES)
    assert dataset["notice"] is None or dataset["notice"] in card


def test_report_and_card_name_the_stand_in_digits(reference_bundle, report):
    if report["dataset"]["name"] == "mnist":
        assert report["dataset"]["notice"] is None
        return
    assert not os.environ.get(DATA_VARIABLE)
    assert report["dataset"]["name"] == "sklearn-digits"
    assert "scikit-learn" in report["dataset"]["notice"]
    assert "scikit-learn" in (reference_bundle / "MODEL_CARD.md").read_text("utf-8")


def test_golden_vectors_replay_exactly_on_the_same_machine(reference_bundle):
    results = verify_bundle(reference_bundle)
    assert tuple(result.file for result in results) == MODEL_FILES
    for result in results:
        assert result.passed
        assert (result.same_digits, result.max_abs_probability_diff) == (result.n, 0.0)


def test_golden_vectors_are_digits_drawn_by_the_project(reference_bundle):
    golden = np.load(io.BytesIO((reference_bundle / "golden.npz").read_bytes()), allow_pickle=False)
    images, labels = draw_digits(GOLDEN_DIGITS_EACH, seed=GOLDEN_SEED)
    assert np.array_equal(golden["images"], images)
    assert np.array_equal(golden["labels"], labels)
    for file in MODEL_FILES:
        predictions = golden[f"probabilities/{file}"]
        assert (predictions.shape, predictions.dtype) == ((len(labels), 10), np.float32)
        assert np.mean(predictions.argmax(1) == labels) >= 0.9


def test_tflite_int8_is_at_most_30_kb(reference_bundle):
    assert (reference_bundle / "edge_int8.tflite").stat().st_size <= 30_000


def test_int8_files_keep_the_accuracy_on_mnist(mnist_folder, report):
    assert (report["dataset"]["name"], report["dataset"]["n"]) == ("mnist", 10_000)
    for artifact in report["artifacts"]:
        if artifact["precision"] == "int8":
            assert artifact["top1"] >= 0.994
            assert abs(artifact["delta_points"]) <= 0.1


def test_json_files_end_with_a_newline(reference_bundle):
    for name in ("report.json", "manifest.json"):
        text = (reference_bundle / name).read_text("utf-8")
        assert text.endswith("}\n")
        assert json.loads(text)
