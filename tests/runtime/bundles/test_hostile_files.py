"""Files that are well formed and say what they must not: refused by a named error, before a library comes to grief."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime import CorruptModelError, DigitClassifier, PictureError
from edge_mnist_runtime.contract import METADATA_KEY
from edge_mnist_runtime.engines.opening import open_engine
from edge_mnist_runtime.images import files as pictures
from edge_mnist_runtime.images.files import MOST_SCANS

BLANK = np.zeros((1, 28, 28, 1), np.uint8)


def jpeg_of_scans(scans: int, *, side: int = 64) -> bytes:
    """A progressive JPEG whose last scan stands there again and again."""
    file = io.BytesIO()
    picture = Image.new("L", (side, side), 255)
    picture.paste(0, (side // 2 - 3, side // 5, side // 2 + 3, side - side // 5))
    picture.save(file, "JPEG", progressive=True)
    jpeg = file.getvalue()
    last = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    return jpeg[:-2] + last * (scans - jpeg.count(b"\xff\xda")) + jpeg[-2:]


def test_jpeg_of_endless_scans_is_refused_at_once(classifier: DigitClassifier) -> None:
    bomb = jpeg_of_scans(2000, side=2500)
    started = time.perf_counter()
    with pytest.raises(PictureError, match="scans"):
        classifier.predict(bomb)
    assert time.perf_counter() - started < 5  # decoding it takes half a minute


def test_jpeg_of_as_many_scans_as_allowed_is_read(classifier: DigitClassifier) -> None:
    assert classifier.predict(jpeg_of_scans(MOST_SCANS)).digit == 1
    with pytest.raises(PictureError, match=f"more than {MOST_SCANS} scans"):
        classifier.predict(jpeg_of_scans(MOST_SCANS + 1))


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_sequential_jpeg_of_endless_scans_ends_at_once(mode: str, classifier: DigitClassifier) -> None:
    """Its scans are not counted: a decoder that has read all components expects no other."""
    file = io.BytesIO()
    Image.effect_noise((2500, 2500), 20).convert(mode).save(file, "JPEG", quality=20)
    jpeg = file.getvalue()
    started = time.perf_counter()
    with pytest.raises(PictureError, match="damaged picture"):
        classifier.predict(jpeg[:-2] + jpeg[jpeg.index(b"\xff\xda") : -2] * 300 + jpeg[-2:])
    assert time.perf_counter() - started < 5  # one scan takes a tenth of a second to decode


@pytest.mark.parametrize("progressive", [False, True])
def test_scans_of_progressive_jpegs_alone_are_counted(progressive: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever updates Pillow learns here if it no longer stops reading where the scan's head ends."""
    counted = []
    monkeypatch.setattr(pictures, "_has_too_many_scans", lambda jpeg: bool(counted.append(jpeg)))
    for mode in ("L", "RGB", "CMYK"):
        file = io.BytesIO()
        Image.new(mode, (64, 64)).save(file, "JPEG", progressive=progressive)
        pictures.open_picture(file.getvalue(), origin="picture")
    assert len(counted) == (3 if progressive else 0)


def test_what_follows_a_jpeg_is_not_counted(classifier: DigitClassifier, tmp_path: Path) -> None:
    path = tmp_path / "motion.jpg"
    path.write_bytes(jpeg_of_scans(12) + b"\xff\xda\0\x08" * 1000)  # phones append films
    assert classifier.predict(path).digit == 1


def test_onnx_whose_contradiction_shows_when_it_runs_is_corrupt(bundled_onnx: bytes) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    contract = onnx.load_model_from_string(bundled_onnx).metadata_props
    ends = [
        helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", 28, 28, 1]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["M", 10]),
    ]
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["floats", "shape"], ["probabilities"]),  # 784 is no multiple of 10
    ]
    graph = helper.make_graph(
        nodes, "tens", ends[:1], ends[1:], [numpy_helper.from_array(np.array([-1, 10], np.int64), "shape")]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {entry.key: entry.value for entry in contract if entry.key == METADATA_KEY})
    engine = open_engine(model.SerializeToString(), file_name="model.onnx")
    with pytest.raises(CorruptModelError, match="onnxruntime cannot run this model"):
        engine.run(BLANK)


def test_onnx_whose_contract_is_no_text_is_corrupt(bundled_onnx: bytes) -> None:
    assert bundled_onnx.count(b'"precision"') == 1
    with pytest.raises(CorruptModelError, match=r"model\.onnx: ") as caught:
        open_engine(bundled_onnx.replace(b'"precision"', b'"precisio\x81"'), file_name="model.onnx")
    assert "\n" not in str(caught.value)


def set_zero_point(model: Any, graph: Any) -> None:
    graph.tensors[graph.inputs[0]].quantization.zeroPoint = [4096]


def set_scale(value: float) -> Callable[[Any, Any], None]:
    def change(model: Any, graph: Any) -> None:
        graph.tensors[graph.outputs[0]].quantization.scale = [value]

    return change


def drop_zero_points(model: Any, graph: Any) -> None:
    graph.tensors[graph.outputs[0]].quantization.zeroPoint = []


def make_variable(model: Any, graph: Any) -> None:
    graph.tensors[graph.operators[-1].inputs[0]].isVariable = True


def read_far_away(model: Any, graph: Any) -> None:
    graph.operators[-2].inputs = [1000]


def read_what_is_not_yet_written(model: Any, graph: Any) -> None:
    graph.operators[0].inputs = graph.outputs


def write_over_weights(model: Any, graph: Any) -> None:
    graph.operators[0].outputs = graph.operators[1].inputs[1:2]


def enlarge(model: Any, graph: Any) -> None:
    graph.tensors[graph.operators[-1].inputs[0]].shape = [10**6, 1000]


def turn_shape_negative(model: Any, graph: Any) -> None:
    graph.tensors[graph.operators[-1].inputs[0]].shape = [1, -10]


def remove_input(model: Any, graph: Any) -> None:
    graph.inputs = []


def remove_graph(model: Any, graph: Any) -> None:
    model.subgraphs = []


def name_no_buffer(model: Any, graph: Any) -> None:
    graph.tensors[0].buffer = 1000


def name_no_operator(model: Any, graph: Any) -> None:
    graph.operators[0].opcodeIndex = 99


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (set_zero_point, "zero-point outside"),
        (set_scale(0.0), "scale that is zero"),
        (set_scale(float("nan")), "not finite"),
        (set_scale(float("inf")), "not finite"),
        (drop_zero_points, "1 scales and 0 zero-points"),
        (make_variable, "which already has a value"),
        (read_far_away, r"tensors \[1000\] of"),
        (read_what_is_not_yet_written, "before anything writes it"),
        (write_over_weights, "which already has a value"),
        (enlarge, "1,000,.* elements"),
        (turn_shape_negative, "shape"),
        (remove_input, "reads tensor 0 before anything writes it"),
        (remove_graph, "no graph"),
        (name_no_buffer, "buffer 1000"),
        (name_no_operator, "of kind 99"),
    ],
)
def test_tflite_that_litert_would_not_survive_is_corrupt(
    change: Callable[[Any, Any], None], expected: str, reference_bundle: Path
) -> None:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    data = next(reference_bundle.glob("*_int8.tflite")).read_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    change(model, model.subgraphs[0])
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    with pytest.raises(CorruptModelError, match=expected) as caught:
        open_engine(bytes(builder.Output()), file_name="model.tflite")
    assert str(caught.value).startswith("model.tflite: malformed TFLite model")
