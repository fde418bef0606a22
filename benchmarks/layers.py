"""Test which layers export to each format and precision: writes docs/results/layers.md.

    python -m benchmarks.layers [NAME ...]

Each network has one layer under test between layers that every format supports. It is trained for a few seconds on
drawn digits, then converted, proved and compared with Keras as by `edge-mnist export --auto-mixed`. With names, the
script prints only those rows and writes no page.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from edge_mnist_exporter.config import ConversionConfig
from edge_mnist_exporter.conversion import share_requests
from edge_mnist_exporter.gate_config import GateConfig
from edge_mnist_exporter.kinds import DTYPES_OF_KIND, Kind
from edge_mnist_exporter.mixed.auto_mixed import UnmadeFile, mix_failing, try_convert
from edge_mnist_exporter.source.source_model import SourceModel, load_source
from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.errors import ConversionError
from edge_mnist_trainer.augment.strokes import draw_digits

PAGE: Final = Path(__file__).parents[1] / "docs" / "results" / "layers.md"

COLUMNS: Final = (("tflite", "fp32"), ("tflite", "int8"), ("onnx", "fp32"), ("onnx", "int8"))

HEAD: Final = """# Layers

Which layers can be exported, by format and precision. Written by `benchmarks/layers.py`. Each row is a small network
with that layer, trained on drawn digits, then converted, proved and compared with Keras as by `edge-mnist export`.

| cell | meaning |
|---|---|
| yes | the file passes the gates |
| mixed | int8 lacks the layer or loses too much; `--auto-mixed` keeps the layers named in float |
| no | no file, with the reason |

These layers are int8 in both formats and have no row: convolutions, dense layers, pooling, padding,
BatchNormalization, ReLU and its variants, sums, products and concatenations.

Recurrent layers over at most 64 steps are unrolled, because no converter supports their loops in every format. Longer
loops go to the converters as they are, and most are refused. Unrolled ONNX files are large: the names of their
operations take more bytes than the weights.

| layer | TFLite fp32 | TFLite int8 | ONNX fp32 | ONNX int8 |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Case:
    """A layer under test and the network around it: one row of the table."""

    name: str
    build: Callable[[Any], Any]
    """Makes the layer, or a list of layers, from `keras.layers`."""
    shape: tuple[int, ...] = (28, 28, 1)
    """Shape of the network's input."""
    around: str = "conv"
    """Position of the layer: `conv`: between a convolution and a Flatten; `rows`: on the image's rows; `tokens`: as a
    residual branch after a dense layer on each row."""


def activation(name: str) -> Case:
    """Make the row of one of Keras's activations."""
    return Case(f"Activation {name}", lambda layers: layers.Activation(name))


ROWS: Final = (28, 28)

CASES: Final = (
    Case("LSTM", lambda layers: layers.LSTM(24), ROWS, "rows"),
    Case("GRU", lambda layers: layers.GRU(24), ROWS, "rows"),
    Case("SimpleRNN", lambda layers: layers.SimpleRNN(24), ROWS, "rows"),
    Case("Bidirectional LSTM", lambda layers: layers.Bidirectional(layers.LSTM(12)), ROWS, "rows"),
    Case("two LSTMs", lambda layers: [layers.LSTM(16, return_sequences=True), layers.LSTM(16)], ROWS, "rows"),
    Case("Conv1D on rows", lambda layers: [layers.Conv1D(16, 3), layers.GlobalMaxPooling1D()], ROWS, "rows"),
    Case("EinsumDense on rows", lambda layers: [layers.EinsumDense("abc,cd->abd", (28, 8))], ROWS, "rows"),
    Case("MultiHeadAttention", lambda layers: layers.MultiHeadAttention(2, 8), ROWS, "tokens"),
    Case("Attention", lambda layers: layers.Attention(), ROWS, "tokens"),
    *map(activation, ("gelu", "elu", "selu", "silu", "mish", "softsign", "hard_silu", "exponential")),
    Case("PReLU", lambda layers: layers.PReLU()),
    Case("ReLU with a threshold", lambda layers: layers.ReLU(threshold=0.1)),
    Case("LayerNormalization", lambda layers: layers.LayerNormalization()),
    Case("GroupNormalization", lambda layers: layers.GroupNormalization(2)),
    Case("RMSNormalization", lambda layers: layers.RMSNormalization()),
    Case("UnitNormalization", lambda layers: layers.UnitNormalization()),
    Case("Softmax between layers", lambda layers: layers.Softmax()),
    Case("Conv2DTranspose", lambda layers: layers.Conv2DTranspose(4, 3)),
    Case("UpSampling2D, bilinear", lambda layers: layers.UpSampling2D(interpolation="bilinear")),
)


