"""Model files that others made: looked at, measured beside ours, and read with plain tensors, but no more.

The file is long because all tests share the builder of such files and the weights inside them.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bundles.foreign_files import FOREIGN_RANGES, ForeignEngine, load_foreign, open_any
from edge_mnist_runtime.commands.app import run
from edge_mnist_runtime.dataset import DATA_VARIABLE
from edge_mnist_runtime.engines.external_data import find_external_files
from edge_mnist_runtime.errors import ContractError, NoContractError
from edge_mnist_trainer.augment.strokes import draw_digits

onnx = pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def drawn():
    """A hundred digits: images, uint8, (100, 28, 28, 1), and labels."""
    return draw_digits(10, seed=3)


@pytest.fixture(scope="module")
def weights(drawn):
    """A linear classifier of pixels in 0..1 that knows the drawn digits by heart."""
    images, labels = drawn
    values = images.reshape(-1, 784) / np.float32(255)
    return (np.linalg.pinv(values) @ np.eye(10)[labels]).astype(np.float32)


@pytest.fixture(scope="module")
def make_onnx(weights, tmp_path_factory):
    """Write an ONNX file without a contract: of an input of some shape, and the end that is asked for."""
    from onnx import TensorProto, helper, numpy_helper

    folder = tmp_path_factory.mktemp("foreign")

    def make(shape, *, end="Softmax", name="theirs", outputs=10, takes=TensorProto.FLOAT, gives=None, last=()):
        """`gives`: the model's outputs, as names with dtype and shape; `last`: nodes that follow."""
        gives = gives or {"Plus214_Output_0": (TensorProto.FLOAT, [None, outputs])}
        nodes = [
            helper.make_node("Cast", ["Input3"], ["reals"], to=TensorProto.FLOAT),
            helper.make_node("Reshape", ["reals", "flat"], ["values"]),
            helper.make_node("MatMul", ["values", "weights"], ["scores"]),
            helper.make_node(end, ["scores"], ["Plus214_Output_0"]),
            *last,
        ]
        graph = helper.make_graph(
            nodes,
            "theirs",
            [helper.make_tensor_value_info("Input3", takes, shape)],
            [helper.make_tensor_value_info(one, *spec) for one, spec in gives.items()],
            [
                numpy_helper.from_array(np.array([-1, 784], np.int64), "flat"),
                numpy_helper.from_array(20 * weights[:, :outputs], "weights"),
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, folder / f"{name}.onnx")
        return folder / f"{name}.onnx"

    return make


@pytest.fixture(scope="module")
def theirs(make_onnx):
    return make_onnx([None, 784])


SHAPES = ([None, 784], ["batch", 1, 28, 28], [1, 1, 28, 28], [1, 28, 28, 1], [None, 28, 28], [784], [28, 28])


@pytest.mark.parametrize("end", ["Softmax", "Identity"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_file_of_784_values_in_any_shape_gives_probabilities(shape, end, make_onnx, drawn):
    images, labels = drawn
    engine = open_any(make_onnx(shape, end=end))
    found = np.concatenate([engine.run(images[:50]), engine.run(images[50:])])
    assert np.array_equal(found.argmax(1), labels)
    assert np.allclose(found.sum(1), 1, atol=1e-5)
    assert np.allclose(engine.run(images[:1])[0], found[0], atol=1e-6)


FREE_SHAPES = (["a", "b"], ["a", "b", "c", "d"], [None, None, 28, 28], [None, 28, 28, "c"], [1, "h", "w"], ["n"])


@pytest.mark.parametrize("shape", FREE_SHAPES, ids=str)
def test_free_axes_are_filled_with_the_shape_of_a_digit(shape, make_onnx, drawn):
    images, labels = drawn
    assert np.array_equal(open_any(make_onnx(shape, name="free")).run(images).argmax(1), labels)


@pytest.mark.parametrize("takes", ["FLOAT16", "DOUBLE"])
def test_reals_of_other_widths_are_fed_as_such(takes, make_onnx, drawn):
    images, labels = drawn
    engine = open_any(make_onnx([None, 784], takes=getattr(onnx.TensorProto, takes), name=takes))
    assert engine.takes_real_values
    assert np.array_equal(engine.run(images).argmax(1), labels)


@pytest.fixture(scope="module")
def labelling(make_onnx):
    """Make a file that also gives the label, as scikit-learn's converters do: first the label, then what is asked."""
    from onnx import TensorProto, helper

    label = helper.make_node("ArgMax", ["Plus214_Output_0"], ["label"], axis=1, keepdims=0)
    gives = {"label": (TensorProto.INT64, [None])}

    def make(name, **more):
        return make_onnx([None, 784], name=name, gives={**gives, **more}, last=[label])

    return make


def test_the_output_of_ten_values_is_taken_out_of_several(labelling, drawn):
    images, labels = drawn
    path = labelling("both", Plus214_Output_0=(onnx.TensorProto.FLOAT, [None, 10]))
    engine = open_any(path)
    assert [spec.name for spec in engine.outputs] == ["Plus214_Output_0"]
    assert np.array_equal(engine.run(images).argmax(1), labels)


UNFIT = {
    "hundred": ({"shape": [None, 100]}, "it takes Input3 float32 (None, 100), which does not fit 784 pixels"),
    "colour": (
        {"shape": [None, 3, 28, 28]},
        "it takes Input3 float32 (None, 3, 28, 28), which does not fit 784 pixels",
    ),
    "eight": ({"shape": [8, 784]}, "its batch size is fixed at 8; convert it with a free first axis, or with 1"),
    "five": ({"shape": [None, 784], "outputs": 5}, "it gives Plus214_Output_0 float32 (None, 5), not 10 values"),
    "int64": ({"shape": [None, 784], "takes": 7}, "it takes int64 values; files that take float32, float64, float16,"),
    "twice": (
        {"shape": [None, 784], "gives": dict.fromkeys(("scores", "Plus214_Output_0"), (1, [None, 10]))},
        "several of its outputs give 10 values (scores float32 (None, 10); Plus214_Output_0",
    ),
}


@pytest.mark.parametrize("name", UNFIT)
def test_healthy_file_that_is_no_digit_classifier_is_described_and_refused_with_the_reason(
    name, make_onnx, drawn_file, capsys
):
    how, reason = UNFIT[name]
    path = str(make_onnx(name=name, **how))
    assert run(["info", path]) == 0
    said = capsys.readouterr().out
    assert "Input3" in said
    assert f"reads_digits     no: {reason}" in said
    for command in (["info", path, "--data", str(drawn_file)], ["classify", "--raw", "x.png", "-m", path]):
        assert run(command) == 2
        assert f"{path}: {reason}" in capsys.readouterr().err


def test_free_axes_that_no_digit_fits_are_refused_with_what_was_tried(make_onnx, capsys):
    product = onnx.helper.make_node("MatMul", ["Input3", "scores"], ["product"])
    gives = {"product": (onnx.TensorProto.FLOAT, ["a", "c"])}
    assert run(["info", str(make_onnx(["a", "b"], name="free", gives=gives, last=[product]))]) == 0
    assert "its axes are free, and it does not run with any of (N, 784), (28, 28)" in capsys.readouterr().out


def test_file_that_gives_labels_alone_is_described(labelling, capsys):
    assert run(["info", str(labelling("label"))]) == 0
    assert "reads_digits     no: it gives label int64 (None), not 10 values an image" in capsys.readouterr().out


def test_info_says_what_is_known_of_int8_sums(theirs, onnx_with_contract, tmp_path, capsys):
    assert run(["info", str(theirs)]) == 0
    assert "can_saturate     no: it multiplies no integers" in capsys.readouterr().out
    (tmp_path / "int8.onnx").write_bytes(onnx_with_contract(None))
    assert run(["info", str(tmp_path / "int8.onnx")]) == 0
    said = capsys.readouterr().out
    assert "can_saturate     perhaps: it holds quantized values, and nobody proved that their sums are exact" in said
    assert "session.x64quantprecision to 1" in said
    assert "contract:" not in said
    assert "export it again" not in said


def test_classifier_still_refuses_a_file_without_a_contract(theirs):
    with pytest.raises(NoContractError, match="has no edge-mnist contract"):
        DigitClassifier(theirs)


def test_file_of_ours_is_opened_as_ever():
    assert open_any("nano").contract.name == "nano"


def test_range_decides_what_a_file_of_real_values_is_fed(make_onnx, drawn):
    images, _ = drawn
    path = str(make_onnx([None, 784], end="Identity"))
    ones = open_any(path).run(images)
    other = ForeignEngine(load_foreign(path), input_range=FOREIGN_RANGES["-1..1"])
    assert not np.array_equal(other.run(images), ones)


@pytest.fixture
def drawn_file(drawn, tmp_path):
    np.savez(tmp_path / "drawn.npz", x_test=drawn[0], y_test=drawn[1])
    return tmp_path / "drawn.npz"


def test_info_says_what_it_is_and_what_it_reads(theirs, drawn_file, capsys):
    assert run(["info", str(theirs)]) == 0
    plain = capsys.readouterr().out
    assert "contract         none: edge-mnist export did not make it" in plain
    assert "Input3 float32 (None, 784)" in plain
    assert run(["info", str(theirs), "--data", str(drawn_file)]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  top1")]
    assert "measured here: 100.00% with pixels as 0..1" in line
    assert line.count("with pixels as") == len(FOREIGN_RANGES)


def test_info_measures_files_of_ours_as_their_contract_says(drawn_file, capsys):
    assert run(["info", "robust", "--data", str(drawn_file)]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  top1")]
    assert line.split(maxsplit=1)[1].startswith("measured here: ")
    assert line.endswith("% with pixels as its contract says")


def test_raw_classifies_tensors_by_a_foreign_file(theirs, drawn, tmp_path, capsys):
    images, labels = drawn
    for number in range(3):
        Image.fromarray(images[10 * number + 5, ..., 0]).save(tmp_path / f"{number}.png")
    assert run(["classify", "--raw", "--model", str(theirs), str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[0] for line in lines] == [str(labels[10 * number + 5]) for number in range(3)]
    assert run(["classify", "--model", str(theirs), str(tmp_path)]) == 6
    assert "has no edge-mnist contract" in (err := capsys.readouterr().err)
    assert "classify 28 x 28 pictures with it as they are: `edge-mnist classify` with --raw" in err


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--mode", "photo"), "--mode photo: --raw takes 28 x 28 pictures as they are; leave out"),
        (("--preprocess", "auto"), "--mode auto: --raw takes 28 x 28 pictures as they are; leave out"),
        (("--processes", "2"), "--processes 2: --raw reads pictures in one process; leave out"),
        (("--backend", "litert"), "theirs.onnx: litert does not run .onnx files"),
    ],
)
def test_raw_refuses_what_it_would_ignore(option, said, theirs, drawn, tmp_path, capsys):
    picture = tmp_path / "5.png"
    Image.fromarray(drawn[0][5, ..., 0]).save(picture)
    assert run(["classify", "--raw", "--model", str(theirs), str(picture), *option]) == 2
    assert said in capsys.readouterr().err
    for same in (("--mode", "raw"), ("--processes", "1"), ("--backend", "onnxruntime")):
        assert run(["classify", "--raw", "--model", str(theirs), str(picture), *same]) == 0


def test_verify_names_the_file_that_has_no_bundle(theirs, monkeypatch, capsys):
    monkeypatch.chdir(theirs.parent)
    assert run(["verify", theirs.name]) == 6
    assert f"{theirs.name}: not a file of a bundle, as there is no manifest.json beside it" in capsys.readouterr().err


def test_bench_measures_it_beside_ours(theirs, capsys, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, "")
    given = ("--samples", "200", "--seconds", "1", "--batch", "8")
    assert run(["bench", str(theirs), "nano", *given]) == 0
    out = capsys.readouterr().out
    assert "theirs.onnx" in out
    assert "nano" in out


@pytest.mark.slow
def test_foreign_tflite_file_is_read_too(weights, drawn, tmp_path):
    tf = pytest.importorskip("tensorflow")
    images, labels = drawn
    traced = tf.function(lambda x: x @ (20 * weights), input_signature=[tf.TensorSpec((1, 784), tf.float32)])
    module = tf.Module()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([traced.get_concrete_function()], module)
    (tmp_path / "theirs.tflite").write_bytes(converter.convert())
    engine = open_any(tmp_path / "theirs.tflite")
    assert (engine.format, engine.backend, engine.batch_images) == ("tflite", "litert", 1)
    assert np.array_equal(engine.run(images).argmax(1), labels)


@pytest.mark.slow
def test_tflite_file_with_a_second_output_is_read_and_described(reference_bundle, drawn, tmp_path, capsys):
    flatbuffers = pytest.importorskip("flatbuffers")
    from ai_edge_litert import schema_py_generated as schema

    data = next(reference_bundle.glob("*_fp32.tflite")).read_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    graph = model.subgraphs[0]
    graph.outputs = [graph.operators[0].outputs[0], *graph.outputs]
    for name, metadata in (("theirs.tflite", []), ("ours.tflite", model.metadata)):
        model.metadata = metadata
        builder = flatbuffers.Builder(len(data))
        builder.Finish(model.Pack(builder), b"TFL3")
        (tmp_path / name).write_bytes(bytes(builder.Output()))
    assert run(["info", str(tmp_path / "theirs.tflite")]) == 0
    assert "reads_digits     yes" in (said := capsys.readouterr().out)
    assert "can_saturate     no: LiteRT adds int8 products in 32 bits" in said
    with pytest.raises(ContractError, match="its contract says images of"):
        open_any(tmp_path / "ours.tflite")
    images, _ = drawn
    one_output = open_any(next(reference_bundle.glob("*_fp32.tflite")))
    assert np.array_equal(open_any(tmp_path / "theirs.tflite").run(images), one_output.run(images))


def test_operators_of_a_foreign_file_are_not_timed(theirs, monkeypatch, capsys):
    monkeypatch.setenv(DATA_VARIABLE, "")
    assert run(["bench", str(theirs), "--profile", "--samples", "10"]) == 2
    assert "theirs.onnx has no edge-mnist contract; measure it without --profile" in capsys.readouterr().err


@pytest.fixture
def split(theirs, tmp_path):
    """A folder with a model that keeps its weights in weights.bin, and that file."""
    where = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 0}
    (tmp_path / "model").mkdir()
    onnx.save(onnx.load(theirs), tmp_path / "model" / "split.onnx", **where)
    return tmp_path / "model"


COMMANDS = (("info",), ("bench",), ("classify", "--raw", "digit.png", "--model"))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize("folder", ["model", "."])
def test_weights_in_another_file_are_refused_wherever_a_command_starts(
    folder, command, split, tmp_path, monkeypatch, capsys
):
    (tmp_path / "weights.bin").write_bytes(bytes((split / "weights.bin").stat().st_size))  # a stray file of that name
    monkeypatch.chdir(tmp_path / folder)
    monkeypatch.setenv(DATA_VARIABLE, "")
    path = split / "split.onnx"
    assert run([*command, str(path)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"{path}: keeps its weights in a file of their own, weights.bin, which lies beside it; make" in said.err
    assert f"onnx.save(onnx.load({str(path)!r}), 'one-file.onnx')" in said.err


def test_absent_file_of_weights_must_be_found_first(split, capsys):
    (split / "weights.bin").unlink()
    assert run(["info", str(split / "split.onnx")]) == 2
    assert "weights.bin, which is not beside it; find that file, put it there, then make" in capsys.readouterr().err


def test_one_file_is_made_of_both_as_the_message_says(split, drawn, theirs, tmp_path):
    onnx.save(onnx.load(split / "split.onnx"), tmp_path / "one-file.onnx")
    images, _ = drawn
    assert np.array_equal(open_any(tmp_path / "one-file.onnx").run(images), open_any(theirs).run(images))


def test_weights_elsewhere_are_found_in_constants_and_branches_too(split):
    from onnx import helper

    graph = onnx.load(split / "split.onnx", load_external_data=False).graph
    (tensor,) = (one for one in graph.initializer if one.name == "weights")
    constant = helper.make_node("Constant", [], ["weights"], value=tensor)
    branch = helper.make_graph([constant], "branch", [], [])
    node = helper.make_node("If", ["yes"], ["weights"], then_branch=branch, else_branch=branch)
    for nodes in ([constant], [node]):
        model = helper.make_model(helper.make_graph(nodes, "theirs", [], []))
        assert find_external_files(model.SerializeToString()) == ["weights.bin"]


def test_model_whose_weights_are_inside_names_no_file(theirs):
    model = onnx.load(theirs)
    model.doc_string = "location"
    assert find_external_files(model.SerializeToString()) == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("theirs.tflite", None, "not a TFLite model, but an ONNX model; rename it to end in .onnx"),
        ("theirs.onnx", b"\x1c\0\0\0TFL3", "not an ONNX model, but a TFLite model; rename it to end in .tflite"),
        ("theirs.onnx", b"", "not an ONNX model, but empty (0 bytes); copy it again"),
        ("theirs.tflite", b"", "not a TFLite model, but empty (0 bytes); copy it again"),
        ("theirs.onnx", b"\x89HDF\r\n", "not an ONNX model, but a Keras model (HDF5)"),
        ("theirs.onnx", b"<!DOCTYPE html>", "but a page of HTML or XML; download the file itself"),
        ("theirs.onnx", b"hello", "onnxruntime cannot read this model"),
    ],
)
def test_misnamed_file_is_called_what_it_is(name, content, said, theirs, tmp_path, capsys):
    (tmp_path / name).write_bytes(theirs.read_bytes() if content is None else content)
    assert run(["info", str(tmp_path / name)]) == 6
    assert f"{name}: " in (err := capsys.readouterr().err)
    assert said in err
