"""An audit proves exactly the precision that a file has."""

from __future__ import annotations

import itertools
from collections import Counter

import onnx
import pytest
from onnxruntime.quantization import QuantType

from edge_mnist_runtime.errors import PrecisionProofError

pytestmark = pytest.mark.slow

SHAPE, CLASSES = (20, 24, 3), 7

KERNELS = {"conv": 216, "depthwise": 72, "pointwise": 64, "wide": 1152, "hidden": 11520, "logits": 168}
"""Values in each kernel of the network of conftest.py, counted by hand."""

PLACES = {"conv": 10 * 12, "depthwise": 10 * 12, "pointwise": 10 * 12, "wide": 5 * 6, "hidden": 1, "logits": 1}
"""How often each kernel value is used."""

N_BIASES = 8 + 8 + 8 + 16 + 24 + 7
MACS = sum(KERNELS[name] * PLACES[name] for name in KERNELS)

TFLITE_PRECISIONS = ("fp32", "fp16", "dynamic", "int8", "int16x8", "mixed")
ONNX_PRECISIONS = ("fp32", "fp16", "int8", "mixed")


EXISTING = [("tflite", precision) for precision in TFLITE_PRECISIONS] + [
    ("onnx", precision) for precision in ONNX_PRECISIONS
]
WRONG = [
    (format_name, precision, claimed)
    for (format_name, precision), claimed in itertools.product(EXISTING, TFLITE_PRECISIONS)
    if precision != claimed
]


@pytest.mark.parametrize(("format_name", "precision"), EXISTING)
def test_precision_of_each_file_is_proved(format_name, precision, files, audit):
    found = audit(files[format_name, precision], precision, f"made-up.{format_name}")
    assert found.precision == precision
    assert found.macs == MACS
    (image,), (scores,) = found.inputs, found.outputs
    assert (image.dtype, image.shape[1:]) == ("float32", SHAPE)
    assert (scores.dtype, scores.shape[1:]) == ("float32", (CLASSES,))


@pytest.mark.parametrize(("format_name", "precision", "claimed"), WRONG)
def test_file_with_another_precision_than_claimed_is_refused(format_name, precision, claimed, files, audit):
    name = f"made-up_{claimed}.{format_name}"
    with pytest.raises(PrecisionProofError) as refused:
        audit(files[format_name, precision], claimed, name)
    message = str(refused.value)
    if format_name == "onnx" and claimed not in ONNX_PRECISIONS:
        assert message == f"{name}: ONNX files have no precision {claimed}"
        return
    assert message.startswith(f"{name}: ")
    assert message.endswith(f"so the file is not {claimed}")
    assert any(named in message for named in list_names(files[format_name, precision], format_name))


def list_names(data, format_name):
    """Names of a file's tensors and operations."""
    from edge_mnist_exporter.formats.tflite_files.graph import read_tflite

    if format_name == "tflite":
        return {tensor.name for tensor in read_tflite(data, "made-up").graph.tensors}
    graph = onnx.load_from_string(data).graph
    return {node.name for node in graph.node if node.name} | {tensor.name for tensor in graph.initializer}


@pytest.mark.parametrize(("format_name", "precision"), EXISTING)
def test_weights_have_the_expected_dtypes_and_sizes(format_name, precision, files, audit):
    n_kernel = sum(KERNELS.values())
    large = sum(n for n in KERNELS.values() if n >= 1024)
    expected = {
        ("tflite", "fp32"): {"float32": 4 * (n_kernel + N_BIASES)},
        ("tflite", "fp16"): {"float16": 2 * (n_kernel + N_BIASES)},
        ("tflite", "dynamic"): {"float32": 4 * (n_kernel - large + N_BIASES), "int8": large},
        ("tflite", "int8"): {"int8": n_kernel, "int32": 4 * N_BIASES},
        ("tflite", "int16x8"): {"int8": n_kernel, "int64": 8 * N_BIASES},
        ("tflite", "mixed"): {"int8": n_kernel - 72, "int32": 4 * (N_BIASES - 8), "float32": 4 * (72 + 8)},
        ("onnx", "fp32"): {"float32": 4 * (n_kernel + N_BIASES)},
        ("onnx", "fp16"): {"float16": 2 * (n_kernel + N_BIASES)},
        ("onnx", "int8"): {"int8": n_kernel, "int32": 4 * N_BIASES},
        ("onnx", "mixed"): {"int8": n_kernel - 11520, "int32": 4 * (N_BIASES - 24), "float32": 4 * (11520 + 24)},
    }[format_name, precision]
    found = audit(files[format_name, precision], precision, f"made-up.{format_name}")
    assert found.weight_dtypes == expected
    assert found.weights_bytes == sum(expected.values())


@pytest.mark.parametrize(("format_name", "precision"), EXISTING)
def test_per_channel_scales_are_found_in_quantized_files(format_name, precision, files, audit):
    found = audit(files[format_name, precision], precision, f"made-up.{format_name}")
    assert found.per_channel is (None if precision in ("fp32", "fp16") else True)


