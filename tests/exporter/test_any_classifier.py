"""Exports of many kinds of image classifiers: files take raw bytes and predict like Keras."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from edge_mnist_exporter.config import ConversionConfig
from edge_mnist_exporter.kinds import Kind
from edge_mnist_exporter.source.source_model import SourceModel, load_source
from edge_mnist_runtime.errors import PrecisionProofError

pytestmark = pytest.mark.slow

FORMATS = ("tflite", "onnx")

SCALING_OPERATORS = {"MUL", "SUB", "ADD", "DIV", "Mul", "Sub", "Add", "Div"}


@dataclass(frozen=True)
class Network:
    """A network to train and export."""

    build: Callable[[Any, Any], Any]
    """Builds an untrained `keras.Model`; takes the modules `keras` and `keras.layers`."""
    image_shape: tuple[int, int, int] = (16, 16, 1)
    n_classes: int = 5
    rescales: bool = False
    """Whether its input is 0..255, which it scales itself."""
    gives_logits: bool = False
    normalises: bool = False
    """Whether its scaling needs a layer, because it is not one scale for all channels."""


@dataclass(frozen=True)
class Classifier:
    """A trained network, saved and loaded like an export does it."""

    network: Network
    source: SourceModel
    images: Any
    """Held-out images, uint8, shape (N, H, W, C)."""
    labels: Any
    calibration: Any
    expected: Any
    """Keras's probabilities of the held-out images before the model was saved."""


def conv(k, layers, x, filters=8, **options):
    return layers.Conv2D(filters, 3, padding="same", activation="relu", **options)(x)


def head(layers, x, units=5, activation="softmax"):
    return layers.Dense(units, activation=activation)(layers.Flatten()(x))


def rows_and_columns(k, layers):
    image = k.Input((16, 20))
    x = conv(k, layers, layers.Reshape((16, 20, 1))(image))
    return k.Model(image, head(layers, layers.MaxPooling2D(2)(x)))


def flat(k, layers):
    hidden = layers.Dense(16, activation="relu")
    return k.Sequential([k.Input((256,)), hidden, layers.Dense(5, activation="softmax")])


def dense_only(k, layers):
    image = k.Input((16, 12))
    return k.Model(image, head(layers, image))


def signed_colour(k, layers):
    image = k.Input((16, 16, 3))
    x = conv(k, layers, layers.Rescaling(1 / 127.5, -1)(image))
    return k.Model(image, head(layers, layers.MaxPooling2D(2)(x)))


def augmented_stack(k, layers):
    """Augmentation, rescaling and a nested network, as in Keras's tutorials."""
    augmentation = k.Sequential([layers.RandomFlip(), layers.RandomTranslation(0.02, 0.02)])
    body = k.Sequential([k.Input((16, 16, 3)), layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(2)])
    ends = layers.Flatten(), layers.Dropout(0.1), layers.Dense(5, activation="softmax")
    return k.Sequential([k.Input((16, 16, 3)), augmentation, layers.Rescaling(1 / 255), body, *ends])


def normalised(k, layers):
    image = k.Input((16, 16, 3))
    x = layers.Normalization(mean=[30.0, 40.0, 50.0], variance=[2000.0, 2500.0, 3000.0])(image)
    return k.Model(image, head(layers, layers.MaxPooling2D(2)(conv(k, layers, x))))


def skip_connection(k, layers):
    image = k.Input((16, 16, 1))
    x = conv(k, layers, image)
    y = layers.Conv2D(8, 3, padding="same")(conv(k, layers, x))
    return k.Model(image, head(layers, layers.MaxPooling2D(2)(layers.ReLU()(layers.Add()([x, y])))))


def preactivated(k, layers):
    """ResNet v2: BatchNorm after sums, where no convolution can absorb it."""
    image = k.Input((16, 16, 3))
    x = conv(k, layers, image)
    y = conv(k, layers, layers.ReLU()(layers.BatchNormalization()(x)))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Add()([x, y])))
    return k.Model(image, head(layers, layers.MaxPooling2D(2)(x)))


def depthwise(k, layers):
    image = k.Input((16, 16, 3))
    x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, activation="relu")(image)
    return k.Model(image, head(layers, layers.MaxPooling2D(2)(layers.Conv2D(8, 1, activation="relu")(x))))


def separable(k, layers):
    image = k.Input((16, 16, 3))
    x = layers.ReLU(max_value=6)(layers.SeparableConv2D(8, 3, strides=2, padding="same")(image))
    return k.Model(image, head(layers, layers.SeparableConv2D(8, 3, padding="same", activation="relu")(x)))


def average_pooling(k, layers):
    image = k.Input((16, 16, 3))
    x = layers.AveragePooling2D(2)(conv(k, layers, image))
    x = conv(k, layers, x, 16, strides=2)
    return k.Model(image, head(layers, layers.GlobalAveragePooling2D()(x)))


def norm_and_dropout(k, layers):
    image = k.Input((16, 16, 1))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, use_bias=False)(image)))
    return k.Model(image, head(layers, layers.MaxPooling2D(2)(layers.Dropout(0.3)(x))))


def two_classes(k, layers):
    image = k.Input((12, 12, 1))
    return k.Model(image, head(layers, layers.MaxPooling2D(2)(conv(k, layers, image, 4)), 2, activation=None))


def many_classes(k, layers):
    image = k.Input((21, 21, 1))
    return k.Model(image, head(layers, conv(k, layers, image, 4), 37))


COLOUR = (16, 16, 3)

