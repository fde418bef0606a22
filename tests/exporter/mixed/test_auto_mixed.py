"""`edge-mnist debug` and `--auto-mixed`, on a network that plain int8 destroys."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_mnist_exporter.audit.layer_errors import LayerError
from edge_mnist_exporter.mixed.auto_mixed import choose_layers, mixed_kind, rank_layers
from edge_mnist_runtime import DigitClassifier
from edge_mnist_trainer.augment.strokes import draw_digits

NAMES = tuple("abcdefgh")


@given(st.sets(st.sampled_from(NAMES), min_size=1), st.permutations(NAMES))
def test_exactly_the_necessary_layers_are_chosen(needed, order):
    chosen = choose_layers(order, lambda layers: needed <= set(layers))
    assert set(chosen) == needed
    assert list(chosen) == [name for name in order if name in needed]


@given(st.lists(st.sets(st.sampled_from(NAMES), min_size=1), min_size=1, max_size=4))
def test_no_chosen_layer_can_be_left_out(ways):
    def passes(layers):
        return any(way <= set(layers) for way in ways)

    chosen = choose_layers(NAMES, passes)
    assert passes(chosen)
    assert not any(passes(tuple(set(chosen) - {layer})) for layer in chosen if len(chosen) > 1)


def test_choice_is_none_if_no_file_passes():
    assert choose_layers(NAMES, lambda _: False) is None


@given(st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES), min_size=1), st.permutations(NAMES))
def test_layers_without_int8_support_are_in_every_choice(helping, needed, order):
    asked = []

    def passes(layers):
        asked.append(set(layers))
        return helping <= set(layers)

    chosen = choose_layers([name for name in order if name not in needed], passes, needed=sorted(needed))
    assert set(chosen) == helping | needed
    assert all(needed <= layers for layers in asked)


def test_layers_are_ranked_by_their_own_error():
    errors = [LayerError("a", "Conv", 1, 40), LayerError("b", "Conv", 30, 2), LayerError("c", "Conv", 2, 20)]
    assert rank_layers(errors) == ["b", "c", "a"]


@pytest.mark.parametrize(
    ("format_name", "float_layers", "dtype"),
    [("tflite", ("b",), "float32"), ("onnx", ("b",), "uint8"), ("onnx", ("a", "b"), "float32")],
)
def test_mixed_file_has_float_input_if_tflite_or_its_first_layer_is_float(format_name, float_layers, dtype):
    assert mixed_kind(format_name, "a", float_layers).input_dtype == dtype


@pytest.fixture(scope="module")
def lopsided(reference_model, tmp_path_factory):
    """The reference network with one channel multiplied by 2,000, and divided again by the weights of the next layer.

    Predictions in float are the same. In int8 the range of that channel leaves no steps for the others.
    """
    import keras

    model = keras.models.load_model(reference_model, compile=False)
    norm, following = model.get_layer("norm2"), model.get_layer("conv3")
    gamma, beta, *statistics = norm.get_weights()
    gamma[3] *= 2000
    beta[3] *= 2000
    norm.set_weights([gamma, beta, *statistics])
    (kernel,) = following.get_weights()
    kernel[:, :, 3, :] /= 2000
    following.set_weights([kernel])
    path = tmp_path_factory.mktemp("lopsided") / "lopsided.keras"
    model.save(path)
    return path


@pytest.mark.slow
def test_debug_names_the_layer_with_the_largest_error(lopsided, drawn_set, run_here):
    finished = run_here("debug", lopsided, "--data", drawn_set)
    assert finished.code == 0, finished.err
    assert finished.out.count("Largest error: conv2,") == 2
    assert max(map(len, finished.out.splitlines())) <= 80


@pytest.mark.slow
def test_debug_json_lists_the_layers_that_must_stay_in_float(lopsided, drawn_set, run_here):
    finished = run_here("debug", lopsided, "--data", drawn_set, "--auto-mixed", "--json")
    assert finished.code == 0, finished.err
    assert list(finished.json["layers"]) == ["tflite", "onnx"]
    for errors in finished.json["layers"].values():
        assert [error["snr_db"] for error in errors] == sorted(error["snr_db"] for error in errors)
        by_layer = {error["layer"]: error for error in errors}
        assert min(by_layer, key=lambda layer: by_layer[layer]["own_snr_db"]) == "conv2"
        assert by_layer["conv1"]["snr_db"] > 30
        assert by_layer["conv3"]["snr_db"] < 10
    assert [choice["float_layers"] for choice in finished.json["mixed"]] == [["conv2", "conv3"]] * 2


@pytest.mark.slow
def test_reference_network_needs_no_layer_in_float(reference_model, drawn_set, run_here):
    finished = run_here("debug", reference_model, "--data", drawn_set, "--auto-mixed", "--format", "onnx", "--json")
    assert finished.code == 0, finished.err
    assert (finished.json["mixed"], finished.json["hopeless"]) == ([], [])
    assert min(error["own_snr_db"] for error in finished.json["layers"]["onnx"]) > 20


@pytest.mark.slow
def test_debug_names_a_file_that_fails_with_any_layers_in_float(reference_model, drawn_set, run_here, tmp_path):
    limits = tmp_path / "limits.toml"
    limits.write_text("[gate]\nmax_probability_diff = 1e-12\n")
    given = ("--data", drawn_set, "--auto-mixed", "--format", "onnx", "--gate", limits)
    finished = run_here("debug", reference_model, *given)
    assert finished.code == 0, finished.err
    assert "edge_int8.onnx fails, and so does every file with layers in float." in finished.out
    assert "No layer needs to stay in float" not in finished.out


@pytest.mark.slow
def test_mixed_files_replace_int8_files_that_fail_a_gate(lopsided, drawn_set, run_here, tmp_path):
    bundle = tmp_path / "bundle"
    finished = run_here("export", lopsided, "--int8", "--auto-mixed", "--data", drawn_set, "-o", bundle)
    assert finished.code == 0, finished.err
    assert {path.name for path in bundle.glob("lopsided_*")} == {"lopsided_mixed.tflite", "lopsided_mixed.onnx"}
    report = json.loads((bundle / "report.json").read_text("utf-8"))
    assert [choice["instead_of"] for choice in report["mixed"]] == ["lopsided_int8.tflite", "lopsided_int8.onnx"]
    for item, choice in zip(report["artifacts"], report["mixed"], strict=True):
        assert item["precision"] == "mixed"
        assert item["agreement"] >= 0.99
        assert len(item["audit"]["float_layers"]) == 2
        assert 0 < choice["more_bytes"] < 50_000
    assert "conv2, conv3 in float" in (bundle / "MODEL_CARD.md").read_text("utf-8")
    assert run_here("verify", bundle).code == 0
    assert DigitClassifier(bundle).engine.contract.precision == "mixed"


@pytest.fixture(scope="module")
def with_elu(train_on, tmp_path_factory):
    """A network with an ELU, which int8 TFLite does not support, among supported layers."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    parts = layers.Conv2D(8, 3, strides=2), layers.ELU(name="soft_step"), layers.Flatten()
    model = keras.Sequential([keras.Input((28, 28, 1)), *parts, layers.Dense(10, activation="softmax")])
    images, labels = draw_digits(70, seed=1)
    train_on(model, images / np.float32(255), labels)
    path = tmp_path_factory.mktemp("elu") / "elu.keras"
    model.save(path)
    return path


