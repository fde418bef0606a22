"""The input range of a network: named on the command line, or found in the network."""

from __future__ import annotations

import numpy as np
import pytest

from edge_mnist_exporter.config import SourceConfig
from edge_mnist_exporter.source.options import parse_input_range, read_labels
from edge_mnist_exporter.source.source_model import load_source
from edge_mnist_runtime.contract import InputRange
from edge_mnist_runtime.errors import UsageError

BYTES = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("0..1", (0, 1)),
        ("0..255", (0, 255)),
        ("-1..1", (-1, 1)),
        ("0.5,0.5", (-1, 1)),
        ("0.1307,0.3081", (-0.1307 / 0.3081, (1 - 0.1307) / 0.3081)),
    ],
)
def test_range_maps_0_and_255_to_its_limits(text, limits):
    values = parse_input_range(text).apply(BYTES)
    assert values.dtype == np.float32
    assert values[0, [0, -1], [0, -1], 0] == pytest.approx(limits, abs=1e-6)


def test_range_may_differ_by_channel():
    colour = np.broadcast_to(np.uint8(51), (1, 2, 2, 3))
    values = parse_input_range("0.485,0.456,0.406,0.229,0.224,0.225").apply(colour)[0, 0, 0]
    assert values == pytest.approx([(0.2 - 0.485) / 0.229, (0.2 - 0.456) / 0.224, (0.2 - 0.406) / 0.225], abs=1e-5)


@pytest.mark.parametrize(
    "text", ["", "0..2", "1", "0.5", "0.5,0", "0.5,-1", "nan,1", "0.5,inf", "a,b", "1,2,3", "0,0,0,1"]
)
def test_invalid_range_text_is_refused(text):
    with pytest.raises(UsageError, match=r"^`input_range` .*expected 0\.\.1, 0\.\.255, -1\.\.1"):
        parse_input_range(text)


@pytest.mark.parametrize(("mean", "deviation"), [((0.0,), (0.0,)), ((0.0,), (-1.0,)), ((np.nan,), (1.0,)), ((), ())])
def test_invalid_mean_or_deviation_is_refused(mean, deviation):
    with pytest.raises(ValueError, match="no input range"):
        InputRange(mean, deviation)


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        ("labels.txt", "cat\n dog \n\nwater vole\n", ("cat", "dog", "water vole")),
        ("labels.txt", "\ufeffchat\r\nchien\r\n", ("chat", "chien")),
        ("labels.json", '["cat", "dog"]', ("cat", "dog")),
    ],
)
def test_labels_are_read_in_order(name, text, names, tmp_path):
    (tmp_path / name).write_bytes(text.encode())
    assert read_labels(tmp_path / name) == names


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("labels.json", b"cat, dog", "not JSON"),
        ("labels.json", b'{"cat": 0}', "expected a list of names"),
        ("labels.json", b'["cat", 7]', "expected a list of names"),
        ("labels.txt", b"\xff\xfe\x00cat", "cannot be read as labels"),
    ],
)
def test_invalid_labels_file_is_refused(name, content, words, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=rf"{name}: {words}"):
        read_labels(tmp_path / name)


def test_missing_labels_file_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"labels.txt: cannot be read as labels \(No such file"):
        read_labels(tmp_path / "labels.txt")


@pytest.mark.parametrize("labels", [(), ("cat",), ("cat", "dog", "cat"), ("cat", ""), tuple(map(str, range(1001)))])
def test_invalid_labels_are_refused(labels):
    with pytest.raises(UsageError, match=r"^`labels`: "):
        SourceConfig(labels=labels)


@pytest.fixture(scope="module")
def load(tmp_path_factory):
    """Save and load a network whose first layers are made by a function of its input and `keras.layers`."""
    import keras
    from keras import layers

    folder = tmp_path_factory.mktemp("ranges")

    def run(start, shape=(12, 12, 3), dtype="float32", **config):
        keras.utils.set_random_seed(0)
        image = keras.Input(shape, dtype=dtype)
        x = layers.Flatten()(start(image, layers))
        model = keras.Model(image, layers.Dense(4, activation="softmax")(x))
        model.save(folder / "model.keras")
        return model, load_source("model", folder / "model.keras", SourceConfig(**config))

    return run


IMAGES = np.random.default_rng(0).integers(0, 256, (20, 12, 12, 3), np.uint8)


def rescale(scale, offset=0.0):
    return lambda x, layers: layers.Rescaling(scale, offset)(x)


def two_in_a_row(x, layers):
    """The start of EfficientNet."""
    x = layers.Rescaling(1 / 255)(x)
    return layers.Normalization(mean=[0.485, 0.456, 0.406], variance=[0.0524, 0.0502, 0.0506])(x)


def behind_dropout(x, layers):
    return layers.Rescaling(1 / 127.5, -1)(layers.GaussianNoise(0.1)(layers.RandomFlip()(layers.Dropout(0.5)(x))))


def per_channel(x, layers):
    return layers.Rescaling([1 / 255, 1 / 100, 1 / 200], [0.0, -1.0, -0.5])(x)


def inside_another_model(x, layers):
    import keras

    body = keras.Sequential([keras.Input((12, 12, 3)), layers.Rescaling(1 / 127.5, -1), layers.Conv2D(3, 3)])
    return body(layers.Dropout(0.2)(x))


def before_two_branches(x, layers):
    x = layers.Rescaling(1 / 255)(x)
    return layers.Add()([layers.Conv2D(3, 3, padding="same")(x), x])


