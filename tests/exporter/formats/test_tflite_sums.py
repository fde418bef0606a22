"""LiteRT adds int8 products exactly in 32 bits, where 16 bits would saturate, with and without XNNPACK."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.slow

SIDE, CHANNELS, FILTERS = 6, 16, 16


@pytest.fixture(scope="module")
def largest_sums() -> bytes:
    """Convolutions and a Dense layer with all weights 127 or -127; sums saturated at 16 bits would be half as large."""
    import keras
    import tensorflow as tf
    from keras import layers

    signs = np.where(np.arange(FILTERS) < FILTERS // 2, 1.0, -1.0).astype(np.float32)
    image = keras.Input((SIDE, SIDE, CHANNELS), batch_size=1)
    made = [
        layers.Conv2D(FILTERS, 3, use_bias=False, name="conv3"),
        layers.Conv2D(FILTERS, 1, use_bias=False, name="conv1"),
        layers.DepthwiseConv2D(3, use_bias=False, name="depthwise"),
    ]
    maps = [layers.GlobalAveragePooling2D()(layer(image)) for layer in made]
    dense = layers.Dense(FILTERS, use_bias=False, name="dense")
    model = keras.Model(image, [*maps, dense(layers.Flatten()(image))])
    for layer in (*made, dense):
        (kernel,) = layer.weights
        shape = (1, 1, CHANNELS, 1) if layer.name == "depthwise" else (FILTERS,)
        kernel.assign(np.broadcast_to(signs.reshape(shape), kernel.shape))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    ends = [np.full((1, SIDE, SIDE, CHANNELS), value, np.float32) for value in (0, 1)]
    converter.representative_dataset = lambda: ([end] for end in ends)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


@pytest.mark.parametrize("kernels", ["AUTO", "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "BUILTIN_REF"])
def test_largest_sums_are_exact(kernels, largest_sums):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = getattr(OpResolverType, kernels)
    interpreter = Interpreter(model_content=largest_sums, experimental_op_resolver_type=resolver, num_threads=1)
    interpreter.allocate_tensors()
    (image,) = interpreter.get_input_details()
    interpreter.set_tensor(image["index"], np.full(image["shape"], 127, np.int8))
    interpreter.invoke()
    sums = []
    for output in interpreter.get_output_details():
        scale, zero_point = output["quantization"]
        sums.append(scale * (interpreter.get_tensor(output["index"])[0].astype(int) - zero_point))
    expected = [9, CHANNELS, 9 * CHANNELS, 36 * CHANNELS]  # products of 1 and 1, or of 1 and -1
    for found, products in zip(sorted(sums, key=max), expected, strict=True):
        assert np.sort(found) == pytest.approx(np.repeat([-products, products], FILTERS // 2), rel=0.01)
