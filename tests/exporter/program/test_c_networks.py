"""Whole networks as Keras and TensorFlow's converter make them: the C program gives TFLite's reference scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_mnist_exporter.program.c_program import prove_c_program
from edge_mnist_trainer.networks.architectures import ARCHITECTURES

pytestmark = pytest.mark.slow

BASELINES = ["conv64-32", "conv32-64-64", "conv3-dense2", "dropout-augment", "custom"]


def make_mixed_network():
    """Every operator that the C program has, in one graph."""
    import keras
    from keras import layers

    image = keras.Input((28, 28, 1))
    x = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu6")(image)
    y = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(layers.ZeroPadding2D(1)(x))
    y = layers.AveragePooling2D(2)(layers.ReLU()(y))
    z = layers.MaxPooling2D(3, strides=2, padding="same")(layers.Conv2D(12, 1)(layers.ZeroPadding2D(1)(x)))
    x = layers.Concatenate()([layers.Add()([y, z]), z])
    x = layers.Dense(20, activation="relu")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(image, layers.Dense(10, activation="softmax")(x))


@pytest.mark.parametrize("name", [*BASELINES, "mixed"])
def test_c_program_of_a_network_gives_the_reference_scores(name, as_source, convert, drawn_images, compiler):
    import keras

    keras.utils.set_random_seed(3)
    network = make_mixed_network() if name == "mixed" else ARCHITECTURES[name].build()
    source = replace(as_source(network), name="network")
    program = convert(source, "c", "int8", drawn_images).c_program
    noise = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 1), dtype=np.uint8)
    images = np.concatenate([drawn_images[::5], noise])
    report = prove_c_program(program, images, program.kernels.run_stored(images))
    assert report.compiler == compiler.version
    assert report.differing == 0
    assert report.arena_bytes == program.source.arena_bytes
