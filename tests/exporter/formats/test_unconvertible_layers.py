"""Unsupported layers are refused in one line that names them; difficult but common layers convert to int8."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from edge_mnist_exporter.source.source_model import load_source
from edge_mnist_runtime.errors import ConversionError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def source_with(as_source):
    """Build a network whose second layer is made by a function of a tensor and `keras.layers`."""
    import keras
    from keras import layers

    def build(middle):
        keras.utils.set_random_seed(0)
        image = keras.Input((12, 12, 1))
        x = middle(layers.Conv2D(6, 3, activation="relu", name="first")(image), layers)
        return as_source(keras.Model(image, layers.Dense(10, activation="softmax", name="last")(layers.Flatten()(x))))

    return build


@pytest.fixture(scope="module")
def noise():
    images = np.random.default_rng(0).integers(0, 256, (40, 12, 12, 1), np.uint8)
    images[0, 0, 0], images[0, 1, 1] = 0, 255
    return images


def enlarge(x, layers):
    return layers.Resizing(15, 15, interpolation="lanczos3", name="enlarger")(x)


def recur(x, layers):
    return layers.GRU(3, name="recurrence")(layers.Reshape((10, 60))(x))


def invert_error_function(x, layers):
    from keras import ops

    return ops.erfinv(0.01 * x)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("format_name", ["tflite", "onnx"])
@pytest.mark.parametrize(
    ("middle", "name"),
    [
        (enlarge, "the layer enlarger"),
        (recur, "the layer recurrence"),
        (invert_error_function, "the operation erfinv/Erfinv"),
    ],
)
def test_layer_that_the_converter_refuses_is_named(middle, name, format_name, precision, source_with, convert, noise):
    with pytest.raises(ConversionError, match=rf"^made-up: .* refused it at {name} \(.+\)$") as refused:
        convert(source_with(middle), format_name, precision, noise)
    assert "\n" not in str(refused.value)
    assert "loc(" not in str(refused.value)


def test_refused_layer_in_a_nested_model_is_named(source_with, convert, noise):
    import keras

    source = source_with(enlarge)
    image = keras.Input((12, 12, 1))
    nested = keras.Model(image, source.keras_model(keras.layers.DepthwiseConv2D(1)(image)))
    object.__setattr__(source, "keras_model", nested)
    with pytest.raises(ConversionError, match="at the layer enlarger"):
        convert(source, "onnx", "int8", noise)


def test_layer_that_computes_before_the_first_quantizer_is_refused_by_name(as_source, convert, noise):
    import keras
    from keras import layers

    image = keras.Input((12, 12, 1))
    x = layers.Conv2DTranspose(1, 1, name="odd_start")(image)
    source = as_source(keras.Model(image, layers.Dense(10, activation="softmax")(layers.Flatten()(x))))
    with pytest.raises(ConversionError, match=r"at the layer odd_start before any quantization"):
        convert(source, "onnx", "int8", noise)


def swish(x, layers):
    return layers.Activation("swish")(x)


def sum_of_four(x, layers):
    return layers.Average()([layers.Subtract()([x, layers.LeakyReLU()(x)]), layers.Maximum()([x, 0.5 * x])])


def squeeze_and_excite(x, layers):
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(6, 1, activation="sigmoid")(layers.Conv2D(3, 1, activation="hard_swish")(gate))
    return layers.Multiply()([x, gate])


def pad_crop_and_enlarge(x, layers):
    return layers.UpSampling2D()(layers.Cropping2D(1)(layers.MaxPooling2D(2)(layers.ZeroPadding2D(1)(x))))


def saturate(x, layers):
    return layers.GlobalMaxPooling2D()(layers.Activation("softplus")(layers.Conv2D(6, 3, activation="tanh")(x)))


def dilate_and_swap(x, layers):
    return layers.Permute((3, 1, 2))(layers.Conv2D(6, 3, dilation_rate=2, padding="same")(x))


def gelu(x, layers):
    return layers.Activation("gelu")(x)


def selu_and_softsign(x, layers):
    return layers.Activation("softsign")(layers.Activation("selu")(x))


def attend(x, layers):
    tokens = layers.Reshape((25, 24))(x)
    return layers.Add()([tokens, layers.Attention()([tokens, tokens])])


def convolve_rows(x, layers):
    return layers.Conv1D(6, 3, activation="relu")(layers.Reshape((10, 60))(x))


def normalise_before_sum(x, layers):
    return layers.Concatenate()([layers.BatchNormalization()(x), layers.ReLU(max_value=6)(x)])


@pytest.mark.parametrize("format_name", ["tflite", "onnx"])
@pytest.mark.parametrize(
    "middle",
    [
        *(
            swish,
            sum_of_four,
            squeeze_and_excite,
            pad_crop_and_enlarge,
            saturate,
            dilate_and_swap,
            normalise_before_sum,
        ),
        *(gelu, selu_and_softsign, attend, convolve_rows),
    ],
)
def test_int8_supports_the_layers_of_common_classifiers(middle, format_name, source_with, convert, noise):
    source = source_with(middle)
    found = convert(source, format_name, "int8", noise).engine.run(noise)
    assert np.abs(found - source.probabilities(noise)).max() < 0.03


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "SimpleRNN", "Bidirectional"])
def test_recurrent_layers_over_rows_are_unrolled(kind, convert, tmp_path):
    """The first layer reads the rows of the image."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    layer = layers.Bidirectional(layers.LSTM(3)) if kind == "Bidirectional" else getattr(layers, kind)(5)
    layer.name = "recurrence"
    keras.Sequential([keras.Input((4, 12)), layer, layers.Dense(10, "softmax")]).save(tmp_path / "rows.keras")
    source = load_source("rows", tmp_path / "rows.keras")
    assert "unrolled recurrence (4 steps)" in source.notes
    images = np.random.default_rng(0).integers(0, 256, (40, 4, 12, 1), np.uint8)
    images[0, 0, 0], images[0, 1, 1] = 0, 255
    for format_name, (precision, limit) in product(("tflite", "onnx"), (("fp32", 1e-5), ("int8", 0.03))):
        found = convert(source, format_name, precision, images).engine.run(images)
        assert np.abs(found - source.probabilities(images)).max() < limit, (format_name, precision)


