"""The scores of classifiers that end in a sigmoid for each class, as in many tutorials, become probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from edge_mnist_exporter.source.source_model import find_source, load_source
from edge_mnist_runtime.errors import UnsupportedModelError

pytestmark = pytest.mark.slow

NOTE = "replaced its sigmoids by a softmax of the same logits: the order stays, the sum becomes 1"

SHAPE = (16, 16, 1)

FORMS = ("image", "flat", "nested", "activation layer", "SavedModel")


@pytest.fixture(scope="module")
def trained(draw_blobs, train_on):
    """The same network with one hidden layer in several forms, by name of the form."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    hidden, last = layers.Dense(32, activation="relu"), layers.Dense(5)
    image, flat = (keras.Input(shape) for shape in (SHAPE, (256,)))
    models = {
        "image": keras.Sequential([image, layers.Flatten(), hidden, layers.Dense(5, activation="sigmoid")]),
        "flat": keras.Sequential([flat, hidden, layers.Dense(5, activation="sigmoid")]),
        "activation layer": keras.Sequential([image, layers.Flatten(), hidden, last, layers.Activation("sigmoid")]),
    }
    images, labels = draw_blobs(SHAPE, 5, 256, seed=0)
    train_on(models["image"], images / np.float32(255), labels)
    for name in ("flat", "activation layer"):
        models[name].set_weights(models["image"].get_weights())
    models["nested"] = keras.Sequential([image, models["image"]])
    return models


@pytest.fixture(scope="module")
def held_out(draw_blobs):
    return draw_blobs(SHAPE, 5, 200, seed=1)[0]


@pytest.fixture(scope="module", params=FORMS)
def source(request, trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sigmoids")
    if request.param == "SavedModel":
        trained["image"].export(folder / "model", verbose=False)
        return load_source(*find_source(folder / "model"))
    trained[request.param].save(folder / "model.keras")
    return load_source(*find_source(folder / "model.keras"))


@pytest.fixture(scope="module")
def sigmoids(trained, held_out):
    return trained["image"].predict(held_out / np.float32(255), verbose=0)


def test_sigmoids_become_probabilities_in_the_same_order(source, sigmoids, held_out):
    logits = np.log(sigmoids / (1 - sigmoids))
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    found = source.probabilities(held_out)
    assert source.notes[-1] == NOTE
    assert np.abs(found - expected).max() < 1e-3
    assert np.array_equal(found.argsort(1)[:, -2:], sigmoids.argsort(1)[:, -2:])


@pytest.mark.parametrize("format_name", ["tflite", "onnx"])
def test_int8_files_of_sigmoid_networks_keep_predictions(format_name, source, sigmoids, held_out, convert):
    calibration = held_out[:60].copy()
    calibration[0, 0, 0], calibration[0, -1, -1] = 0, 255
    found = convert(source, format_name, "int8", calibration).engine.run(held_out)
    assert np.mean(found.argmax(1) == sigmoids.argmax(1)) >= 0.99
    assert np.allclose(found.sum(1), 1, atol=0.02)
    assert found.max(1).mean() > 0.9


@pytest.fixture
def build(trained):
    """Build a network with the trained weights and other layers behind its logits."""
    import keras
    from keras import layers

    def build(activation, *behind):
        image = keras.Input(SHAPE)
        hidden, last = layers.Dense(32, activation="relu"), layers.Dense(5, activation=activation)
        values = last(hidden(layers.Flatten()(image)))
        for layer in behind:
            values = layer(values)
        model = keras.Model(image, values)
        model.set_weights(trained["image"].get_weights())
        return model

    return build


@pytest.mark.parametrize("end", ["dropout", "reshape", "several", "nested", "operation"])
def test_sigmoids_are_found_before_layers_that_keep_values(end, build, sigmoids, held_out, tmp_path):
    import keras
    from keras import layers

    behind = {
        "dropout": [layers.Dropout(0.5)],
        "reshape": [layers.Reshape((5,))],
        "several": [layers.Reshape((5, 1)), layers.Activation("linear"), layers.Identity(), layers.Flatten()],
        "nested": [keras.Sequential([keras.Input((5,)), layers.Dropout(0.5)])],
        "operation": [keras.ops.sigmoid],
    }[end]
    build("linear" if end == "operation" else "sigmoid", *behind).save(tmp_path / "model.keras")
    source = load_source(*find_source(tmp_path / "model.keras"))
    logits = np.log(sigmoids / (1 - sigmoids))
    assert source.notes[-1] == NOTE
    assert np.abs(source.probabilities(held_out) - np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).max() < 1e-3


def test_other_scores_than_sigmoids_are_refused(build, tmp_path):
    build("hard_sigmoid").save(tmp_path / "model.keras")
    with pytest.raises(UnsupportedModelError, match=r"model.keras: ends in dense.*, independent scores of 0..1"):
        load_source(*find_source(tmp_path / "model.keras"))
