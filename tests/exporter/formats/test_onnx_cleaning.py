"""Cleaning removes needless operations from an ONNX graph and keeps predictions."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

pytestmark = pytest.mark.slow

COMPUTED_SHAPES = {"Shape", "Gather", "Concat", "Slice", "Cast"}


@pytest.fixture(scope="module")
def flattening_source(as_source):
    """A network like the published baselines: pooling, Flatten, a hidden Dense layer."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    image = keras.Input((28, 28, 1))
    x = layers.MaxPooling2D(2)(layers.Conv2D(4, 3, activation="relu")(image))
    x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
    return as_source(keras.Model(image, layers.Dense(10, activation="softmax")(x)))


@pytest.fixture(scope="module")
def converted(flattening_source, convert, drawn_images):
    return {name: convert(flattening_source, "onnx", name, drawn_images).data for name in ("fp32", "int8")}


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_flatten_has_a_constant_shape(precision, converted):
    graph = onnx.load_from_string(converted[precision]).graph
    kinds = {node.op_type for node in graph.node}
    assert "Reshape" in kinds
    assert kinds.isdisjoint(COMPUTED_SHAPES - ({"Cast"} if precision == "fp32" else set()))  # bytes to floats


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("n_images", [1, 3])
def test_batches_of_any_size_give_keras_predictions(precision, n_images, converted, flattening_source, drawn_images):
    session = onnxruntime.InferenceSession(converted[precision], providers=["CPUExecutionProvider"])
    found = session.run(["probabilities"], {"image": drawn_images[:n_images]})[0]
    expected = flattening_source.probabilities(drawn_images[:n_images])
    assert found.shape == (n_images, 10)
    assert np.allclose(found, expected, atol=1e-5 if precision == "fp32" else 0.05)


def test_hidden_layers_are_int8_and_logits_are_float(converted):
    from edge_mnist_exporter.formats.onnx_files.audit import audit

    audit(converted["int8"], "int8", "made-up_int8.onnx")
    graph = onnx.load_from_string(converted["int8"]).graph
    makers = {output: node for node in graph.node for output in node.output}
    softmax = next(node for node in graph.node if node.op_type == "Softmax")
    assert makers[softmax.input[0]].op_type in ("Gemm", "MatMul")


def test_no_unused_node_or_constant_is_left(converted):
    graph = onnx.load_from_string(converted["int8"]).graph
    read = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    assert all(not read.isdisjoint(node.output) for node in graph.node)
    assert all(tensor.name in read for tensor in graph.initializer)


@pytest.fixture(scope="module")
def squeezed(reference_source, convert, drawn_images):
    """The reference model without `view_averages`: a squeeze and a second quantizer behind the average."""
    from edge_mnist_exporter.formats.onnx_files import conversion as onnx_conversion

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx_conversion, "view_averages", lambda _graph: None)
        return onnx.load_from_string(convert(reference_source, "onnx", "int8", drawn_images).data)


def predict(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"image": images})[0]


def test_view_of_an_average_gives_the_same_bits_as_the_squeeze(squeezed, drawn_images):
    from edge_mnist_exporter.formats.onnx_files.cleaning import view_averages

    viewed = onnx.load_from_string(squeezed.SerializeToString())
    view_averages(viewed.graph)
    onnx.checker.check_model(viewed, full_check=True)
    assert "Squeeze" in {node.op_type for node in squeezed.graph.node}
    assert "Squeeze" not in {node.op_type for node in viewed.graph.node}
    assert len(viewed.SerializeToString()) < len(squeezed.SerializeToString())
    noise = np.random.default_rng(0).integers(0, 256, (300, 28, 28, 1), np.uint8)
    for images in (drawn_images, noise, noise[:1]):
        assert np.array_equal(predict(viewed, images), predict(squeezed, images))


def change_axes(graph: onnx.GraphProto) -> None:
    squeeze = next(node for node in graph.node if node.op_type == "Squeeze")
    axes = next(tensor for tensor in graph.initializer if tensor.name == squeeze.input[1])
    axes.CopyFrom(onnx.numpy_helper.from_array(np.array([3], np.int64), axes.name))


def change_scale(graph: onnx.GraphProto) -> None:
    squeeze = next(node for node in graph.node if node.op_type == "Squeeze")
    requantizer = next(node for node in graph.node if squeeze.output[0] in node.input)
    graph.initializer.append(onnx.numpy_helper.from_array(np.float32(0.5), "other_scale"))
    requantizer.input[1] = "other_scale"


@pytest.mark.parametrize("change", [change_axes, change_scale])
def test_squeeze_with_other_axes_or_scale_is_kept(change, squeezed):
    from edge_mnist_exporter.formats.onnx_files.cleaning import view_averages

    changed = onnx.load_from_string(squeezed.SerializeToString())
    change(changed.graph)
    before = changed.SerializeToString()
    view_averages(changed.graph)
    assert changed.SerializeToString() == before


def test_exported_reference_has_no_squeeze(reference_bundle):
    assert "Squeeze" not in {node.op_type for node in onnx.load(reference_bundle / "edge_int8.onnx").graph.node}
