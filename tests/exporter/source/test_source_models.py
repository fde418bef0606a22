"""Finding, loading and checking the Keras model of an export."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from edge_mnist_exporter.config import SourceConfig
from edge_mnist_exporter.source.source_model import find_source, load_source
from edge_mnist_runtime.classifier import open_model
from edge_mnist_runtime.contract import UNIT_RANGE
from edge_mnist_runtime.errors import ContractError, CorruptModelError, UnsupportedModelError, UsageError
from edge_mnist_trainer.networks.reference_models import REFERENCE_MODELS, find_reference_model
from edge_mnist_trainer.run_folder import RunFolder
from edge_mnist_trainer.run_record import DefinitionRecord, RunRecord

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def keras():
    import keras

    return keras


@pytest.fixture
def reason_for_refusal(keras, tmp_path):
    """Save a model, load it as a source, and return the message of the refusal."""

    def refuse(inputs, outputs) -> str:
        path = tmp_path / "model.keras"
        keras.Model(inputs, outputs).save(path)
        with pytest.raises(UnsupportedModelError) as refused:
            load_source("model", path)
        assert str(path) in str(refused.value)
        return str(refused.value)

    return refuse


@pytest.fixture
def image(keras):
    return keras.Input((28, 28, 1))


@pytest.fixture
def digits_of(keras):
    """Make a small head on any tensor, by default with ten probabilities."""

    def head(tensor, units=10, activation="softmax"):
        return keras.layers.Dense(units, activation=activation)(keras.layers.Flatten()(tensor))

    return head


def test_reference_model_is_accepted(reference_source, drawn_images):
    probabilities = reference_source.probabilities(drawn_images)
    assert (probabilities.shape, probabilities.dtype) == ((100, 10), np.float32)
    assert np.allclose(probabilities.sum(1), 1, atol=1e-5)


def test_bytes_model_gives_the_same_predictions(reference_source, drawn_images):
    found = np.asarray(reference_source.build_bytes_model()(drawn_images))
    assert np.allclose(found, reference_source.probabilities(drawn_images), atol=1e-5)


@pytest.mark.parametrize("content", [b"", b"this is a letter, not a model", b"PK\x03\x04 almost"])
def test_file_without_a_model_is_corrupt(keras, tmp_path, content):
    path = tmp_path / "letter.keras"
    path.write_bytes(content)
    with pytest.raises(CorruptModelError, match=r"letter.keras"):
        load_source("letter", path)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_truncated_model_is_corrupt(keras, tmp_path, reference_model, kept):
    data = reference_model.read_bytes()
    (tmp_path / "half.keras").write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(CorruptModelError, match=r"half.keras"):
        load_source("half", tmp_path / "half.keras")


def test_model_with_a_flipped_weight_byte_is_corrupt(keras, tmp_path, reference_model):
    data = bytearray(reference_model.read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "flipped.keras").write_bytes(data)
    with pytest.raises(CorruptModelError, match=r"flipped.keras"):
        load_source("flipped", tmp_path / "flipped.keras")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((28, 28, 2), "expected images (None, H, W), (None, H, W, 1), (None, H, W, 3), or a flat square"),
        ((3, 28, 28), "channels come first"),
        ((50,), "(None, 50)"),
        ((1,), "(None, 1)"),
        ((28, 28, 1, 1), "(None, 28, 28, 1, 1)"),
        ((None, None, 3), "(None, None, None, 3), whose size is free"),
    ],
)
def test_input_shape_that_is_not_an_image_is_refused(keras, reason_for_refusal, shape, words):
    image = keras.Input(shape)
    flatten = keras.layers.GlobalAveragePooling2D() if shape == (None, None, 3) else keras.layers.Flatten()
    assert words in reason_for_refusal(image, keras.layers.Dense(10, activation="softmax")(flatten(image)))


def test_second_input_is_refused(keras, reason_for_refusal, image, digits_of):
    other = keras.Input((28, 28, 1))
    assert "one input" in reason_for_refusal([image, other], digits_of(keras.layers.Add()([image, other])))


def test_second_output_is_refused(reason_for_refusal, image, digits_of):
    assert "one output" in reason_for_refusal(image, [digits_of(image), digits_of(image)])


@pytest.mark.parametrize("units", [1, 1001])
def test_unsupported_number_of_classes_is_refused(reason_for_refusal, image, digits_of, units):
    message = reason_for_refusal(image, digits_of(image, units=units))
    assert f"(None, {units}); expected one value for each of 2 to 1,000 classes" in message


def test_output_that_is_an_image_is_refused(keras, reason_for_refusal, image):
    assert "(None, 28, 28, 4)" in reason_for_refusal(image, keras.layers.Conv2D(4, 3, padding="same")(image))


def test_sigmoid_operation_that_is_not_an_activation_is_refused_with_advice(
    keras, reason_for_refusal, image, digits_of
):
    scores = keras.ops.hard_sigmoid(digits_of(image, activation=None))
    assert "end it with a layer whose activation is a softmax" in reason_for_refusal(image, scores)


def test_integer_input_without_a_rescaling_layer_is_refused(keras, reason_for_refusal, digits_of):
    image = keras.Input((28, 28, 1), dtype="uint8")
    assert "takes uint8" in reason_for_refusal(image, digits_of(image))


@pytest.fixture
def load(keras, tmp_path):
    """Save a model and load it as a source."""

    def save_and_load(inputs, outputs, **config):
        keras.Model(inputs, outputs).save(tmp_path / "model.keras")
        return load_source("model", tmp_path / "model.keras", SourceConfig(**config))

    return save_and_load


def test_softmax_is_added_to_logits_of_eleven_classes(load, image, digits_of, drawn_images):
    source = load(image, digits_of(image, units=11, activation=None))
    assert source.labels == tuple(map(str, range(11)))
    assert (source.reads_digits, source.notes) == (False, ("added a softmax behind its logits",))
    assert np.allclose(source.probabilities(drawn_images).sum(1), 1, atol=1e-5)


def test_ten_classes_with_other_labels_are_not_digits(load, image, digits_of):
    assert load(image, digits_of(image)).reads_digits
    clothes = load(image, digits_of(image), labels=("shirt", "shoe", *"abcdefgh"))
    assert (clothes.reads_digits, clothes.preprocess, clothes.labels[:2]) == (False, "none", ("shirt", "shoe"))


@pytest.mark.parametrize("n_labels", [9, 11])
def test_wrong_number_of_labels_is_refused(load, image, digits_of, n_labels):
    with pytest.raises(UsageError, match=rf"model.keras: has 10 classes, but there are {n_labels} labels"):
        load(image, digits_of(image), labels=tuple(map(str, range(n_labels))))


def test_integer_input_with_a_rescaling_layer_is_accepted(keras, load, digits_of, drawn_images):
    image = keras.Input((28, 28, 1), dtype="uint8")
    source = load(image, digits_of(keras.layers.Rescaling(1 / 255)(image)))
    assert source.input_range == UNIT_RANGE
    assert source.probabilities(drawn_images[:2]).shape == (2, 10)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weight_with_nan_or_infinity_is_refused_by_name(keras, tmp_path, image, value):
    dense = keras.layers.Dense(10, activation="softmax", name="answers")
    model = keras.Model(image, dense(keras.layers.Flatten()(image)))
    kernel, bias = dense.get_weights()
    bias[3] = value
    dense.set_weights([kernel, bias])
    model.save(tmp_path / "sick.keras")
    with pytest.raises(UnsupportedModelError, match=r"answers/bias holds NaN or infinity"):
        load_source("sick", tmp_path / "sick.keras")


@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built:UserWarning")
def test_model_without_an_input_shape_is_refused(keras, tmp_path):
    unbuilt = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(10, activation="softmax")])
    unbuilt.save(tmp_path / "unbuilt.keras")
    with pytest.raises((UnsupportedModelError, CorruptModelError), match=r"unbuilt.keras"):
        load_source("unbuilt", tmp_path / "unbuilt.keras")


def test_missing_model_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"nothing.keras: no such file"):
        find_source(tmp_path / "nothing.keras")


def test_file_with_another_suffix_is_refused(tmp_path):
    (tmp_path / "model.pth").write_bytes(b"PK")
    with pytest.raises(UsageError, match=r"model.pth: not a Keras model; expected a file ending in .keras, .h5"):
        find_source(tmp_path / "model.pth")


def test_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"neither a run folder .* nor a SavedModel"):
        find_source(tmp_path)


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A temporary working folder with two runs, the second newer."""
    monkeypatch.chdir(tmp_path)
    for second, name in enumerate(("zeta", "alpha")):
        model = tmp_path / "runs" / name / "model.keras"
        model.parent.mkdir(parents=True)
        model.touch()
        os.utime(model, (second, second))
    return tmp_path / "runs"


