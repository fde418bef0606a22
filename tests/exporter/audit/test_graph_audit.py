"""Audits of the reference models agree with independent ways to compute the same figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edge_mnist_exporter.audit.memory_plan import plan_memory

pytestmark = pytest.mark.slow

MODELS = ("edge", "nano", "micro", "robust")
FORMATS = ("tflite", "onnx")
PRECISIONS = ("fp32", "int8")


@pytest.fixture(scope="module")
def sources():
    from edge_mnist_exporter.source.source_model import load_source
    from edge_mnist_trainer.networks.reference_models import find_reference_model

    return {name: load_source(name, find_reference_model(name)) for name in MODELS}


@pytest.fixture(scope="module")
def converted(sources, convert, drawn_images):
    """Bytes by model, format and precision."""
    return {
        (name, format_name, precision): convert(sources[name], format_name, precision, drawn_images).data
        for name in MODELS
        for format_name in FORMATS
        for precision in PRECISIONS
    }


@pytest.fixture(scope="module")
def audits(converted):
    from edge_mnist_exporter import formats

    return {
        (name, format_name, precision): formats.FORMATS[format_name].audit(data, precision, f"{name}.{format_name}")
        for (name, format_name, precision), data in converted.items()
    }


def widening(sources, name):
    """Additional MACs and weight bytes of the widened stem of int8 ONNX, compared to the first convolution.

    Each row of a kernel becomes three cells of four pixels. There are four groups of filters (two for stride 2), each
    with its own weights and biases. Filters are padded to a multiple of four.
    """
    first = sources[name].keras_model.get_layer("conv1")
    filters, rows, groups = first.filters, first.kernel_size[0], 4 // first.strides[0]
    filled, positions, taps = pad_to_four(filters), first.output.shape[1] * first.output.shape[2], rows * rows
    macs = (rows * 12 * filled - taps * filters) * positions
    return macs, groups * rows * 12 * filled - taps * filters + 4 * (groups * filled - filters)


def filling(sources, name):
    """Additional MACs and weight bytes of the channels padded for onnxruntime's kernel, after the first convolution."""
    model = sources[name].keras_model
    first, *rest = (layer for layer in model.layers if layer.name.startswith("conv"))
    n_read, n_filled, macs, n_bytes = first.filters, pad_to_four(first.filters), 0, 0
    for layer in rest:
        filled, taps = max(16, pad_to_four(layer.filters)), layer.kernel_size[0] * layer.kernel_size[1]
        more = taps * (n_filled * filled - n_read * layer.filters)
        macs += more * layer.output.shape[1] * layer.output.shape[2]
        n_bytes += more + 4 * (filled - layer.filters)  # an int32 bias for each
        n_read, n_filled = layer.filters, filled
    more = 10 * (n_filled - n_read)
    return macs + more, n_bytes + more


