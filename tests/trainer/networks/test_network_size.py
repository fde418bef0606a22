"""The size of a network equals sums computed by hand."""

from __future__ import annotations

import pytest

from edge_mnist_trainer.networks.size import NetworkSize, measure_network

pytestmark = pytest.mark.slow


def model_of(*layers):
    import keras

    x = image = keras.Input((28, 28, 1))
    for layer in layers:
        x = layer(x)
    return keras.Model(image, x)


def test_dense_layer_counts_every_weight_once():
    from keras import layers

    # 784 x 10 kernel values, each used once; 10 biases of four bytes.
    expected = NetworkSize(layers=1, parameters=7850, macs=7840, int8_weights_bytes=7840 + 40)
    assert measure_network(model_of(layers.Flatten(), layers.Dense(10))) == expected


def test_convolution_counts_its_kernel_at_every_position():
    from keras import layers

    # 26 x 26 positions of a 3 x 3 x 1 x 4 kernel.
    expected = NetworkSize(layers=1, parameters=36 + 4, macs=26 * 26 * 36, int8_weights_bytes=36 + 16)
    assert measure_network(model_of(layers.Conv2D(4, 3))) == expected


def test_stride_and_padding_decide_the_number_of_positions():
    from keras import layers

    assert measure_network(model_of(layers.Conv2D(4, 3, strides=2, padding="same"))).macs == 14 * 14 * 36


def test_batchnorm_costs_nothing_on_a_device():
    from keras import layers

    # BatchNorm has 4 values a channel. Folding it adds a bias to the convolution.
    normalised = measure_network(model_of(layers.Conv2D(4, 3, use_bias=False), layers.BatchNormalization()))
    assert normalised == NetworkSize(layers=1, parameters=36 + 16, macs=26 * 26 * 36, int8_weights_bytes=36 + 16)


def test_depthwise_convolution_reads_each_channel_alone():
    from keras import layers

    # After 4 channels: a 3 x 3 x 4 x 2 kernel at 24 x 24 positions, 8 outputs.
    size = measure_network(model_of(layers.Conv2D(4, 3), layers.DepthwiseConv2D(3, depth_multiplier=2)))
    assert size == NetworkSize(
        layers=2,
        parameters=40 + 72 + 8,
        macs=26 * 26 * 36 + 24 * 24 * 72,
        int8_weights_bytes=36 + 16 + 72 + 32,
    )


def test_layers_without_weights_are_not_counted():
    from keras import layers

    size = measure_network(model_of(layers.MaxPooling2D(2), layers.ReLU(), layers.Dropout(0.5), layers.Flatten()))
    assert size == NetworkSize(layers=0, parameters=0, macs=0, int8_weights_bytes=0)