def whitened(mean, variance):
    return lambda x, layers: layers.Normalization(mean=mean, variance=variance)(x)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (rescale(1 / 255), InputRange((0.0,), (255.0,))),
        (rescale(1 / 127.5, -1), InputRange((127.5,), (127.5,))),
        (rescale(1 / 128), InputRange((0.0,), (128.0,))),
        (whitened([33.0, 33.0, 33.0], [6400.0, 6400.0, 6400.0]), InputRange((33.0,), (80.0,))),
        (behind_dropout, InputRange((127.5,), (127.5,))),
        (inside_another_model, InputRange((127.5,), (127.5,))),
        (before_two_branches, InputRange((0.0,), (255.0,))),
        (rescale(-1 / 255, 1.0), None),
        (rescale(1 / 255, 3.0), None),
        (two_in_a_row, None),
        (per_channel, None),
    ],
)
def test_rescaling_at_the_start_is_folded_and_predictions_stay(start, expected, load):
    model, source = load(start)
    assert np.allclose(source.probabilities(IMAGES), model.predict(IMAGES.astype(np.float32), verbose=0), atol=1e-5)
    assert source.input_range == (expected or InputRange((0.0,), (255.0,)))
    assert {type(layer).__name__ for layer in source.keras_model.layers}.isdisjoint({"Rescaling", "Normalization"})
    assert any(note.startswith("folded") for note in source.notes)
    assert ("normalises each channel in a layer of its own" in source.notes) == (expected is None)


@pytest.mark.slow
@pytest.mark.parametrize("start", [rescale(2.0, -1.0), whitened([0.13], [0.09])])
def test_rescaling_for_0_to_1_is_recognised_by_its_factor(start, load):
    model, source = load(start)
    expected = model.predict(IMAGES / np.float32(255), verbose=0)
    assert np.allclose(source.probabilities(IMAGES), expected, atol=1e-4)


@pytest.mark.slow
def test_input_range_of_a_normalization_layer_can_be_named(load):
    model, source = load(whitened([0.1], [0.2]), input_range=parse_input_range("-1..1"))
    expected = model.predict(IMAGES / np.float32(127.5) - 1, verbose=0)
    assert np.allclose(source.probabilities(IMAGES), expected, atol=1e-4)


@pytest.mark.slow
def test_range_that_contradicts_a_rescaling_layer_is_refused(load):
    _, source = load(rescale(1 / 255), input_range=parse_input_range("0..255"))
    assert source.input_range == InputRange((0.0,), (255.0,))
    with pytest.raises(
        UsageError, match=r"scales its input itself \(rescaling.*\), from 0\.\.255; leave out `input_range`"
    ):
        load(rescale(1 / 255), input_range=parse_input_range("-1..1"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "start",
    [
        lambda x, layers: layers.Concatenate()([layers.Rescaling(1 / 255)(x), x]),
        lambda x, layers: layers.Rescaling(0.5)(layers.Conv2D(4, 3, activation="relu")(x)),
        lambda x, layers: layers.Normalization(axis=None, mean=1.0, variance=4.0, invert=True)(x),
        lambda x, layers: layers.Normalization(
            axis=(1, 3), mean=np.ones((12, 3)), variance=np.arange(1, 37.0).reshape(12, 3)
        )(x),
    ],
    ids=["image read beside it", "behind a convolution", "inverted", "a value for each row"],
)
def test_rescaling_that_cannot_be_folded_is_kept(start, load):
    model, source = load(start)
    assert source.notes == ()
    expected = model.predict(IMAGES / np.float32(255), verbose=0)
    assert np.allclose(source.probabilities(IMAGES), expected, atol=1e-5)


@pytest.mark.slow
def test_nested_model_with_two_outputs_keeps_its_rescaling(load):
    def start(x, layers):
        import keras

        inside = keras.Input((12, 12, 3))
        scaled = layers.Rescaling(1 / 255)(inside)
        two = keras.Model(inside, [scaled, layers.Conv2D(3, 3, padding="same")(scaled)])
        return layers.Add()(two(x))

    model, source = load(start, input_range=parse_input_range("0..255"))
    assert np.allclose(source.probabilities(IMAGES), model.predict(IMAGES.astype(np.float32), verbose=0), atol=1e-5)
    assert source.notes == ()


@pytest.mark.slow
def test_means_of_three_channels_are_refused_for_grey_images(load):
    with pytest.raises(UsageError, match="reads images of 1 channels; `input_range` names 3 means"):
        load(lambda x, layers: x, (12, 12), input_range=parse_input_range("0.4,0.5,0.6,0.2,0.2,0.2"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["0..255", "-1..1", "0.1307,0.3081", "0.1,0.3", "0.9,0.5", "0.3,1.7", "0,0.13", "1,0.13"]
)
@pytest.mark.parametrize("format_name", ["tflite", "onnx"])
def test_steps_of_an_8_bit_input_equal_the_pixel_bytes(text, format_name, load, convert):
    """An export refuses a file whose scale or zero-point differs from its contract."""
    _, source = load(lambda x, layers: layers.Conv2D(3, 3)(x), input_range=parse_input_range(text))
    calibration = IMAGES.copy()
    calibration[0, 0, 0], calibration[0, 1, 1] = 0, 255
    engine = convert(source, format_name, "int8", calibration).engine
    steps = source.input_range.apply(IMAGES) / engine.inputs[0].scale + engine.inputs[0].zero_point
    assert np.abs(steps - IMAGES).max() <= 0.51
    assert np.abs(engine.run(IMAGES) - source.probabilities(IMAGES)).max() < 0.1
