"""A file is refused if one tensor or operation in it does not have the precision."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest

from edge_mnist_runtime.errors import PrecisionProofError

pytestmark = pytest.mark.slow


def test_convolution_without_a_result_quantizer_is_refused_as_int8(files, audit):
    """Without a quantizer for its result, no engine can compute it on bytes."""
    model = onnx.load_from_string(files["onnx", "int8"])
    last = [node for node in model.graph.node if node.op_type == "Conv"][-1]
    model.graph.node.append(onnx.helper.make_node("Softmax", [last.output[0]], ["tail"], axis=1))
    model.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("tail", 1, ["N", 16, 5, 6]))
    with pytest.raises(PrecisionProofError, match=f"Conv {last.name} computes in float"):
        audit(model.SerializeToString(), "int8", "made-up.onnx")


def test_bias_with_another_scale_is_refused_as_int8(files, audit, tmp_path):
    """onnxruntime computes such a convolution in float, although all its tensors are quantized."""
    model = onnx.load_from_string(files["onnx", "int8"])
    makers = {output: node for node in model.graph.node for output in node.output}
    conv = next(node for node in model.graph.node if node.op_type == "Conv" and len(node.input) == 3)
    scale = next(tensor for tensor in model.graph.initializer if tensor.name == makers[conv.input[2]].input[1])
    scale.CopyFrom(onnx.numpy_helper.from_array(2 * onnx.numpy_helper.to_array(scale), scale.name))
    with pytest.raises(PrecisionProofError, match=r"Conv \S+ computes in float"):
        audit(model.SerializeToString(), "int8", "made-up.onnx")
    assert count_kernels(files["onnx", "int8"], tmp_path)["Conv"] == 0
    assert count_kernels(model.SerializeToString(), tmp_path)["Conv"] == 1


def count_kernels(data: bytes, folder) -> Counter[str]:
    """Count the kernels that onnxruntime runs."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node)


def test_onnx_with_one_float32_weight_is_refused_as_fp16(float16_onnx, audit):
    model = float16_onnx()
    (cast,) = [node for node in model.graph.node if node.op_type == "Cast" and node.input[0].endswith("_half")][:1]
    (half,) = [tensor for tensor in model.graph.initializer if tensor.name == cast.input[0]]
    full = onnx.numpy_helper.to_array(half).astype(np.float32)
    half.CopyFrom(onnx.numpy_helper.from_array(full, half.name))
    with pytest.raises(PrecisionProofError, match=f"reads the float32 constant {half.name}"):
        audit(model.SerializeToString(), "fp16", "made-up.onnx")


def test_onnx_with_float16_arithmetic_is_refused_as_fp16(float16_onnx, audit):
    """fp16 files store weights as float16. Arithmetic in float16 is slow on most CPUs."""
    model = float16_onnx()
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    for node in [node for node in model.graph.node if node.op_type == "Cast" and node.input[0].endswith("_half")]:
        node.attribute[0].i = onnx.TensorProto.FLOAT16
    del model.graph.value_info[:]
    with pytest.raises(PrecisionProofError, match=r"computes \S+ as float16"):
        audit(model.SerializeToString(), "fp16", "made-up.onnx")


def rewrite(data, change):
    """The bytes of a TFLite file after a change to its content."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    change(model, model.subgraphs[0].tensors)
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_tflite_with_one_float32_kernel_is_refused_as_fp16(files, audit):
    def widen(model, tensors):
        half = next(tensor for tensor in tensors if tensor.type == 1 and len(tensor.shape) == 4)
        half.type = 0

    with pytest.raises(PrecisionProofError, match=r"CONV_2D \S+ has float32 weights"):
        audit(rewrite(files["tflite", "fp16"], widen), "fp16", "made-up.tflite")


def test_int16_activations_with_a_zero_point_are_refused(files, audit):
    def shift(model, tensors):
        shifted = next(tensor for tensor in tensors if tensor.type == 7 and len(tensor.shape) == 4)
        shifted.quantization.zeroPoint = np.array([5])

    with pytest.raises(PrecisionProofError, match=r"tensor \S+ has zero-point 5, not 0"):
        audit(rewrite(files["tflite", "int16x8"], shift), "int16x8", "made-up.tflite")


def test_float_input_with_another_reader_than_a_quantizer_is_refused_as_int8(files, audit):
    def read_it_elsewhere(model, tensors):
        graph = model.subgraphs[0]
        graph.operators[1].inputs = np.array([*graph.inputs, *graph.operators[1].inputs[1:]])

    with pytest.raises(PrecisionProofError, match=r"is float32, and \w+ computes with it"):
        audit(rewrite(files["tflite", "int8"], read_it_elsewhere), "int8", "made-up.tflite")


def test_nested_graph_is_refused(files, audit):
    def double(model, tensors):
        model.subgraphs.append(model.subgraphs[0])

    with pytest.raises(PrecisionProofError, match="holds 2 graphs"):
        audit(rewrite(files["tflite", "int8"], double), "int8", "made-up.tflite")
    model = onnx.load_from_string(files["onnx", "int8"])
    branch = onnx.helper.make_node("If", ["image"], ["either"], name="choice", then_branch=model.graph)
    model.graph.node.append(branch)
    with pytest.raises(PrecisionProofError, match="If choice holds a graph of its own"):
        audit(model.SerializeToString(), "int8", "made-up.onnx")
