"""The networks, each defined once.

Every network takes `image`, float32, shape (N, 28, 28, 1), bright ink on black, in 0..1, and gives `probabilities`,
float32, shape (N, 10).
"""

from __future__ import annotations

from typing import Any, Final

EDGE_FILTERS: Final = (12, 20, 24, 28, 32)
"""Output channels of the five convolutions of `edge`."""


def build_edge() -> Any:
    """Build `edge`, the default: five 3x3 convolutions with BatchNorm, two max-poolings, one global average.

    The pooled global average in front of the only Dense layer keeps that layer at 330 parameters, where flattening
    would make it the largest of the network (Lin, Chen and Yan, "Network in Network", 2013).

    Returns:
        An uncompiled `keras.Model` named `edge`.
    """
    import keras
    from keras import layers

    image = keras.Input((28, 28, 1), name="image")
    x = image
    for index, filters in enumerate(EDGE_FILTERS):
        padding = "valid" if index == len(EDGE_FILTERS) - 1 else "same"
        x = layers.Conv2D(filters, 3, padding=padding, use_bias=False, name=f"conv{index + 1}")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"norm{index + 1}")(x)
        x = layers.ReLU(name=f"relu{index + 1}")(x)
        if index in (0, 2):
            x = layers.MaxPooling2D(2, name=f"pool{index + 1}")(x)
    x = layers.GlobalAveragePooling2D(name="average")(x)
    x = layers.Dense(10, activation="softmax", name="probabilities")(x)
    return keras.Model(image, x, name="edge")
