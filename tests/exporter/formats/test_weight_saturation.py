"""The weights of int8 ONNX files cannot saturate any kernel, as the bytes of the files prove."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge_mnist_exporter.audit.audit import MAX_WEIGHT_PAIR
from edge_mnist_exporter.formats.onnx_files.audit import audit
from edge_mnist_exporter.formats.onnx_files.saturation import largest_pairs
from edge_mnist_runtime.errors import PrecisionProofError, SaturationError

MOST_IN_16_BITS = 32_767


def test_two_products_at_the_bound_fit_into_16_bits():
    assert 255 * MAX_WEIGHT_PAIR <= MOST_IN_16_BITS < 255 * (MAX_WEIGHT_PAIR + 1)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_largest_pair_is_the_maximum_over_pairs_of_one_sign(size):
    rows = np.random.default_rng(size).integers(-127, 128, (50, size))
    for row, found in zip(rows, largest_pairs(rows), strict=True):
        padded = [*row, 0]
        sums = [abs(a + b) for a, b in itertools.combinations(padded, 2) if a * b >= 0]
        assert found == max(sums)


MOVED = {"as they are": [("Identity", ["w"], {}, "made")], "transposed": [("Transpose", ["w"], {}, "made")]}
COMPUTED = {
    "joined": [("Concat", ["w", "w"], {"axis": 1}, "made")],
    "quantized": [
        ("DequantizeLinear", ["w", "scale", "zero"], {}, "real"),
        ("QuantizeLinear", ["real", "scale", "zero"], {}, "made"),
    ],
}
"""Nodes that make int8 weights from stored ones: operator, inputs, attributes and output."""


@pytest.mark.parametrize("nodes", [*MOVED.values(), *COMPUTED.values()], ids=[*MOVED, *COMPUTED])
def test_large_weights_that_the_graph_makes_can_saturate(nodes):
    """onnxruntime computes such weights when it loads the file, and then multiplies by them in int8."""
    assert audit(make_product(nodes, np.full((8, 8), 127, np.int8)), "int8", "theirs.onnx").can_saturate


@pytest.mark.parametrize("nodes", MOVED.values(), ids=MOVED)
def test_small_weights_that_the_graph_moves_cannot_saturate(nodes):
    found = audit(make_product(nodes, np.full((8, 8), 64, np.int8)), "int8", "theirs.onnx")
    assert found.weight_pair.steps == 128
    assert not found.can_saturate


IN_INTEGERS = {
    "QLinearMatMul": [
        ("QLinearMatMul", ["image", "pixel", "black", "w", "scale", "zero", "wide", "black"], {}, "bytes"),
        ("DequantizeLinear", ["bytes", "wide", "black"], {}, "dense"),
    ],
    "MatMulInteger": [
        ("MatMulInteger", ["image", "w", "black", "zero"], {}, "counts"),
        ("Cast", ["counts"], {"to": TensorProto.FLOAT}, "dense"),
    ],
}
"""A layer in the form of operations on integers, which have no dequantizers."""


@pytest.mark.parametrize("operator", IN_INTEGERS)
def test_mixed_file_holds_no_layer_that_the_bound_does_not_cover(operator):
    nodes = [
        *IN_INTEGERS[operator],
        ("QuantizeLinear", ["dense", "wide", "black"], {}, "dense_bytes"),
        ("DequantizeLinear", ["dense_bytes", "wide", "black"], {}, "hidden"),
        ("DequantizeLinear", ["small", "scale", "zero"], {}, "weights"),
        ("MatMul", ["hidden", "weights"], {}, "sums"),
        ("QuantizeLinear", ["sums", "wide", "black"], {}, "sum_bytes"),
        ("DequantizeLinear", ["sum_bytes", "wide", "black"], {}, "values"),
        ("MatMul", ["values", "real"], {}, "scores"),
    ]
    weights = np.full((8, 8), 127, np.int8)
    file = make_file(nodes, w=weights, small=weights // 2, real=weights.astype(np.float32))
    with pytest.raises(PrecisionProofError, match=rf"{operator} \w+ computes on integers without dequantizers"):
        audit(file, "mixed", "theirs.onnx")


@pytest.mark.parametrize("guard", [[], ["Clip"]], ids=["bare", "guarded"])
def test_float_layer_that_onnxruntime_would_quantize_is_not_mixed(guard):
    nodes = [
        ("DequantizeLinear", ["image", "pixel", "black"], {}, "values"),
        ("DequantizeLinear", ["w", "scale", "zero"], {}, "weights"),
        ("MatMul", ["values", "weights"], {}, "sums"),
        ("QuantizeLinear", ["sums", "wide", "black"], {}, "bytes"),
        ("DequantizeLinear", ["bytes", "wide", "black"], {}, "hidden"),
        *((operator, ["hidden", "lowest"], {}, "clipped") for operator in guard),
        ("Gemm", ["clipped" if guard else "hidden", "real"], {}, "scores"),
    ]
    weights = np.full((8, 8), 64, np.int8)
    file = make_file(nodes, w=weights, real=weights.astype(np.float32), lowest=np.finfo(np.float32).min)
    if guard:
        assert not audit(file, "mixed", "theirs.onnx").can_saturate
    else:
        with pytest.raises(PrecisionProofError, match="Gemm scores has float weights, which onnxruntime would"):
            audit(file, "mixed", "theirs.onnx")


def make_product(nodes, weights: np.ndarray) -> bytes:
    """A file that multiplies bytes by int8 weights, which `nodes` make from the stored ones: w to made."""
    return make_file(
        [
            *nodes,
            ("DequantizeLinear", ["made", "scale", "zero"], {}, "weights"),
            ("DequantizeLinear", ["image", "pixel", "black"], {}, "values"),
            ("MatMul", ["values", "weights"], {}, "sums"),
            ("QuantizeLinear", ["sums", "wide", "black"], {}, "bytes"),
            ("DequantizeLinear", ["bytes", "wide", "black"], {}, "scores"),
        ],
        w=weights,
    )


def make_file(nodes, **weights: np.ndarray) -> bytes:
    """A file that takes 8 bytes. `nodes`: operator, inputs, attributes and output of each; the last makes scores."""
    constants = {
        "pixel": np.float32(1 / 255),
        "scale": np.float32(0.01),
        "wide": np.float32(0.5),
        "zero": np.int8(0),
        "black": np.uint8(0),
        **weights,
    }
    graph = helper.make_graph(
        [helper.make_node(operator, inputs, [output], **fields) for operator, inputs, fields, output in nodes],
        "made by hand",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, [None, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


@pytest.fixture(scope="module")
def source(as_source):
    """A network with every operation that has weights. Many weights are equally large, the hardest case for a bound."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(3)
    image = keras.Input((28, 28, 1))
    x = layers.Conv2D(8, 5, strides=2, padding="same", activation="relu")(image)
    x = layers.Conv2D(8, 3, dilation_rate=2, activation="relu")(x)
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    x = layers.Dense(24, activation="relu")(layers.Flatten()(layers.MaxPooling2D(2)(x)))
    return as_source(keras.Model(image, layers.Dense(10, activation="softmax")(x)))


