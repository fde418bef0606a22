"""What converters leave in an ONNX graph is taken out, and nothing else changes."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

pytestmark = pytest.mark.slow

COMPUTED_SHAPES = {"Shape", "Gather", "Concat", "Slice", "Cast"}


@pytest.fixture(scope="module")
def flattening_source(as_source):
    """A network as the published baselines are: pooling, Flatten, a hidden Dense layer."""
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
def test_flatten_needs_no_shape_computed_at_run_time(precision, converted):
    graph = onnx.load_from_string(converted[precision]).graph
    kinds = {node.op_type for node in graph.node}
    assert "Reshape" in kinds
    assert kinds.isdisjoint(COMPUTED_SHAPES - ({"Cast"} if precision == "fp32" else set()))  # bytes to floats


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("n_images", [1, 3])
def test_batches_of_any_size_give_keras_answers(precision, n_images, converted, flattening_source, drawn_images):
    session = onnxruntime.InferenceSession(converted[precision], providers=["CPUExecutionProvider"])
    found = session.run(["probabilities"], {"image": drawn_images[:n_images]})[0]
    expected = flattening_source.probabilities(drawn_images[:n_images])
    assert found.shape == (n_images, 10)
    assert np.allclose(found, expected, atol=1e-5 if precision == "fp32" else 0.05)


def test_hidden_layers_are_int8_and_logits_are_float(converted):
    from edge_mnist_exporter.formats.onnx_audit import audit

    audit(converted["int8"], "int8", "made-up_int8.onnx")
    graph = onnx.load_from_string(converted["int8"]).graph
    makers = {output: node for node in graph.node for output in node.output}
    softmax = next(node for node in graph.node if node.op_type == "Softmax")
    assert makers[softmax.input[0]].op_type in ("Gemm", "MatMul")


def test_nothing_unused_is_left(converted):
    graph = onnx.load_from_string(converted["int8"]).graph
    read = {name for node in graph.node for name in node.input} | {value.name for value in graph.output}
    assert all(not read.isdisjoint(node.output) for node in graph.node)
    assert all(tensor.name in read for tensor in graph.initializer)
