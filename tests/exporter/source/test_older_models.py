"""Models saved by older versions of Keras and TensorFlow, and models with unusual file names, are read.

The file is long because all tests share the small models that are made older.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_mnist_exporter.source.source_model import find_source, load_source
from edge_mnist_runtime.errors import CorruptModelError, UnsupportedModelError, UsageError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5:UserWarning"),
    pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning"),
]

TRAINING_NOTE = "left out initializers, regularizers and constraints, which only training needs"


@pytest.fixture(scope="module")
def layers():
    from keras import layers

    return layers


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1), np.uint8)


@pytest.fixture(scope="module")
def small(layers):
    """A Sequential network with the layers of common tutorials."""
    import keras

    keras.utils.set_random_seed(0)
    convolution = layers.Conv2D(4, 3, strides=3, activation="relu", kernel_regularizer="l2")
    ends = layers.Flatten(), layers.Dropout(0.2), layers.Dense(10, activation="softmax")
    return keras.Sequential([keras.Input((28, 28, 1)), convolution, layers.BatchNormalization(), *ends])


def change_h5(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    import h5py

    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config)
        file.attrs["model_config"] = json.dumps(config)


def change_keras(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(contents["config.json"])
    change(config)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**contents, "config.json": json.dumps(config)}.items():
            archive.writestr(name, content)


@pytest.fixture
def check(tmp_path, noise):
    """Save a model, change its configuration, check that predictions stay, and return the notes of the report."""

    def run(model, change, suffix=".h5") -> tuple[str, ...]:
        expected = model.predict(noise.reshape(5, *model.input_shape[1:]) / np.float32(255), verbose=0)
        path = tmp_path / f"old{suffix}"
        model.save(path)
        {".h5": change_h5, ".keras": change_keras}[suffix](path, change)
        source = load_source(*find_source(path))
        assert np.allclose(source.probabilities(noise), expected, atol=1e-3)
        return source.notes

    return run


def as_before_keras_2_3(config) -> None:
    """Move the input shape to the first layer, use plain class names, and give initializers dtypes."""
    config["config"]["layers"] = [layer for layer in config["config"]["layers"] if layer["class_name"] != "InputLayer"]
    for layer in config["config"]["layers"]:
        for name in ("module", "registered_name", "build_config"):
            layer.pop(name, None)
        layer["config"].pop("dtype")
        for name in ("kernel_initializer", "bias_initializer"):
            if name in layer["config"]:
                layer["config"][name] = {"class_name": "GlorotUniform", "config": {"seed": None, "dtype": "float32"}}
        if layer["class_name"] == "BatchNormalization":
            layer["config"]["axis"] = [3]
    config["config"]["layers"][0]["config"]["batch_input_shape"] = [None, 28, 28, 1]


def test_input_shape_in_the_first_layer_of_a_sequential(small, check):
    assert check(small, as_before_keras_2_3) == ("made an input layer of batch_input_shape", TRAINING_NOTE)


def test_sequential_that_is_a_list_of_layers(small, check):
    def as_list(config):
        as_before_keras_2_3(config)
        config["config"] = config["config"]["layers"]

    assert check(small, as_list)[0] == "read a Sequential that is a list of layers"


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_tensorflow_functions_as_activations(suffix, layers, check):
    import keras
    import tensorflow as tf

    ends = layers.Flatten(), layers.Dense(8, tf.nn.relu), layers.Dense(10, tf.nn.softmax)
    notes = check(keras.Sequential([keras.Input((28, 28)), *ends]), lambda config: None, suffix)
    assert "read the activation softmax_v2 as softmax" in notes


def test_unknown_arguments_without_effect_are_left_out(layers, check):
    import keras

    def add(config):
        for layer in config["config"]["layers"]:
            if layer["class_name"] == "DepthwiseConv2D":
                layer["config"]["groups"] = 1
            if layer["class_name"] == "LSTM":
                layer["config"]["time_major"] = False

    parts = layers.DepthwiseConv2D(3, depth_multiplier=2), layers.Reshape((26, 52)), layers.LSTM(4), layers.Dense(10)
    notes = check(keras.Sequential([keras.Input((28, 28, 1)), *parts, layers.Softmax()]), add)
    assert "left out groups of DepthwiseConv2D, which this Keras does not know" in notes
    assert "left out time_major of LSTM, which this Keras does not know" in notes


def test_class_names_with_a_version(small, check):
    def rename(config):
        for layer in config["config"]["layers"]:
            if layer["class_name"] == "BatchNormalization":
                layer["class_name"] = "BatchNormalizationV1"

    assert "read the layer BatchNormalizationV1 as BatchNormalization" in check(small, rename)


def test_layers_inside_layers_without_a_module(layers, check):
    import keras

    def strip(config):
        for layer in config["config"]["layers"]:
            for name in ("layer", "backward_layer"):
                if name in layer["config"]:
                    inner = layer["config"][name]
                    layer["config"][name] = {key: inner[key] for key in ("class_name", "config")}

    row = keras.Input((6,))
    model = keras.Model(row, layers.Dense(5)(row))
    parts = layers.TimeDistributed(layers.Dense(6, "relu")), layers.TimeDistributed(model)
    ends = layers.Bidirectional(layers.LSTM(4)), layers.Dense(10), layers.Softmax()
    notes = check(keras.Sequential([keras.Input((28, 28)), *parts, *ends]), strip)
    assert "read Functional inside TimeDistributed as Keras's own" in notes
    assert "read Dense inside TimeDistributed as Keras's own" in notes
    assert "read LSTM inside Bidirectional as Keras's own" in notes


@pytest.mark.parametrize("form", ["ndarray", "__numpy__", "__numpy__ with a config"])
def test_numpy_values_and_dtype_policies(form, layers, check):
    import keras

    def wrap(config):
        for layer in config["config"]["layers"]:
            layer["config"]["dtype"] = {"class_name": "Policy", "config": {"name": "float32"}}
            if layer["class_name"] == "LeakyReLU":
                slope = layer["config"].pop("negative_slope")
                layer["config"]["negative_slope"] = {
                    "ndarray": {"dtype": "float32", "type": "ndarray", "value": slope},
                    "__numpy__": {"class_name": "__numpy__", "value": slope},
                    "__numpy__ with a config": {"class_name": "__numpy__", "config": {"value": slope}},
                }[form]

    parts = layers.Flatten(), layers.Dense(8), layers.LeakyReLU(0.2), layers.Dense(10, "softmax")
    notes = check(keras.Sequential([keras.Input((28, 28, 1)), *parts]), wrap)
    assert "read negative_slope of LeakyReLU as plain numbers" in notes
    assert "read the Policy of a dtype as its name" in notes


def test_healthy_model_is_not_repaired(small, check):
    assert check(small, lambda config: None) == ()


def test_unknown_argument_with_effect_is_refused(small, tmp_path):
    small.save(tmp_path / "odd.h5")

    def add(config):
        config["config"]["layers"][1]["config"]["twist"] = 3

    change_h5(tmp_path / "odd.h5", add)
    with pytest.raises(UnsupportedModelError, match=r"odd.h5: Keras .* \(.*twist.*3.*; with the Keras") as refused:
        load_source("odd", tmp_path / "odd.h5")
    assert "/tmp/tmp" not in str(refused.value)


def test_file_with_weights_alone_is_refused_as_such(small, tmp_path):
    small.save_weights(tmp_path / "only.weights.h5")
    with pytest.raises(UnsupportedModelError, match=r"only.weights.h5: holds weights alone, .* save the whole model"):
        load_source("only", tmp_path / "only.weights.h5")


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("inner", [None, [], {"layers": {"a": 1}}, {"layers": [{"class_name": "InputLayer"}, 5]}])
def test_malformed_configuration_is_refused(inner, suffix, small, tmp_path):
    path = tmp_path / f"odd{suffix}"
    small.save(path)
    {".h5": change_h5, ".keras": change_keras}[suffix](path, lambda config: config.update(config=inner))
    with pytest.raises(
        (CorruptModelError, UnsupportedModelError), match=rf"odd{suffix}: .*(no Keras model|cannot load)"
    ):
        load_source("odd", path)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_network_without_weights_is_refused_as_such(suffix, small, tmp_path):
    import h5py

    path = tmp_path / f"bare{suffix}"
    small.save(path)
    if suffix == ".h5":
        with h5py.File(path, "r+") as file:
            del file["model_weights"]
    else:
        with zipfile.ZipFile(path) as archive:
            config = archive.read("config.json")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", config)
    with pytest.raises(CorruptModelError, match=rf"bare{suffix}: holds a network without its weights; save"):
        load_source("bare", path)


@pytest.mark.parametrize(
    ("suffix", "name"),
    [(".h5", "named.keras"), (".keras", "named.h5"), (".h5", "NAMED.H5"), (".h5", "named"), (".keras", "named.zip")],
)
def test_file_format_is_recognised_by_content_not_name(suffix, name, small, tmp_path):
    small.save(tmp_path / f"model{suffix}")
    path = (tmp_path / f"model{suffix}").rename(tmp_path / name)
    found, place = find_source(path)
    assert (found.lower(), place) == ("named", path)
    assert load_source(found, place).notes == ()


def test_file_without_a_model_is_refused_whatever_its_name(tmp_path):
    import h5py

    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["numbers"] = [1, 2, 3]
    with zipfile.ZipFile(tmp_path / "archive.keras", "w") as archive:
        archive.writestr("letter.txt", "Dear model,")
    with pytest.raises(CorruptModelError, match=r"data.h5: an HDF5 file that holds no Keras model"):
        load_source("data", tmp_path / "data.h5")
    with pytest.raises(CorruptModelError, match=r"archive.keras: neither a .keras file"):
        load_source("archive", tmp_path / "archive.keras")
    (tmp_path / "letter.txt").write_text("Dear model,")
    with pytest.raises(UsageError, match=r"letter.txt: not a Keras model"):
        find_source(tmp_path / "letter.txt")


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_half_precision_policy_is_replaced_by_float32(suffix, layers, check):
    import keras

    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        parts = layers.Conv2D(4, 3, strides=3), layers.Flatten(), layers.Dense(10, activation="softmax")
        model = keras.Sequential([keras.Input((28, 28, 1)), *parts])
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert check(model, lambda config: None, suffix) == ("computes in float32 instead of mixed_float16",)


@pytest.fixture
def save_quantized(tmp_path):
    import keras

    def save(*parts) -> tuple[Any, Path]:
        model = keras.Sequential([keras.Input((28, 28, 1)), *parts])
        exact = keras.models.clone_model(model)
        exact.set_weights(model.get_weights())
        model.quantize("int8")
        model.save(tmp_path / "quantized.keras")
        return exact, tmp_path / "quantized.keras"

    return save


def test_weights_quantized_by_keras_are_read_as_float32(layers, save_quantized, noise):
    hidden, last = layers.Dense(16, "relu", name="hidden"), layers.Dense(10, "softmax", name="last")
    exact, path = save_quantized(layers.Flatten(), hidden, last)
    source = load_source("quantized", path)
    assert [str(layer.dtype_policy.name) for layer in source.keras_model.layers] == ["float32"] * 3
    assert np.abs(source.probabilities(noise) - exact.predict(noise / np.float32(255), verbose=0)).max() < 0.02
    assert source.notes == ("read the weights that Keras quantized to int8 as float32 (hidden, last)",)


def test_unsupported_quantized_layer_is_refused_by_name(layers, save_quantized):
    _, path = save_quantized(
        layers.Reshape((28, 28)), layers.EinsumDense("abc,cd->abd", (28, 4)), layers.Flatten(), layers.Dense(10)
    )
    with pytest.raises(
        UnsupportedModelError, match=r"EinsumDense\) holds weights that Keras quantized to int8; export"
    ):
        load_source("quantized", path)


@pytest.fixture(scope="module")
def with_slots(small, tmp_path_factory) -> Path:
    """A SavedModel with an optimizer's slot variable in its object graph, as Keras 2 saved every compiled model."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    folder = tmp_path_factory.mktemp("slots") / "compiled"
    small.export(folder, verbose=False)
    content = SavedModel()
    content.ParseFromString((folder / "saved_model.pb").read_bytes())
    nodes = content.meta_graphs[0].object_graph_def.nodes
    variables = [index for index, node in enumerate(nodes) if node.WhichOneof("kind") == "variable"]
    node = nodes.add()
    node.user_object.identifier = "optimizer"
    node.user_object.version.producer = node.user_object.version.min_consumer = 1
    child = nodes[0].children.add()
    child.node_id, child.local_name = len(nodes) - 1, "optimizer"
    slot = node.slot_variables.add()
    slot.original_variable_node_id, slot.slot_name, slot.slot_variable_node_id = variables[0], "m", variables[1]
    (folder / "saved_model.pb").write_bytes(content.SerializeToString())
    return folder