@pytest.fixture(scope="module")
def config():
    from edge_mnist_exporter.config import ConversionConfig

    return ConversionConfig


@pytest.mark.slow
@pytest.mark.parametrize("per_channel", [True, False])
def test_no_layer_can_saturate_and_each_uses_nearly_all_steps(per_channel, source, convert, config, drawn_images):
    file = convert(source, "onnx", "int8", drawn_images, config=config(per_channel=per_channel))
    assert not file.audit.can_saturate
    assert not file.engine.contract.can_saturate
    pairs = find_pairs(onnx.load_from_string(file.data))
    assert len(pairs) == sum(bool(layer.weights) for layer in source.keras_model.layers)
    for channels in pairs.values():
        assert channels.max() <= MAX_WEIGHT_PAIR
        assert channels.max() >= 0.9 * MAX_WEIGHT_PAIR


def find_pairs(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """The largest pair of each output channel by layer, computed independently of the exporter."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    makers = {output: node for node in model.graph.node for output in node.output}
    pairs = {}
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm", "MatMul"):
            weights = constants[makers[node.input[1]].input[0]].astype(int)
            transposed = node.op_type == "Conv" or any(field.name == "transB" and field.i for field in node.attribute)
            rows = weights.reshape(len(weights), -1) if transposed else weights.T
            pairs[node.name] = np.array(
                [max(sorted(sign * row)[-1] + max(sorted(sign * row)[-2], 0) for sign in (1, -1)) for row in rows]
            )
    return pairs


@pytest.mark.slow
def test_file_whose_weights_can_saturate_is_refused_by_layer_name(source, convert, config, drawn_images):
    from edge_mnist_exporter import conversion
    from edge_mnist_exporter.kinds import Kind

    file = convert(source, "onnx", "int8", drawn_images)
    model = onnx.load_from_string(file.data)
    makers = {output: node for node in model.graph.node for output in node.output}
    dense = [node for node in model.graph.node if node.op_type in ("Gemm", "MatMul")][-1]
    (stored,) = [tensor for tensor in model.graph.initializer if tensor.name == makers[dense.input[1]].input[0]]
    stored.CopyFrom(numpy_helper.from_array(np.full_like(numpy_helper.to_array(stored), 127), stored.name))
    kind = Kind("onnx", "int8", "uint8")
    request = conversion.make_request(source, drawn_images, kind, config())
    with pytest.raises(
        SaturationError, match=rf"two weights of {dense.op_type} {dense.name} sum to 254 steps, more than 128"
    ) as caught:
        conversion.prove(request, model.SerializeToString())
    assert caught.value.exit_code == 4
    allowed = replace(request, config=config(allow_saturation=True))
    assert conversion.prove(allowed, model.SerializeToString()).audit.can_saturate


@pytest.mark.slow
def test_allowed_saturation_is_recorded_in_the_file(source, convert, config, drawn_images):
    file = convert(source, "onnx", "int8", drawn_images, config=config(allow_saturation=True))
    assert file.audit.weight_pair.steps > 250
    assert file.audit.can_saturate
    assert file.engine.contract.can_saturate
    assert file.artifact(0.5).can_saturate


@pytest.mark.slow
def test_float_layers_keep_their_exact_weights(source, convert, config, drawn_images):
    from edge_mnist_exporter import conversion
    from edge_mnist_exporter.formats.onnx_files import conversion as onnx_conversion
    from edge_mnist_exporter.kinds import Kind

    first = next(layer for layer in source.keras_model.layers if layer.weights)
    kind, asked = Kind("onnx", "mixed", "float32"), config(float_layers=(first.name,))
    request = conversion.make_request(source, drawn_images, kind, asked)
    file = conversion.prove(request, onnx_conversion.to_mixed(request))
    assert not file.audit.can_saturate
    kernel = np.asarray(first.kernel).transpose(3, 2, 0, 1)
    stored = [numpy_helper.to_array(tensor) for tensor in onnx.load_from_string(file.data).graph.initializer]
    assert any(np.array_equal(values, kernel) for values in stored)


@pytest.mark.slow
def test_onnxruntime_keeps_the_weights_of_float_layers(source, convert, config, drawn_images, tmp_path):
    """It quantizes float weights to 8 bits when it loads them, where a dequantizer is before the layer."""
    from edge_mnist_exporter import conversion
    from edge_mnist_exporter.formats.onnx_files import conversion as onnx_conversion
    from edge_mnist_exporter.kinds import Kind

    hidden = [layer for layer in source.keras_model.layers if layer.weights][1::2]  # between int8 layers
    asked = config(float_layers=tuple(layer.name for layer in hidden))
    request = conversion.make_request(source, drawn_images, Kind("onnx", "mixed", "uint8"), asked)
    file = conversion.prove(request, onnx_conversion.to_mixed(request))
    settings = onnxruntime.SessionOptions()
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    settings.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    onnxruntime.InferenceSession(file.data, settings, providers=["CPUExecutionProvider"])
    loaded = [numpy_helper.to_array(tensor) for tensor in onnx.load(tmp_path / "loaded.onnx").graph.initializer]
    sizes = sorted(values.size for values in loaded if values.dtype == np.float32 and values.ndim > 1)
    assert sizes == sorted(math.prod(layer.weights[0].shape) for layer in hidden)


@pytest.mark.slow
def test_float_layer_does_not_share_weights_with_an_equal_int8_layer(as_source, convert, config, drawn_images):
    """tf2onnx stores equal weights once."""
    import keras
    from keras import layers

    from edge_mnist_exporter import conversion
    from edge_mnist_exporter.formats.onnx_files import conversion as onnx_conversion
    from edge_mnist_exporter.kinds import Kind

    keras.utils.set_random_seed(0)
    image = keras.Input((28, 28, 1))
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="first")(image)
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="one")(x)
    x = layers.Conv2D(6, 3, padding="same", activation="relu", name="twin")(x)
    x = layers.Flatten()(layers.MaxPooling2D(4)(x))
    model = keras.Model(image, layers.Dense(10, activation="softmax")(x))
    model.get_layer("twin").set_weights(model.get_layer("one").get_weights())
    kernel = np.asarray(model.get_layer("one").kernel).transpose(3, 2, 0, 1)
    asked = config(float_layers=("twin",))
    request = conversion.make_request(as_source(model), drawn_images, Kind("onnx", "mixed", "uint8"), asked)
    file = conversion.prove(request, onnx_conversion.to_mixed(request))
    assert not file.audit.can_saturate
    stored = [numpy_helper.to_array(tensor) for tensor in onnx.load_from_string(file.data).graph.initializer]
    assert any(values.dtype == np.float32 and np.array_equal(values, kernel) for values in stored)
    assert sum(values.dtype == np.int8 and values.ndim == 4 for values in stored) == 2