def build(case: Case) -> Any:
    """Build the `keras.Model` around a layer."""
    import keras
    from keras import layers

    keras.backend.clear_session()  # so that the numbers in layer names start again
    keras.utils.set_random_seed(0)
    image = keras.Input(case.shape)
    made = case.build(layers)
    if case.around == "tokens":
        tokens = layers.Dense(16)(image)
        mixed = made([tokens, tokens]) if isinstance(made, layers.Attention) else made(tokens, tokens)
        x = layers.Flatten()(layers.Add()([tokens, mixed]))
    else:
        x = image if case.around == "rows" else layers.Conv2D(8, 3, strides=2)(image)
        for layer in made if isinstance(made, list) else [made]:
            x = layer(x)
        x = x if len(x.shape) == 2 else layers.Flatten()(x)
    return keras.Model(image, layers.Dense(10, activation="softmax")(x))


def train(case: Case, images: Any, labels: Any, folder: Path) -> SourceModel:
    """Train a network and load it as an export does."""
    import keras

    model = build(case)
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(images.reshape(-1, *case.shape) / np.float32(255), labels, batch_size=50, epochs=6, verbose=0)
    path = folder / "model.keras"
    model.save(path)
    return load_source("model", path)


def describe(source: SourceModel, kind: Kind, calibration: Any, judged: LabelledDigits) -> str:
    """Convert the network to one kind of file and describe the result: a cell of the table."""
    request = share_requests(source, calibration, ConversionConfig())
    try:
        file = try_convert(request(kind))
        mixing = mix_failing([file], request, judged, GateConfig())
    except ConversionError as error:
        return f"no: {shorten(str(error), source)}"
    if mixing.choices:
        reason = "" if isinstance(file, UnmadeFile) else " (int8 loses too much)"
        names = (re.sub(r"__\d+$", "", name) for name in mixing.choices[0].float_layers)
        return f"mixed: {', '.join(names)}{reason}"
    return "no: int8 and every mixture lose too much" if mixing.hopeless else "yes"


def shorten(message: str, source: SourceModel) -> str:
    """Cut an error message down to its reason."""
    return message.removeprefix(f"{source.origin}: ").replace("|", "/")[:120]


def make_row(case: Case, digits: LabelledDigits, judged: LabelledDigits) -> str:
    """Train and convert one network: a row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        source = train(case, digits.images, digits.labels, Path(folder))
        kinds = [Kind(name, precision, DTYPES_OF_KIND[name, precision][0]) for name, precision in COLUMNS]
        cells = [describe(source, kind, digits.images[:100], judged) for kind in kinds]
    return f"| {case.name} | {' | '.join(cells)} |"


def main(names: list[str]) -> None:
    """Make and print the rows; write the page if no names are given."""
    images, labels = draw_digits(100, seed=1)
    digits = LabelledDigits("drawn", "train", images, labels)
    judged = LabelledDigits("drawn", "search", *draw_digits(50, seed=2))
    rows = []
    for case in CASES:
        if names and case.name not in names:
            continue
        with chatter_silenced() as terminal:
            rows.append(make_row(case, digits, judged))
            print(rows[-1], file=terminal)
    if not names:
        PAGE.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
