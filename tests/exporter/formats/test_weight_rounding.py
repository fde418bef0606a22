"""Weights are rounded so that the errors of a sum cancel, and the inputs used are those of the layer."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_mnist_exporter.formats.onnx_files import layer_inputs as onnx_layer_inputs
from edge_mnist_exporter.formats.onnx_files import rounding as onnx_rounding
from edge_mnist_exporter.formats.onnx_files.layer_inputs import find_weighted_layers, measure_moments, view_sums
from edge_mnist_exporter.formats.onnx_files.rounding import Rounding, add_moments
from edge_mnist_exporter.formats.onnx_files.saturation import channels_first, largest_pairs
from edge_mnist_exporter.formats.onnx_files.weights import fit_scales, round_weights


@pytest.fixture
def correlated() -> np.ndarray:
    """Strongly correlated inputs of two groups, (S, G, N)."""
    rng = np.random.default_rng(0)
    return (rng.random((500, 2, 1)) + 0.2 * rng.random((500, 2, 40))).astype(np.float32)


def errors(rows: np.ndarray, steps: np.ndarray, inputs: np.ndarray) -> float:
    halves = zip(np.split(rows - steps, inputs.shape[1]), np.moveaxis(inputs, 1, 0), strict=True)
    return float(np.mean([np.square(group @ half.T).mean() for half, group in halves]))


def test_without_moments_weights_are_rounded_to_nearest():
    assert Rounding(None).round(np.array([[0.4, -1.6, 126.7]])).tolist() == [[0.0, -2.0, 127.0]]


def test_errors_cancel_within_each_group(correlated):
    rows = np.random.default_rng(1).normal(0, 20, (6, 40))
    steps = Rounding(add_moments(None, correlated)).round(rows)
    assert np.array_equal(steps, np.rint(steps))
    assert np.abs(steps - rows).max() < 3
    assert errors(rows, steps, correlated) < 0.2 * errors(rows, np.rint(rows), correlated)


def test_sums_longer_than_a_block_are_rounded_block_by_block(correlated, monkeypatch):
    monkeypatch.setattr(onnx_rounding, "BLOCK", 16)
    rows = np.random.default_rng(1).normal(0, 20, (6, 40))
    steps = Rounding(add_moments(None, correlated)).round(rows)
    assert errors(rows, steps, correlated) < 0.5 * errors(rows, np.rint(rows), correlated)


@pytest.mark.parametrize("inputs", [np.zeros((9, 1, 4), np.float32), np.ones((9, 1, 4), np.float32)])
def test_constant_inputs_give_finite_steps(inputs):
    steps = Rounding(add_moments(None, inputs)).round(np.array([[1.4, -1.4, 0.4, 127.0]]))
    assert np.isfinite(steps).all()


def test_steps_are_in_the_int8_range():
    rows = np.full((1, 30), 126.6)
    assert np.abs(Rounding(add_moments(None, np.ones((9, 1, 30), np.float32))).round(rows)).max() <= 127


def test_scale_is_the_smallest_that_keeps_the_bound():
    rows = np.array([[1.0, 0.0, -0.5], [1.0, 1.0, 0.0], [-1.0, -0.5, 0.2], [0.0, 0.0, 0.0]])
    assert fit_scales(rows) == pytest.approx([1 / 127, 2 / 128, 1.5 / 128, 2 / 128])
    assert fit_scales(rows[3:]) == [1.0]


CASES = {
    "plain": {"kernel_shape": [3, 3]},
    "padded, strided": {"kernel_shape": [5, 5], "pads": [2, 1, 2, 3], "strides": [2, 3]},
    "dilated": {"kernel_shape": [3, 2], "dilations": [2, 3]},
    "grouped": {"kernel_shape": [3, 3], "group": 2},
    "depthwise": {"kernel_shape": [3, 3], "group": 4, "pads": [1, 1, 1, 1]},
    "one axis": {"kernel_shape": [3], "pads": [1, 0]},
}


@pytest.mark.parametrize("case", CASES)
def test_viewed_inputs_times_weights_give_the_layer_output(case):
    """Each row of inputs gives one position's results in all channels, for all attributes of a convolution."""
    attributes = CASES[case]
    taps, group = attributes["kernel_shape"], attributes.get("group", 1)
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(8, 4 // group, *taps)).astype(np.float32)
    spatial = (11, 13)[: len(taps)]
    values = rng.normal(size=(3, 4, *spatial)).astype(np.float32)
    node = helper.make_node("Conv", ["image", "weights"], ["sums"], name="conv", **attributes)
    model = make_model(node, weights, ["N", 4, *spatial], [None] * (2 + len(taps)))
    (layer,) = find_weighted_layers(model, ["Conv"])
    inputs = view_all(layer, values)
    rows = channels_first(weights, 0).reshape(group, 8 // group, -1)
    found = np.einsum("sgn,gkn->sgk", inputs, rows).reshape(-1, 8)
    (sums,) = run(model, values)
    assert np.allclose(found, np.moveaxis(sums, 1, -1).reshape(-1, 8), atol=1e-4)


def view_all(layer, values):
    view, n_axes = view_sums(layer, values)
    group = {field.name: field.i for field in layer.node.attribute}.get("group", 1)
    return view.reshape(np.prod(view.shape[:n_axes]), group, -1)


def test_viewed_inputs_of_a_matrix_product_are_rows():
    weights = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    values = np.random.default_rng(1).normal(size=(4, 7, 6)).astype(np.float32)
    model = make_model(helper.make_node("MatMul", ["image", "weights"], ["sums"]), weights, ["N", 7, 6], [None] * 3)
    (layer,) = find_weighted_layers(model, ["MatMul"])
    assert np.array_equal(view_all(layer, values)[:, 0], values.reshape(-1, 6))


def test_moments_are_summed_over_drawn_sums():
    values = np.random.default_rng(0).normal(size=(120, 4, 9, 9)).astype(np.float32)
    values[:, 1] = 2 * values[:, 0]
    node = helper.make_node("Conv", ["image", "weights"], ["sums"], kernel_shape=[1, 1], group=2)
    model = make_model(node, np.ones((2, 2, 1, 1), np.float32), ["N", 4, 9, 9], [None] * 4)
    (moments,) = measure_moments(model, list(find_weighted_layers(model, ["Conv"])), values)
    (first,), (second,) = moments
    assert first / onnx_layer_inputs.SUMS_PER_LAYER == pytest.approx(np.array([[1, 2], [2, 4]]), rel=0.1)
    assert second / onnx_layer_inputs.SUMS_PER_LAYER == pytest.approx(np.eye(2), abs=0.1)


def test_non_finite_activations_are_refused():
    with pytest.raises(ValueError, match="not all finite"):
        Rounding(add_moments(None, np.full((3, 1, 2), np.nan, np.float32)))


def test_weights_as_first_factor_are_bounded_and_rounded_to_nearest():
    """The sums run along the other axis, so no inputs are measured."""
    weights = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    model = make_model(helper.make_node("MatMul", ["weights", "image"], ["sums"]), weights, ["N", 6, 7], [None] * 3)
    rounded = round_weights(model, np.ones((2, 6, 7), np.float32), ["MatMul"])["weights"]
    steps = np.rint(rounded.values / rounded.scales[:, None])
    assert np.array_equal(steps, np.rint(weights / rounded.scales[:, None]))
    assert largest_pairs(steps).max() <= 128


def make_model(node: onnx.NodeProto, weights: np.ndarray, image: list, sums: list) -> onnx.ModelProto:
    ends = (
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, image)],
        [helper.make_tensor_value_info("sums", TensorProto.FLOAT, sums)],
    )
    graph = helper.make_graph([node], "one layer", *ends, [numpy_helper.from_array(weights, "weights")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def run(model: onnx.ModelProto, values: np.ndarray) -> list[np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": values})