def test_multi_head_attention_converts_to_float_onnx_of_any_batch_size(source_with, convert, noise):
    """Keras computes the shapes of the heads from the batch size, so that two sizes are free."""

    def attend_with_heads(x, layers):
        tokens = layers.Reshape((25, 24))(x)
        return layers.MultiHeadAttention(2, 4)(tokens, tokens)

    source = source_with(attend_with_heads)
    file = convert(source, "onnx", "fp32", noise)
    assert {"Shape", "Gather"}.isdisjoint(file.audit.operators)
    for n_images in (1, 7):
        found = file.engine.run(noise[:n_images])
        assert np.abs(found - source.probabilities(noise[:n_images])).max() < 1e-5


def test_network_may_begin_with_batch_norm_and_read_its_input_twice(as_source, convert, noise):
    import keras
    from keras import layers

    image = keras.Input((12, 12, 1))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.BatchNormalization()(image))
    x = layers.Concatenate()([layers.Flatten()(x), layers.Flatten()(layers.AveragePooling2D(2)(image))])
    source = as_source(keras.Model(image, layers.Dense(10, activation="softmax")(x)))
    found = convert(source, "onnx", "int8", noise).engine.run(noise)
    assert np.abs(found - source.probabilities(noise)).max() < 0.03


@pytest.mark.parametrize("opset", [13, 14, 18])
def test_int8_onnx_has_the_requested_opset(opset, source_with, convert, noise):
    import onnx

    from edge_mnist_exporter.config import ConversionConfig

    source = source_with(lambda x, layers: layers.MaxPooling2D(2)(x))
    file = convert(source, "onnx", "int8", noise, config=ConversionConfig(opset=opset))
    versions = {entry.domain: entry.version for entry in onnx.load_from_string(file.data).opset_import}
    assert versions[""] == opset
    assert np.abs(file.engine.run(noise) - source.probabilities(noise)).max() < 0.03
    assert {"Shape", "Gather"}.isdisjoint(file.audit.operators)


def test_constants_of_a_layer_are_stored_in_the_file(as_source, convert, noise):
    """A Normalization layer with a value for each pixel cannot be folded, and its values are not weights."""
    import keras
    from keras import layers

    image = keras.Input((12, 12, 1))
    per_pixel = layers.Normalization(mean=np.linspace(0, 1, 144), variance=np.full(144, 0.5))(layers.Flatten()(image))
    source = as_source(keras.Model(image, layers.Dense(10, activation="softmax")(per_pixel)))
    for precision, limit in (("fp32", 1e-5), ("int8", 0.03)):
        found = convert(source, "onnx", precision, noise).engine.run(noise)
        assert np.abs(found - source.probabilities(noise)).max() < limit
