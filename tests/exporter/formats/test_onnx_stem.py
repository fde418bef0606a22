"""The widened stem, which onnxruntime runs fast, gives bit-identical predictions."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def quantize_plainly(convert, drawn_images):
    """Convert a source to int8 ONNX without the widened stem."""
    from edge_mnist_exporter.formats.onnx_files import conversion as onnx_conversion

    def run(source) -> onnx.ModelProto:
        height, width, _ = source.image_shape
        images = np.concatenate([drawn_images, drawn_images], axis=2)[:, :height, :width]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(onnx_conversion, "widen_stem", lambda _model: False)
            return onnx.load_from_string(convert(source, "onnx", "int8", images).data)

    return run


@pytest.fixture(scope="module")
def sources(reference_source, as_source):
    """Networks with other stems, by name."""
    import keras
    from keras import layers

    def build(*stem, height=28, width=28):
        image = keras.Input((height, width, 1))
        x = image
        for layer in stem:
            x = layer(x)
        x = layers.Dense(10, activation="softmax")(layers.Flatten()(x))
        return as_source(keras.Model(image, x))

    def halving(*, stride: int, **size):
        convolution = layers.Conv2D(4, 3, strides=stride, padding="same", activation="relu")
        return build(convolution, *([layers.MaxPooling2D(2)] if stride == 1 else []), **size)

    return {
        "reference": reference_source,
        "three filters": build(layers.Conv2D(3, 3, padding="same", activation="relu"), layers.MaxPooling2D(2)),
        "5 x 5": build(layers.Conv2D(4, 5, padding="same", activation="relu"), layers.MaxPooling2D(2)),
        "9 x 9": build(layers.Conv2D(2, 9, padding="same", activation="relu")),
        "11 x 11": build(layers.Conv2D(2, 11, padding="same", activation="relu")),
        "3 x 7": build(layers.Conv2D(4, (3, 7), padding="same", activation="relu")),
        "dilated": build(layers.Conv2D(4, 3, padding="same", dilation_rate=2, activation="relu")),
        "rows alone": build(layers.ZeroPadding2D(((0, 0), (1, 1))), layers.Conv2D(4, 3, activation="relu")),
        "stride 4": build(layers.Conv2D(4, 4, strides=4, activation="relu")),
        "valid": build(layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(2)),
        "stride 2": build(layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"), layers.MaxPooling2D(2)),
        "stride 2, 5 x 5": build(layers.Conv2D(4, 5, strides=2, padding="same", activation="relu")),
        "stride 2, 6 x 6": build(layers.Conv2D(3, 6, strides=2, padding="same", activation="relu")),
        "stride 2, 2 x 2": build(layers.Conv2D(3, 2, strides=2, activation="relu")),
        "stride 2, 7 x 7": build(layers.Conv2D(3, 7, strides=2, padding="same", activation="relu")),
        "stride 2, valid": build(layers.Conv2D(3, 5, strides=2, activation="relu")),
        "stride 3": build(layers.Conv2D(3, 3, strides=3, padding="same", activation="relu")),
        "pool 4": build(layers.Conv2D(4, 3, padding="same", activation="relu"), layers.MaxPooling2D(4)),
        "no pool": build(layers.Conv2D(4, 3, padding="same", activation="relu"), layers.Conv2D(4, 3)),
        "16 x 36": halving(stride=1, height=16, width=36),
        "16 x 36, stride 2": halving(stride=2, height=16, width=36),
        "17 x 36": halving(stride=1, height=17, width=36),
        "16 x 34": halving(stride=1, height=16, width=34),
        "16 x 35, stride 2": halving(stride=2, height=16, width=35),
        "other rows": build(layers.Reshape((14, 56, 1)), layers.Conv2D(4, 3, padding="same"), layers.MaxPooling2D(2)),
    }


def predict(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"image": images})[0]


WIDENED = [
    *("reference", "three filters", "5 x 5", "9 x 9", "3 x 7", "pool 4", "no pool", "rows alone", "stride 4"),
    *("stride 2", "stride 2, 5 x 5", "stride 2, 6 x 6", "stride 2, 7 x 7", "stride 2, 2 x 2"),
    *("16 x 36", "16 x 36, stride 2", "17 x 36"),
]
LEFT_ALONE = [
    *("11 x 11", "valid", "stride 2, valid", "stride 3", "dilated"),
    *("16 x 34", "16 x 35, stride 2", "other rows"),
]


@pytest.mark.parametrize("name", WIDENED)
def test_widened_stem_keeps_predictions_bit_identical(name, sources, quantize_plainly, drawn_images):
    from edge_mnist_exporter.formats.onnx_files.stem import widen_stem

    plain = quantize_plainly(sources[name])
    wide = onnx.load_from_string(plain.SerializeToString())
    assert widen_stem(wide)
    onnx.checker.check_model(wide, full_check=True)
    shape = sources[name].image_shape
    noise = np.random.default_rng(0).integers(0, 256, (300, *shape), np.uint8)
    drawn = [drawn_images] if shape == drawn_images.shape[1:] else []
    for images in (*drawn, noise, np.full((1, *shape), 255, np.uint8)):
        assert np.array_equal(predict(wide, images), predict(plain, images))


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_unsupported_stems_are_not_changed(name, sources, quantize_plainly):
    from edge_mnist_exporter.formats.onnx_files.stem import widen_stem

    model = quantize_plainly(sources[name])
    before = model.SerializeToString()
    assert not widen_stem(model)
    assert model.SerializeToString() == before


def test_exported_reference_has_the_widened_stem(reference_bundle):
    graph = onnx.load(reference_bundle / "edge_int8.onnx").graph
    first = next(node for node in graph.node if node.op_type == "Conv")
    weights = next(node.input[0] for node in graph.node if node.output[0] == first.input[1])
    (shape,) = ([*tensor.dims] for tensor in graph.initializer if tensor.name == weights)
    assert shape[1:] == [4, 3, 3]  # four pixels of a row as channels, three rows, three cells