@pytest.mark.parametrize("format_name", ["tflite", "onnx"])
def test_saved_model_with_slot_variables_is_read_and_converted(format_name, with_slots, small, noise, convert):
    source = load_source(*find_source(with_slots))
    assert source.notes == ("left out the optimizer's slot variables",)
    expected = small.predict(noise / np.float32(255), verbose=0)
    assert np.allclose(source.probabilities(noise), expected, atol=1e-5)
    assert np.allclose(convert(source, format_name, "fp32", noise).engine.run(noise), expected, atol=1e-5)


def test_saved_model_can_be_named_by_its_pb_file(with_slots):
    assert find_source(with_slots / "saved_model.pb") == ("compiled", with_slots)


def test_repairs_are_listed_in_the_report(small, tmp_path, drawn_images, capfd):
    from edge_mnist_runtime.commands.app import run

    path = tmp_path / "old.h5"
    small.save(path)
    change_h5(path, as_before_keras_2_3)
    labels = np.repeat(np.arange(10), 10)
    np.savez(tmp_path / "drawn.npz", images=drawn_images, labels=labels)
    # The untrained model fails its gates, and the report of the failure lists the repairs.
    given = ("--data", tmp_path / "drawn.npz", "--calibration-samples", 20, "-o", tmp_path / "bundle")
    code = run(["export", str(path), *map(str, given)])
    assert code == 5, capfd.readouterr().err
    report = json.loads((tmp_path / "bundle.failed" / "report.json").read_text("utf-8"))
    assert report["source"]["notes"] == ["made an input layer of batch_input_shape", TRAINING_NOTE]