@pytest.fixture
def export_here(drawn_set, tmp_path, capfd):
    """Run `edge-mnist export MODEL --int8` in this process; returns exit code, bundle and stderr."""
    from edge_mnist_runtime.commands.app import run

    def export(model, *options):
        given = ("export", model, "--int8", "--data", drawn_set, "--calibration-samples", 50, "-o", tmp_path / "bundle")
        code = run([str(part) for part in (*given, *options)])
        return code, tmp_path / "bundle", capfd.readouterr().err

    return export


@pytest.mark.slow
def test_layer_without_int8_support_is_named_with_advice(with_elu, export_here):
    code, bundle, err = export_here(with_elu, "--format", "tflite")
    assert (code, bundle.exists()) == (4, False)
    assert "elu_int8.tflite: ELU soft_step computes with float32" in err
    assert "so the file is not int8; --auto-mixed tries to keep such layers in float" in err


@pytest.mark.slow
@pytest.mark.filterwarnings(r"ignore:\s*Warning. tf.lite.Interpreter is deprecated:UserWarning")  # in its own debugger
def test_auto_mixed_keeps_a_layer_without_int8_support_in_float(with_elu, export_here):
    code, bundle, err = export_here(with_elu, "--auto-mixed")
    assert code == 0, err
    assert {path.name for path in bundle.glob("elu_*")} == {"elu_mixed.tflite", "elu_int8.onnx"}
    (choice,) = json.loads((bundle / "report.json").read_text("utf-8"))["mixed"]
    assert (choice["instead_of"], choice["float_layers"]) == ("elu_int8.tflite", ["soft_step"])
    assert (choice["more_bytes"], choice["more_us"]) == (None, None)
    card = (bundle / "MODEL_CARD.md").read_text("utf-8")
    assert "elu_int8.tflite, which cannot be made: soft_step in float" in card


@pytest.mark.slow
def test_int8_file_that_passes_on_search_images_but_fails_on_test_images_is_named(with_elu, export_here, tmp_path):
    """Only the test images break the limit, not the images that choices are judged on."""
    from edge_mnist_exporter.mixed import auto_mixed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auto_mixed, "_passes", lambda *_: True)
        code, _, err = export_here(with_elu, "--auto-mixed", "--format", "onnx", "--max-probability-diff", "1e-9")
    assert code == 5
    assert (
        "(elu_int8.onnx passed on the training images that --auto-mixed uses, so all of its layers stayed in int8)"
        in err
    )


@pytest.mark.slow
def test_failed_export_names_a_file_that_fails_with_any_layers_in_float(with_elu, export_here):
    code, _, err = export_here(with_elu, "--auto-mixed", "--format", "onnx", "--max-probability-diff", "1e-9")
    assert code == 5
    assert "(for elu_int8.onnx, no choice of layers in float passes)" in err


@pytest.mark.mnist
@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(["--images", "0"], "--images"), (["--format", "tfl"], "'tfl' is unknown"), (["no-such.keras"], "no-such.keras")],
)
def test_bad_option_of_debug_is_refused_in_one_line(arguments, expected, run_here):
    finished = run_here("debug", *arguments)
    assert finished.code == 2
    assert finished.err.count("\n") == 1
    assert expected in finished.err
