"""Recurrent layers with a mask, an initial state or several calls keep the predictions of Keras."""

from __future__ import annotations

import numpy as np
import pytest

from edge_mnist_exporter.config import SourceConfig
from edge_mnist_exporter.source.signature import BYTE_RANGE
from edge_mnist_exporter.source.source_model import load_source
from edge_mnist_runtime.errors import UnsupportedModelError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def images():
    """Images of 5 rows with some black rows, which a mask skips."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 5, 6, 1), np.uint8)
    images[rng.random((40, 5)) < 0.4] = 0
    images[0, 0, 0], images[0, 1, 1] = 0, 255
    return images


def mask_lstm(rows, layers):
    return layers.LSTM(4, name="recurrence")(layers.Masking(0.0)(rows))


def mask_both_ways(rows, layers):
    return layers.Bidirectional(layers.GRU(3), name="recurrence")(layers.Masking(0.0)(rows))


def begin_in_a_state(rows, layers):
    _, hidden, cell = layers.LSTM(4, return_state=True, name="encoder")(rows)
    return layers.LSTM(4, name="recurrence")(rows, initial_state=[hidden, cell])


def read_twice(rows, layers):
    shared = layers.GRU(4, name="recurrence")
    return layers.Concatenate()([shared(rows), shared(layers.Dense(6)(rows))])


@pytest.fixture
def save(tmp_path):
    """Save a network that reads rows, with a middle made by a function of a tensor and `keras.layers`."""

    def build(middle):
        import keras
        from keras import layers

        keras.utils.set_random_seed(0)
        rows = keras.Input((5, 6))
        model = keras.Model(rows, layers.Dense(10, activation="softmax")(6 * middle(rows, layers)))
        model.save(tmp_path / "rows.keras")
        return tmp_path / "rows.keras", model

    return build


@pytest.mark.parametrize(
    ("middle", "precision", "limit"),
    [
        (mask_lstm, "fp32", 1e-5),
        (mask_both_ways, "fp32", 1e-5),
        (begin_in_a_state, "int8", 0.05),
        (read_twice, "int8", 0.05),
    ],
)
def test_recurrent_layer_with_several_inputs_predicts_like_keras(middle, precision, limit, images, save, convert):
    path, model = save(middle)
    expected = model.predict(images[..., 0].astype(np.float32) / 255, verbose=0)
    source = load_source("rows", path)
    assert any("recurrence (5 steps)" in note for note in source.notes)
    assert np.abs(source.probabilities(images) - expected).max() < 1e-5
    for format_name in ("tflite", "onnx"):
        found = convert(source, format_name, precision, images).engine.run(images)
        assert np.abs(found - expected).max() < limit, format_name


@pytest.mark.parametrize("is_masked_first", [True, False])
def test_mask_next_to_a_rescaling_is_kept(is_masked_first, images, tmp_path):
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    start = [layers.Masking(0.0), layers.Rescaling(1 / 255)][:: 1 if is_masked_first else -1]
    recurrent = layers.SimpleRNN(4, return_sequences=True), layers.GRU(4)
    model = keras.Sequential([keras.Input((5, 6)), *start, *recurrent, layers.Dense(10, "softmax")])
    model.save(tmp_path / "rows.keras")
    config = SourceConfig(input_range=BYTE_RANGE if is_masked_first else None)
    source = load_source("rows", tmp_path / "rows.keras", config)
    expected = model.predict(images[..., 0].astype(np.float32), verbose=0)
    assert np.abs(source.probabilities(images) - expected).max() < 1e-5


@pytest.mark.parametrize("format_name", ["tflite", "onnx"])
def test_int8_file_with_a_mask_is_refused_by_layer_name(format_name, images, save, convert):
    source = load_source("rows", save(mask_lstm)[0])
    with pytest.raises(UnsupportedModelError, match=r"rows\.keras: the layer masking\w* makes a mask .* fp32 or fp16"):
        convert(source, format_name, "int8", images)


def test_mask_that_keras_misapplies_when_unrolled_is_refused(save):
    def mask_a_backward_sequence(rows, layers):
        both = layers.Bidirectional(layers.GRU(3, return_sequences=True), name="recurrence")
        return layers.LSTM(4)(both(layers.Masking(0.0)(rows)))

    with pytest.raises(UnsupportedModelError, match=r"the layer recurrence reads a masked sequence backwards"):
        load_source("rows", save(mask_a_backward_sequence)[0])


def test_layer_errors_of_a_masked_network_are_measured(images, save):
    """The boolean mask itself has no signal-to-noise ratio."""
    from edge_mnist_exporter.config import ConversionConfig
    from edge_mnist_exporter.conversion import make_request
    from edge_mnist_exporter.formats import FORMATS
    from edge_mnist_exporter.kinds import choose_kinds

    source = load_source("rows", save(mask_lstm)[0])
    (kind,) = choose_kinds(("int8",), ("onnx",), None)
    errors = FORMATS["onnx"].measure_errors(make_request(source, images, kind, ConversionConfig()), images)
    assert any(error.operator == "MatMul" for error in errors)