def pad_to_four(channels):
    return -(-channels // 4) * 4


def count_poolings(sources, name):
    return sum(layer.name.startswith("pool") for layer in sources[name].keras_model.layers)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_macs_equal_those_of_the_keras_layers(name, format_name, precision, sources, audits):
    from edge_mnist_trainer.networks.size import measure_network

    expected = measure_network(sources[name].keras_model).macs
    if (format_name, precision) == ("onnx", "int8"):
        expected += widening(sources, name)[0] + filling(sources, name)[0]
    assert audits[name, format_name, precision].macs == expected


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("format_name", FORMATS)
def test_weight_bytes_equal_those_of_the_keras_layers(name, format_name, sources, audits):
    from edge_mnist_trainer.networks.size import measure_network

    expected = measure_network(sources[name].keras_model).int8_weights_bytes
    if format_name == "onnx":
        expected += widening(sources, name)[1] + filling(sources, name)[1]
    int8, fp32 = (audits[name, format_name, precision] for precision in ("int8", "fp32"))
    assert int8.weights_bytes == sum(int8.weight_dtypes.values()) == expected
    assert int8.weight_dtypes.keys() == {"int8", "int32"}
    layers = [layer for layer in sources[name].keras_model.layers if hasattr(layer, "kernel")]
    n_values = sum(int(np.prod(layer.kernel.shape)) + layer.output.shape[-1] for layer in layers)
    assert fp32.weight_dtypes == {"float32": 4 * n_values}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_arena_equals_that_of_litert(name, precision, converted):
    """LiteRT's arena shows its plan, because its reference kernels need no further memory beside convolutions.

    Unlike `plan_memory`'s defaults, LiteRT aligns to 64 bytes and keeps the input to the end.
    """
    from edge_mnist_exporter.formats.tflite_files.graph import read_tflite

    data = converted[name, "tflite", precision]
    graph = read_tflite(data, name).graph
    image, *others = graph.list_buffers()
    kept = replace(image, last_use=len(graph.operations) - 1)
    expected = plan_memory([kept, *others], alignment=64).arena_bytes
    interpreter = Interpreter(
        model_content=data, num_threads=1, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    names = {tensor.name for tensor in graph.activations}
    planned = [
        interpreter.tensor(tensor["index"])() for tensor in interpreter.get_tensor_details() if tensor["name"] in names
    ]
    spans = [(array.__array_interface__["data"][0], array.nbytes) for array in planned]
    extent = max(start + size for start, size in spans) - min(start for start, _ in spans)
    assert len(spans) == len(names) > 5
    assert -(-extent // 64) * 64 == expected


def test_arena_of_the_reference_model_holds_its_two_largest_neighbours(audits):
    """28 x 28 x 16 values and the 14 x 14 x 16 values that they are pooled to are in use at the same time."""
    assert audits["edge", "tflite", "fp32"].arena_bytes == 4 * (28 * 28 * 16 + 14 * 14 * 16)
    assert audits["edge", "tflite", "int8"].arena_bytes == 28 * 28 * 16 + 14 * 14 * 16
    # The widened stem needs the same values twice: as groups of filters, and as positions.
    assert audits["edge", "onnx", "int8"].arena_bytes == 2 * 28 * 28 * 16


@pytest.mark.parametrize("name", MODELS)
def test_audit_fuses_the_same_operations_as_onnxruntime(name, converted, audits, tmp_path):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "fused.onnx")
    options.log_severity_level = 4
    data = converted[name, "onnx", "int8"]
    onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    fused = onnx.load(tmp_path / "fused.onnx").graph
    assert not [node for node in fused.node if "Linear" in node.op_type and not node.op_type.startswith("QLinear")]
    n_stored = sum(tensor.data_type in (onnx.TensorProto.INT8, onnx.TensorProto.INT32) and bool(tensor.dims)
                   and not tensor.name.endswith("zero_point") for tensor in fused.initializer)  # fmt: skip
    n_activations = len(fused.input) + sum(len(node.output) for node in fused.node)
    assert audits[name, "onnx", "int8"].n_tensors == n_activations + n_stored


@pytest.mark.parametrize("name", MODELS)
def test_only_logits_and_probabilities_of_int8_onnx_are_float(name, audits):
    found = audits[name, "onnx", "int8"]
    assert len(found.float_tensors) == 2
    assert found.float_tensors[-1] == "probabilities"
    assert found.float_layers == ()


@pytest.mark.parametrize("name", MODELS)
def test_int8_tflite_has_no_float_tensor(name, sources, audits):
    found = audits[name, "tflite", "int8"]
    assert (found.float_tensors, found.float_layers) == ((), ())
    n_convolutions = sum(layer.name.startswith("conv") for layer in sources[name].keras_model.layers)
    expected = {"QUANTIZE": 2, "CONV_2D": n_convolutions, "MEAN": 1, "FULLY_CONNECTED": 1, "SOFTMAX": 1}
    poolings = count_poolings(sources, name)
    assert found.operators == expected | ({"MAX_POOL_2D": poolings} if poolings else {})


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("format_name", FORMATS)
def test_all_tensors_of_fp32_files_but_the_image_are_float(name, format_name, sources, audits):
    found = audits[name, format_name, "fp32"]
    assert found.n_tensors == len(found.float_tensors) + 1  # the image, in bytes
    assert len(found.float_layers) == sum(hasattr(layer, "kernel") for layer in sources[name].keras_model.layers)
    assert found.per_channel is None


def test_report_contains_the_audit_of_every_file(report):
    for artifact in report["artifacts"]:
        found = artifact["audit"]
        assert found["precision"] == artifact["precision"]
        assert found["weights_bytes"] == sum(found["weight_dtypes"].values()) < artifact["size_bytes"]
        assert found["inputs"][0]["dtype"] == "uint8"
        assert min(found["arena_bytes"], found["macs"], found["n_tensors"]) > 0


@pytest.mark.parametrize("format_name", FORMATS)
def test_products_of_activations_count_as_macs_but_not_as_layers(format_name, to_tflite, trace, audit):
    import keras
    from keras import layers

    image = keras.Input((6, 8), name="image")
    score = keras.ops.matmul(image, keras.ops.transpose(image, (0, 2, 1)))
    model = keras.Model(image, layers.Dense(7)(layers.Flatten()(score)))
    data = to_tflite(model, "fp32") if format_name == "tflite" else trace(model).SerializeToString()
    found = audit(data, "fp32", f"made-up.{format_name}")
    assert found.macs == 6 * 6 * 8 + 36 * 7
    assert len(found.float_layers) == 1


@pytest.mark.parametrize("format_name", FORMATS)
def test_macs_of_a_transposed_convolution_count_input_positions(format_name, to_tflite, trace, audit):
    import keras
    from keras import layers

    image = keras.Input((5, 6, 2), name="image")
    model = keras.Model(image, layers.Conv2DTranspose(4, 3, strides=2, padding="same")(image))
    data = to_tflite(model, "fp32") if format_name == "tflite" else trace(model).SerializeToString()
    assert audit(data, "fp32", f"made-up.{format_name}").macs == 5 * 6 * 2 * 3 * 3 * 4