def test_named_model_takes_precedence_over_runs(runs):
    assert find_source(Path("runs/zeta")) == ("zeta", Path("runs/zeta/model.keras"))


def test_file_is_named_after_its_stem(runs, tmp_path):
    (tmp_path / "mine.keras").touch()
    assert find_source(Path("mine.keras")) == ("mine", Path("mine.keras"))


def test_newest_run_is_the_default(runs):
    assert find_source(None) == ("alpha", Path("runs/alpha/model.keras"))


def test_reference_model_is_the_default_without_runs(tmp_path, monkeypatch, reference_model):
    monkeypatch.chdir(tmp_path)
    name, path = find_source(None)
    assert name == "edge"
    assert path.samefile(reference_model)


def save_with_record(keras, image, digits_of, folder: Path, record: RunRecord) -> Path:
    keras.Model(image, digits_of(image)).save(folder / "model.keras")
    RunFolder(folder).write_record(record)
    return folder / "model.keras"


def test_model_trained_with_another_preprocessing_is_refused(keras, image, digits_of, make_run_record, tmp_path):
    record = make_run_record(preprocess=DefinitionRecord(7, "0" * 64))
    with pytest.raises(ContractError, match="preprocessing 7"):
        load_source("run", save_with_record(keras, image, digits_of, tmp_path, record))


def test_preprocessing_is_recorded_with_a_run_and_assumed_without(keras, image, digits_of, make_run_record, tmp_path):
    model = save_with_record(keras, image, digits_of, tmp_path, make_run_record())
    assert load_source("run", model).preprocess == "recorded"
    alone = model.rename(tmp_path / "alone.keras")
    assert load_source("alone", alone).preprocess == "assumed"


def test_reference_model_has_its_preprocessing_recorded(reference_source):
    assert reference_source.preprocess == "recorded"


@pytest.mark.parametrize("name", REFERENCE_MODELS)
def test_bundled_onnx_was_made_from_the_packaged_keras_model(name):
    contract = open_model(name).contract
    assert (contract.name, contract.precision) == (name, "int8")
    assert contract.source_sha256 == hashlib.sha256(find_reference_model(name).read_bytes()).hexdigest()


@pytest.mark.parametrize("name", REFERENCE_MODELS)
def test_reference_model_is_found_by_name(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_source(Path(name)) == (name, find_reference_model(name))


def test_folder_takes_precedence_over_a_reference_model_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "edge").mkdir()
    with pytest.raises(UsageError, match="edge: neither a run folder"):
        find_source(Path("edge"))
