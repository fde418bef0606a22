"""A small network in every precision, made by the converters directly, for audits to prove or refuse."""

from __future__ import annotations

import warnings

import numpy as np
import onnx
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from edge_mnist_exporter.formats.onnx_files.float_layers import guard_float_layers

SHAPE, CLASSES = (20, 24, 3), 7
"""Unlike those of digits, so that no test depends on digit shapes."""


@pytest.fixture(scope="session")
def keras_model():
    """A network with every operation of digit networks: stride, depthwise, residual, pooling, Dense."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    image = keras.Input(SHAPE, name="image")
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(image)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    y = layers.Conv2D(8, 1)(layers.DepthwiseConv2D(3, padding="same")(x))
    x = layers.MaxPooling2D(2)(layers.ReLU()(layers.Add()([x, y])))
    x = layers.Flatten()(layers.Conv2D(16, 3, padding="same", activation="relu")(x))
    x = layers.Dense(24, activation="relu")(x)
    model = keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x))
    rng = np.random.default_rng(0)
    for weight in model.weights:  # zero biases would be left out of the files
        weight.assign(weight + rng.uniform(0.01, 0.1, weight.shape))
    return model


@pytest.fixture(scope="session")
def calibration():
    return np.random.default_rng(0).random((20, *SHAPE), np.float32)


@pytest.fixture(scope="session")
def to_tflite(calibration):
    """Convert a Keras model with TensorFlow's own converter and explicit settings for each precision."""
    tf = pytest.importorskip("tensorflow")
    sets = {
        "int8": tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
        "int16x8": tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
    }

    def images():
        return ([image[None]] for image in calibration)

    def convert(model, precision, *, io="float32", **settings):
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        for setting, value in settings.items():
            setattr(converter, setting, value)
        if precision != "fp32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "fp16":
            converter.target_spec.supported_types = [tf.float16]
        if precision in ("int8", "int16x8", "mixed"):
            converter.representative_dataset = images
        if precision in sets:
            converter.target_spec.supported_ops = [sets[precision]]
        converter.inference_input_type = converter.inference_output_type = tf.dtypes.as_dtype(io)
        if precision != "mixed":
            return converter.convert()
        options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=["DEPTHWISE_CONV_2D"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of its own interpreter
            debugger = tf.lite.experimental.QuantizationDebugger(
                converter=converter, debug_dataset=images, debug_options=options
            )
            return debugger.get_nondebug_quantized_model()

    return convert


@pytest.fixture(scope="session")
def float_onnx(keras_model, trace):
    return trace(keras_model)


@pytest.fixture(scope="session")
def to_onnx(float_onnx, calibration, tmp_path_factory):
    """Convert the float ONNX model to a precision with onnxruntime's quantizer or by hand."""
    folder = tmp_path_factory.mktemp("onnx")
    onnx.save(float_onnx, folder / "float.onnx")
    quant_pre_process(folder / "float.onnx", folder / "prepared.onnx", skip_symbolic_shape=True)

    def convert(precision, *, activation=QuantType.QUInt8):
        if precision == "fp32":
            return float_onnx.SerializeToString()
        if precision == "fp16":
            return half_weights(float_onnx).SerializeToString()
        dense = [node.name for node in onnx.load(folder / "prepared.onnx").graph.node if node.op_type == "Gemm"]
        quantize_static(
            folder / "prepared.onnx",
            folder / "quantized.onnx",
            Reader(calibration),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=activation,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=dense[:1] if precision == "mixed" else [],
        )
        quantized = onnx.load(folder / "quantized.onnx")
        guard_float_layers(quantized.graph)
        return quantized.SerializeToString()

    return convert


class Reader(CalibrationDataReader):
    def __init__(self, images):
        self.batches = iter([{"image": images}])

    def get_next(self):
        return next(self.batches, None)


def half_weights(model):
    """A copy whose float weights are stored as float16, each with a Cast behind it."""
    copy = onnx.ModelProto.FromString(model.SerializeToString())
    casts = []
    for tensor in copy.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > 1:
            casts.append(onnx.helper.make_node("Cast", [f"{tensor.name}_half"], [tensor.name], to=1))
            tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}_half"))
    nodes = [*casts, *copy.graph.node]
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    onnx.checker.check_model(copy, full_check=True)
    return copy


@pytest.fixture(scope="session")
def float16_onnx(float_onnx):
    """Makes a fresh copy of the model with float16 weights."""
    return lambda: half_weights(float_onnx)


@pytest.fixture(scope="session")
def trace():
    """Convert a Keras model to float ONNX."""
    tf, tf2onnx = pytest.importorskip("tensorflow"), pytest.importorskip("tf2onnx")

    def convert(model):
        signature = (tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.float32, name="image"),)
        traced = tf.function(lambda image: {"scores": model(image, training=False)}, input_signature=signature)
        return tf2onnx.convert.from_function(traced, signature, opset=17)[0]

    return convert


@pytest.fixture(scope="session")
def files(keras_model, to_tflite, to_onnx):
    """A file of each precision, by format and precision."""
    precisions = ("fp32", "fp16", "int8", "mixed")
    tflite = {("tflite", name): to_tflite(keras_model, name) for name in (*precisions, "dynamic", "int16x8")}
    return {**tflite, **{("onnx", name): to_onnx(name) for name in precisions}}


@pytest.fixture(scope="session")
def audit():
    from edge_mnist_exporter.formats import FORMATS

    def run(data, precision, file_name, **expected):
        return FORMATS[file_name.rpartition(".")[2]].audit(data, precision, file_name, **expected)

    return run