NETWORKS = {
    "rows and columns": Network(rows_and_columns, (16, 20, 1)),
    "flat": Network(flat),
    "dense only": Network(dense_only, (16, 12, 1)),
    "signed colour": Network(signed_colour, COLOUR, rescales=True),
    "augmented stack": Network(augmented_stack, COLOUR, rescales=True),
    "normalised": Network(normalised, COLOUR, rescales=True, normalises=True),
    "skip connection": Network(skip_connection),
    "preactivated": Network(preactivated, COLOUR),
    "depthwise": Network(depthwise, COLOUR),
    "separable": Network(separable, COLOUR),
    "average pooling": Network(average_pooling, COLOUR),
    "norm and dropout": Network(norm_and_dropout),
    "logits of two classes": Network(two_classes, (12, 12, 1), 2, gives_logits=True),
    "37 classes": Network(many_classes, (21, 21, 1), 37),
}


@pytest.fixture(scope="module", params=NETWORKS)
def classifier(request, draw_blobs, train_on, tmp_path_factory) -> Classifier:
    import keras
    from keras import layers

    network = NETWORKS[request.param]
    keras.utils.set_random_seed(0)
    model = network.build(keras, layers)
    shape, n_classes = network.image_shape, network.n_classes

    def as_trained(images):
        return images.reshape(-1, *model.input_shape[1:]).astype(np.float32) / (1 if network.rescales else 255)

    images, labels = draw_blobs(shape, n_classes, max(256, 20 * n_classes), seed=0)
    train_on(model, as_trained(images), labels, from_logits=network.gives_logits)
    path = tmp_path_factory.mktemp("models") / "model.keras"
    model.save(path)
    held_out, truth = draw_blobs(shape, n_classes, max(200, 5 * n_classes), seed=1)
    calibration, _ = draw_blobs(shape, n_classes, 60, seed=2)
    calibration[0, 0, 0], calibration[0, -1, -1] = 0, 255
    answers = model(as_trained(held_out), training=False)
    expected = np.asarray(keras.ops.softmax(answers) if network.gives_logits else answers)
    return Classifier(network, load_source("model", path), held_out, truth, calibration, expected)


def test_source_predicts_raw_bytes_like_the_trained_model(classifier):
    found = classifier.source.probabilities(classifier.images)
    assert classifier.source.image_shape == classifier.network.image_shape
    assert np.allclose(found, classifier.expected, atol=1e-5)
    assert np.mean(found.argmax(1) == classifier.labels) > 0.9


@pytest.mark.parametrize("format_name", FORMATS)
def test_fp32_file_takes_bytes_and_gives_keras_probabilities(classifier, format_name, convert):
    file = convert(classifier.source, format_name, "fp32", classifier.calibration)
    found = file.engine.run(classifier.images)
    assert file.engine.inputs[0].dtype == "uint8"
    assert np.abs(found - classifier.expected).max() < 1e-5


@pytest.mark.parametrize("format_name", FORMATS)
def test_int8_file_takes_bytes_and_gives_keras_answers(classifier, format_name, convert):
    file = convert(classifier.source, format_name, "int8", classifier.calibration)
    (image,) = file.engine.inputs
    scale, zero_point = classifier.source.input_quantization
    assert (image.dtype, image.zero_point) == ("uint8", zero_point)
    assert image.scale == pytest.approx(scale, rel=1e-6)
    found = file.engine.run(classifier.images)
    assert np.mean(found.argmax(1) == classifier.expected.argmax(1)) >= 0.99
    assert np.abs(found - classifier.expected).max() < 0.1
    if classifier.network.rescales and not classifier.network.normalises:
        assert SCALING_OPERATORS.isdisjoint(file.audit.operators)


@pytest.mark.filterwarnings(r"ignore:\s*Warning. tf.lite.Interpreter is deprecated:UserWarning")  # in its own debugger
@pytest.mark.parametrize("format_name", FORMATS)
def test_debug_and_auto_mixed_know_every_layer_with_weights(format_name, classifier):
    from edge_mnist_exporter import conversion, formats
    from edge_mnist_exporter.formats.layer_names import list_layers
    from edge_mnist_exporter.mixed.auto_mixed import mixed_kind, rank_layers

    def ask(kind):
        return conversion.make_request(classifier.source, classifier.calibration, kind, ConversionConfig())

    images, file_format = classifier.images[:20], formats.FORMATS[format_name]
    errors = file_format.measure_errors(ask(Kind(format_name, "int8", "uint8")), images)
    layers = list(list_layers(classifier.source.keras_model))
    # Layers that a convolution absorbs are not in the file.
    computing = {name for name, has_weights in layers if has_weights and not name.startswith("batch_normalization")}
    assert computing <= {error.layer for error in errors} <= {name for name, _ in layers}
    assert all(20 < error.own_snr_db < 100 for error in errors)

    chosen = tuple(name for name in rank_layers(errors) if name in computing)[:1]
    asked = ask(mixed_kind(format_name, errors[0].layer, chosen))
    data = file_format.make_mixer(asked)(chosen)
    if len(computing) == 1:
        with pytest.raises(PrecisionProofError, match="all other operations with weights compute in float"):
            conversion.prove(asked, data)
    else:
        mixed = conversion.prove(asked, data)
        assert mixed.audit.float_layers
        assert np.array_equal(mixed.engine.run(images).argmax(1), classifier.expected[:20].argmax(1))


def test_removed_and_added_layers_are_noted(classifier):
    notes = " ".join(classifier.source.notes)
    network = classifier.network
    assert ("into the input" in notes) == network.rescales
    assert ("in a layer of its own" in notes) == network.normalises
    assert ("softmax" in notes) == network.gives_logits
