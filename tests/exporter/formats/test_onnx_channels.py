"""Channels padded for onnxruntime's fast kernel keep predictions bit-identical."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from edge_mnist_exporter.config import ConversionConfig

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def convert_plainly(convert, drawn_images):
    """Convert a source to int8 ONNX without padded channels and without the widened stem."""
    from edge_mnist_exporter.formats.onnx_files import conversion as onnx_conversion

    def run(source, **settings) -> onnx.ModelProto:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(onnx_conversion, "fill_channels", lambda _model: 0)
            patch.setattr(onnx_conversion, "widen_stem", lambda _model: False)
            config = ConversionConfig(**settings)
            return onnx.load_from_string(convert(source, "onnx", "int8", drawn_images, config=config).data)

    return run


def build(make_body):
    """Build a network from 28 x 28 grey pixels to ten probabilities with the given body."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(1)
    image = keras.Input((28, 28, 1))
    model = keras.Model(image, layers.Dense(10, activation="softmax")(make_body(image, layers)))
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if weight.name == "bias":  # a bias of zeros would be left out of the file
            weight.assign(rng.uniform(-0.1, 0.1, weight.shape))
    return model


def conv(layers, filters, **settings):
    return layers.Conv2D(filters, 3, padding="same", activation="relu", **settings)


def averaged(image, layers):
    x = layers.MaxPooling2D(2)(conv(layers, 6)(image))
    x = layers.MaxPooling2D(2)(conv(layers, 10)(x))
    return layers.GlobalAveragePooling2D()(conv(layers, 18)(x))


def strided(image, layers):
    x = conv(layers, 5, strides=2)(image)
    return layers.GlobalAveragePooling2D()(conv(layers, 13, strides=2)(x))


def without_bias(image, layers):
    x = conv(layers, 16)(image)
    return layers.GlobalAveragePooling2D()(layers.ReLU()(layers.Conv2D(7, 3, use_bias=False)(x)))


def flattened(image, layers):
    x = layers.MaxPooling2D(4)(conv(layers, 4)(image))
    return layers.Flatten()(layers.MaxPooling2D(2)(conv(layers, 6)(x)))


def residual(image, layers):
    x = layers.MaxPooling2D(4)(conv(layers, 4)(image))
    x = layers.Add()([x, conv(layers, 4)(x)])
    return layers.GlobalAveragePooling2D()(conv(layers, 16)(x))


def depthwise(image, layers):
    x = layers.MaxPooling2D(2)(conv(layers, 4)(image))
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    return layers.GlobalAveragePooling2D()(conv(layers, 16)(x))


def fitting(image, layers):
    x = layers.MaxPooling2D(2)(conv(layers, 8)(image))
    return layers.GlobalAveragePooling2D()(conv(layers, 16)(x))


def predict(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"image": images})[0]


def output_channels(model: onnx.ModelProto) -> list[int]:
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    makers = {output: node for node in model.graph.node for output in node.output}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    return [constants[makers[node.input[1]].input[0]].shape[0] for node in convolutions]


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize(
    ("make_body", "expected"),
    [(averaged, [8, 16, 20]), (strided, [8, 16]), (without_bias, [16, 16])],
)
def test_padded_channels_keep_predictions_bit_identical(
    make_body, expected, per_channel, as_source, convert_plainly, drawn_images
):
    from edge_mnist_exporter.formats.onnx_files.channels import fill_channels
    from edge_mnist_exporter.formats.onnx_files.stem import widen_stem

    plain = convert_plainly(as_source(build(make_body)), per_channel=per_channel)
    filled = onnx.load_from_string(plain.SerializeToString())
    assert fill_channels(filled) == sum(np.array(output_channels(plain)) != expected)
    assert output_channels(filled) == expected
    noise = np.random.default_rng(0).integers(0, 256, (100, 28, 28, 1), np.uint8)
    for _ in range(2):
        onnx.checker.check_model(filled, full_check=True)
        for images in (drawn_images, noise):
            assert np.array_equal(predict(filled, images), predict(plain, images))
        assert fill_channels(filled) == 0
        widen_stem(filled)


@pytest.mark.parametrize("make_body", [flattened, residual, depthwise])
def test_channels_with_other_readers_are_not_padded(make_body, as_source, convert_plainly):
    from edge_mnist_exporter.formats.onnx_files.channels import fill_channels

    model = convert_plainly(as_source(build(make_body)))
    before = output_channels(model)
    fill_channels(model)
    assert output_channels(model)[-1] == before[-1]
    if make_body is not flattened:
        assert output_channels(model) == before


def test_network_with_fitting_channels_is_not_changed(as_source, convert_plainly):
    from edge_mnist_exporter.formats.onnx_files.channels import fill_channels

    model = convert_plainly(as_source(build(fitting)))
    before = model.SerializeToString()
    assert fill_channels(model) == 0
    assert model.SerializeToString() == before


def test_exported_file_has_padded_channels_and_runs_in_int8(as_source, convert, drawn_images, tmp_path):
    file = convert(as_source(build(averaged)), "onnx", "int8", drawn_images)
    assert output_channels(onnx.load_from_string(file.data)) == [4 * 8, 16, 20]
    assert file.audit.float_layers == ()
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(file.data, options, providers=["CPUExecutionProvider"])
    kernels = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert (kernels.count("QLinearConv"), kernels.count("Conv")) == (3, 0)


def test_channels_of_float_layers_are_not_padded(as_source, drawn_images):
    from edge_mnist_exporter.conversion import convert, make_request
    from edge_mnist_exporter.kinds import Kind

    source = as_source(build(averaged))
    _, second, _ = (layer.name for layer in source.keras_model.layers if "conv" in layer.name)
    config = ConversionConfig(float_layers=(second,))
    file = convert(make_request(source, drawn_images, Kind("onnx", "mixed", "uint8"), config))
    graph = onnx.load_from_string(file.data).graph
    shapes = {tensor.name: tensor.dims[0] for tensor in graph.initializer if len(tensor.dims) == 4}
    assert sorted(shapes.values()) == [10, 20, 4 * 6]