def test_per_tensor_and_per_channel_scales_are_told_apart(keras_model, to_tflite, audit):
    data = to_tflite(keras_model, "int8", _experimental_disable_per_channel=True)
    assert audit(data, "int8", "made-up.tflite").per_channel is False
    data = to_tflite(keras_model, "int8", _experimental_disable_per_channel_quantization_for_dense_layers=True)
    assert audit(data, "int8", "made-up.tflite").per_channel is True  # the convolutions


@pytest.mark.parametrize(("format_name", "precision"), EXISTING)
def test_audit_lists_the_layers_that_compute_in_float(format_name, precision, files, audit):
    n_layers = {"fp32": 6, "fp16": 6, "dynamic": 4, "int8": 0, "int16x8": 0, "mixed": 1}[precision]
    found = audit(files[format_name, precision], precision, f"made-up.{format_name}")
    assert len(found.float_layers) == n_layers
    assert set(found.float_layers) <= list_names(files[format_name, precision], format_name)


@pytest.mark.parametrize("format_name", ["tflite", "onnx"])
def test_unpacked_float16_weights_are_counted_beside_the_arena(format_name, files, audit):
    half = audit(files[format_name, "fp16"], "fp16", f"made-up.{format_name}")
    full = audit(files[format_name, "fp32"], "fp32", f"made-up.{format_name}")
    assert half.unpacked_weights_bytes == full.weights_bytes == 2 * half.weights_bytes
    assert (half.arena_bytes, full.unpacked_weights_bytes) == (full.arena_bytes, 0)


def test_operators_are_listed_in_the_order_of_first_appearance(files, audit):
    found = audit(files["tflite", "int8"], "int8", "made-up.tflite").operators
    assert list(found)[:3] == ["QUANTIZE", "CONV_2D", "DEPTHWISE_CONV_2D"]
    assert (found["CONV_2D"], found["FULLY_CONNECTED"], found["DEQUANTIZE"]) == (3, 2, 1)
    nodes = onnx.load_from_string(files["onnx", "int8"]).graph.node
    expected = Counter(node.op_type for node in nodes)
    assert audit(files["onnx", "int8"], "int8", "made-up.onnx").operators == expected


@pytest.mark.parametrize("io", ["uint8", "int8", "float32"])
def test_int8_file_may_have_8_bit_or_float_input(io, keras_model, to_tflite, audit):
    found = audit(to_tflite(keras_model, "int8", io=io), "int8", "made-up.tflite")
    assert (found.inputs[0].dtype, found.outputs[0].dtype) == (io, io)
    assert len(found.float_tensors) == (2 if io == "float32" else 0)
    zero_point = {"uint8": 0, "int8": -128, "float32": None}[io]
    assert (found.inputs[0].zero_point, found.outputs[0].zero_point) == (zero_point, zero_point)


def test_int16x8_file_may_have_int16_input(keras_model, to_tflite, audit):
    found = audit(to_tflite(keras_model, "int16x8", io="int16"), "int16x8", "made-up.tflite")
    assert (found.inputs[0].dtype, found.inputs[0].zero_point) == ("int16", 0)
    assert found.float_tensors == ()


@pytest.mark.parametrize(
    ("io", "reason"),
    [("float32", "input .* is float32, not bytes"), ("int8", "has scale .* and zero-point -128, not .* and 0")],
)
def test_unexpected_input_dtype_or_scale_is_refused(io, reason, keras_model, to_tflite, audit):
    data = to_tflite(keras_model, "int8", io=io)
    with pytest.raises(PrecisionProofError, match=reason):
        audit(data, "int8", "made-up.tflite", expected_input=(1 / 255, 0))


def test_any_expected_input_scale_can_be_checked(keras_model, to_tflite, audit):
    data = to_tflite(keras_model, "int8", io="int8")
    scale = audit(data, "int8", "made-up.tflite").inputs[0].scale
    assert audit(data, "int8", "made-up.tflite", expected_input=(scale, -128)).precision == "int8"
    with pytest.raises(PrecisionProofError, match="pixels would be misread"):
        audit(data, "int8", "made-up.tflite", expected_input=(1 / 127.5, -128))


def test_network_too_small_for_dynamic_range_is_refused(to_tflite, audit):
    import keras
    from keras import layers

    image = keras.Input(SHAPE)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3)(image))
    data = to_tflite(keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x)), "dynamic")
    with pytest.raises(PrecisionProofError, match=r"too small for it .* fewer than 1,024 .* has 216"):
        audit(data, "dynamic", "made-up.tflite")


def test_onnx_with_16_bit_activations_is_refused_as_int8(to_onnx, audit):
    with pytest.raises(PrecisionProofError, match=r"quantizes \S+ to uint16, so the file is not int8"):
        audit(to_onnx("int8", activation=QuantType.QUInt16), "int8", "made-up.onnx")
