"""A file is refused unless it has the precision in its name."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import quantize_dynamic

from edge_mnist_runtime.errors import PrecisionProofError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def prove():
    """Prove the precision of bytes as an export does; the suffix of the file name gives the format."""
    from edge_mnist_exporter.formats import FORMATS

    def run(data, precision, file_name):
        expected_input = (1 / 255, 0) if precision == "int8" else None
        return FORMATS[file_name.rpartition(".")[2]].audit(data, precision, file_name, expected_input=expected_input)

    return run


@pytest.fixture(scope="module")
def exported(reference_bundle):
    """The reference bundle's files by name."""
    return {path.name: path.read_bytes() for path in reference_bundle.glob("edge_*")}


@pytest.fixture(scope="module")
def converter(tf, reference_source, drawn_images):
    """Makes a TFLite converter of the reference model with TensorFlow's default quantization."""

    def make(*, calibrated: bool):
        made = tf.lite.TFLiteConverter.from_keras_model(reference_source.keras_model)
        made.optimizations = [tf.lite.Optimize.DEFAULT]
        if calibrated:
            made.representative_dataset = lambda: ([image[None] / np.float32(255)] for image in drawn_images)
        return made

    return make


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_exported_file_has_the_precision_in_its_name(prove, exported, precision, suffix):
    name = f"edge_{precision}.{suffix}"
    found = prove(exported[name], precision, name)
    (image,), (probabilities,) = found.inputs, found.outputs
    assert (image.name, image.dtype, image.shape[1:]) == ("image", "uint8", (28, 28, 1))
    assert (probabilities.name, probabilities.shape[1:]) == ("probabilities", (10,))


def test_float_tflite_is_refused_as_int8_by_tensor_name(prove, exported):
    with pytest.raises(PrecisionProofError, match=r"edge_int8.tflite: CAST \S+ computes with float32 \(tensor"):
        prove(exported["edge_fp32.tflite"], "int8", "edge_int8.tflite")


def test_float_onnx_is_refused_as_int8_by_tensor_name(prove, exported):
    with pytest.raises(PrecisionProofError, match=r"edge_int8.onnx: \w+ \S+ reads \S+"):
        prove(exported["edge_fp32.onnx"], "int8", "edge_int8.onnx")


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_int8_file_is_refused_as_fp32(prove, exported, suffix):
    with pytest.raises(PrecisionProofError, match="is not fp32"):
        prove(exported[f"edge_int8.{suffix}"], "fp32", f"edge_fp32.{suffix}")


def test_onnx_with_one_float_weight_is_refused_by_operation_name(prove, exported):
    model = onnx.load_from_string(exported["edge_int8.onnx"])
    values = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    makers = {output: node for node in model.graph.node for output in node.output}
    conv = [node for node in model.graph.node if node.op_type == "Conv"][2]
    stored, scale = (values[name] for name in makers[conv.input[1]].input[:2])
    weight = stored.astype(np.float32) * scale.reshape(-1, 1, 1, 1)
    model.graph.initializer.append(onnx.numpy_helper.from_array(weight, "float_weight"))
    conv.input[1] = "float_weight"
    onnx.checker.check_model(model, full_check=True)
    with pytest.raises(PrecisionProofError, match=f"{conv.name} reads the float32 constant float_weight"):
        prove(model.SerializeToString(), "int8", "edge_int8.onnx")


def test_onnx_with_one_float_activation_is_refused(prove, exported):
    model = onnx.load_from_string(exported["edge_int8.onnx"])
    makers = {output: node for node in model.graph.node for output in node.output}
    conv = [node for node in model.graph.node if node.op_type == "Conv"][2]
    quantizer = makers[makers[conv.input[0]].input[0]]
    conv.input[0] = quantizer.input[0]
    onnx.checker.check_model(model, full_check=True)
    with pytest.raises(PrecisionProofError, match=f"{conv.name} reads {quantizer.input[0]}, which is not quantized"):
        prove(model.SerializeToString(), "int8", "edge_int8.onnx")


def test_dynamically_quantized_onnx_is_refused_as_int8(prove, exported, tmp_path):
    (tmp_path / "float.onnx").write_bytes(exported["edge_fp32.onnx"])
    quantize_dynamic(tmp_path / "float.onnx", tmp_path / "dynamic.onnx")
    with pytest.raises(PrecisionProofError, match="is not int8"):
        prove((tmp_path / "dynamic.onnx").read_bytes(), "int8", "edge_int8.onnx")


def test_dynamic_range_tflite_is_refused_as_int8(prove, converter):
    with pytest.raises(PrecisionProofError, match=r"tensor \S+ is float32"):
        prove(converter(calibrated=False).convert(), "int8", "edge_int8.tflite")


def test_tflite_with_float_input_is_refused_if_bytes_are_expected(prove, converter):
    with pytest.raises(PrecisionProofError, match=r"input \S+ is float32, not bytes"):
        prove(converter(calibrated=True).convert(), "int8", "edge_int8.tflite")


def test_tflite_with_signed_input_is_refused_if_bytes_are_expected(prove, converter, tf):
    signed = converter(calibrated=True)
    signed.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    signed.inference_input_type = signed.inference_output_type = tf.int8
    with pytest.raises(PrecisionProofError, match=r"zero-point -128, not 0\.0039\d+ and 0"):
        prove(signed.convert(), "int8", "edge_int8.tflite")


def test_fp16_tflite_is_refused_as_fp32(prove, converter, tf):
    half = converter(calibrated=False)
    half.target_spec.supported_types = [tf.float16]
    with pytest.raises(PrecisionProofError, match=r"tensor \S+ is float16"):
        prove(half.convert(), "fp32", "edge_fp32.tflite")


def test_input_scale_from_dark_calibration_images_is_refused(convert, reference_source, drawn_images):
    """Without the black and white pixel that an export adds, TensorFlow's input scale is half as large."""
    with pytest.raises(PrecisionProofError, match="pixels would be misread; use more `calibration_samples`"):
        convert(reference_source, "tflite", "int8", drawn_images // 2)


def test_onnx_input_scale_does_not_depend_on_calibration_images(convert, reference_source, drawn_images):
    (image,) = convert(reference_source, "onnx", "int8", drawn_images // 2).engine.inputs
    assert (image.scale, image.zero_point) == (pytest.approx(1 / 255), 0)
