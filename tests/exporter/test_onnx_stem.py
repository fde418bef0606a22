"""The stem that onnxruntime runs fast gives the answers of the one that it replaces, bit by bit."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from edge_mnist_runtime.contract import DIGIT_LABELS, ModelContract
from edge_mnist_runtime.preprocess import PREPROCESS

pytestmark = pytest.mark.slow

CONTRACT = ModelContract("made-up", "int8", DIGIT_LABELS, PREPROCESS.version, PREPROCESS.sha256, "0" * 64, 1 / 255, 0)


@pytest.fixture(scope="module")
def quantize_plainly(drawn_images):
    """Convert a source to int8 ONNX without the rewriting."""
    from edge_mnist_exporter.formats import onnx_conversion

    def convert(source) -> onnx.ModelProto:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(onnx_conversion, "widen_stem", lambda _model: False)
            return onnx.load_from_string(onnx_conversion.to_int8(source, drawn_images, CONTRACT))

    return convert


@pytest.fixture(scope="module")
def sources(reference_source):
    """Networks with other stems, by name."""
    import keras
    from keras import layers

    from edge_mnist_exporter.source_model import SourceModel

    def build(*stem) -> SourceModel:
        image = keras.Input((28, 28, 1))
        x = image
        for layer in stem:
            x = layer(x)
        x = layers.Dense(10, activation="softmax")(layers.Flatten()(x))
        return SourceModel("made-up", "made-up", "0" * 64, keras.Model(image, x), "assumed")

    return {
        "reference": reference_source,
        "three filters": build(layers.Conv2D(3, 3, padding="same", activation="relu"), layers.MaxPooling2D(2)),
        "5 x 5": build(layers.Conv2D(4, 5, padding="same", activation="relu"), layers.MaxPooling2D(2)),
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
    }


def answers(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"image": images})[0]


WIDENED = ["reference", "three filters", "stride 2", "stride 2, 5 x 5", "stride 2, 6 x 6", "stride 2, 2 x 2"]


@pytest.mark.parametrize("name", WIDENED)
def test_wide_stem_gives_the_same_bits(name, sources, quantize_plainly, drawn_images):
    from edge_mnist_exporter.formats.onnx_stem import widen_stem

    plain = quantize_plainly(sources[name])
    wide = onnx.load_from_string(plain.SerializeToString())
    assert widen_stem(wide)
    onnx.checker.check_model(wide, full_check=True)
    noise = np.random.default_rng(0).integers(0, 256, (300, 28, 28, 1), np.uint8)
    for images in (drawn_images, noise, np.full((1, 28, 28, 1), 255, np.uint8)):
        assert np.array_equal(answers(wide, images), answers(plain, images))


@pytest.mark.parametrize(
    "name", ["5 x 5", "valid", "pool 4", "no pool", "stride 2, 7 x 7", "stride 2, valid", "stride 3"]
)
def test_other_stems_are_left_as_they_are(name, sources, quantize_plainly):
    from edge_mnist_exporter.formats.onnx_stem import widen_stem

    model = quantize_plainly(sources[name])
    before = model.SerializeToString()
    assert not widen_stem(model)
    assert model.SerializeToString() == before


def test_exported_reference_has_the_wide_stem(reference_bundle):
    graph = onnx.load(reference_bundle / "edge_int8.onnx").graph
    first = next(node for node in graph.node if node.op_type == "Conv")
    weights = next(node.input[0] for node in graph.node if node.output[0] == first.input[1])
    (shape,) = ([*tensor.dims] for tensor in graph.initializer if tensor.name == weights)
    assert shape[1:] == [4, 3, 3]
