"""Fixtures of the exporter's tests: separate processes, the reference model, and its exported files."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edge_mnist_trainer.augment.strokes import draw_digits

if TYPE_CHECKING:
    from edge_mnist_exporter.config import ConversionConfig
    from edge_mnist_exporter.conversion import ExportedFile
    from edge_mnist_exporter.gate_config import GateConfig
    from edge_mnist_exporter.report.report import ExportRecord
    from edge_mnist_exporter.source.source_model import SourceModel
    from edge_mnist_runtime.dataset import LabelledDigits

Convert = Callable[..., "ExportedFile"]

AUDIT = {
    "precision": "int8",
    "operators": {"CONV_2D": 2, "SOFTMAX": 1},
    "n_tensors": 5,
    "float_tensors": ["probabilities"],
    "float_layers": [],
    "inputs": [{"name": "image", "dtype": "uint8", "shape": [1, 28, 28, 1], "scale": 1 / 255, "zero_point": 0}],
    "outputs": [{"name": "probabilities", "dtype": "uint8", "shape": [1, 3], "scale": 1 / 256, "zero_point": 0}],
    "weight_dtypes": {"int8": 900, "int32": 40},
    "weights_bytes": 940,
    "unpacked_weights_bytes": 0,
    "per_channel": True,
    "arena_bytes": 4320,
    "macs": 12_345,
    "weight_pair": {"steps": 128, "layer": "Conv conv1"},
}
"""The audit of a made-up file."""

REFERENCE_MODEL = Path(__file__).parents[2] / "trainer" / "edge_mnist_trainer" / "models" / "edge.keras"


@pytest.fixture(scope="session")
def reference_model() -> Path:
    """The path of the trained model in the trainer package."""
    return REFERENCE_MODEL


@pytest.fixture(scope="session")
def reference_source(reference_model: Path) -> SourceModel:
    """The reference model, loaded."""
    from edge_mnist_exporter.source.source_model import load_source

    return load_source("edge", reference_model)


@pytest.fixture(scope="session")
def as_source() -> Callable[[Any], SourceModel]:
    """Make a source from a `keras.Model` without a file; it maps grey images in 0..1 to ten probabilities."""
    from edge_mnist_exporter.source.source_model import SourceModel
    from edge_mnist_runtime.contract import DIGIT_LABELS, IMAGE_SHAPE, UNIT_RANGE

    def wrap(model: Any) -> SourceModel:
        shape = model.inputs[0].shape[1:]
        preprocess = "assumed" if shape == IMAGE_SHAPE else "none"
        return SourceModel("made-up", "made-up", "0" * 64, model, DIGIT_LABELS, shape, UNIT_RANGE, preprocess)

    return wrap


@pytest.fixture(scope="session")
def convert() -> Convert:
    """Convert, prove and load one file: `convert(source, "onnx", "int8", images, io="uint8", config=...)`."""
    from edge_mnist_exporter import conversion
    from edge_mnist_exporter.config import ConversionConfig as Config
    from edge_mnist_exporter.kinds import choose_kinds

    def run(
        source: SourceModel,
        format_name: str,
        precision: str,
        calibration: Any,
        *,
        io: str | None = None,
        config: ConversionConfig | None = None,
    ) -> ExportedFile:
        (kind,) = choose_kinds((precision,), (format_name,), io)
        return conversion.convert(conversion.make_request(source, calibration, kind, config or Config()))

    return run


@pytest.fixture(scope="session")
def drawn_images() -> Any:
    """A hundred digits that the project draws itself, uint8, (100, 28, 28, 1)."""
    return draw_digits(10, seed=0)[0]


@pytest.fixture(scope="session")
def draw_blobs() -> Callable[..., tuple[Any, Any]]:
    """Draw images that any network can classify: a bright blob on faint noise; position and colour give the class.

    `draw_blobs(image_shape, n_classes, n_images, seed=...)` gives images, uint8, shape (N, H, W, C), and labels.
    """

    def draw(image_shape: tuple[int, int, int], n_classes: int, n_images: int, *, seed: int) -> tuple[Any, Any]:
        height, width, channels = image_shape
        rng = np.random.default_rng(seed)
        side = math.ceil(math.sqrt(n_classes))
        labels = np.arange(n_images) % n_classes
        y, x = (labels // side + 0.5) * height / side, (labels % side + 0.5) * width / side
        rows, columns = np.mgrid[:height, :width] + 0.5
        jitter_y, jitter_x = rng.uniform(-0.5, 0.5, (2, n_images))
        squares = (rows - (y + jitter_y)[:, None, None]) ** 2 + (columns - (x + jitter_x)[:, None, None]) ** 2
        blobs = np.exp(-squares / (2 * (0.4 + 0.35 * height / side) ** 2))
        colours = np.random.default_rng(0).uniform(0.5, 1, (n_classes, channels))
        ink = 235 * blobs[..., None] * colours[labels][:, None, None, :]
        return (ink + rng.uniform(0, 20, (n_images, *image_shape))).astype(np.uint8), labels

    return draw


@pytest.fixture(scope="session")
def train_on() -> Callable[..., None]:
    """Train a `keras.Model` for a few steps: `train_on(model, values, labels, from_logits=False)`."""

    def train(model: Any, values: Any, labels: Any, *, from_logits: bool = False) -> None:
        import keras

        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits)
        optimizer = keras.optimizers.Adam(0.01)
        model.compile(optimizer, loss, jit_compile=False)
        optimizer.build(model.trainable_variables)  # otherwise TensorFlow traces the first step twice
        model.fit(values, labels, batch_size=64, epochs=math.ceil(48 * 64 / len(values)), verbose=0)

    return train


@pytest.fixture(scope="session")
def blob_model(draw_blobs: Any, train_on: Any) -> Any:
    """A trained `keras.Model` from colour images of 16 x 16 in 0..255 to five probabilities."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    image = keras.Input((16, 16, 3))
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.Rescaling(1 / 255)(image))
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu")(layers.MaxPooling2D(2)(x))
    x = layers.Dense(16, activation="relu")(layers.Flatten()(x))
    model = keras.Model(image, layers.Dense(5, activation="softmax")(x))
    images, labels = draw_blobs((16, 16, 3), 5, 256, seed=0)
    train_on(model, images.astype(np.float32), labels)
    return model


@pytest.fixture(scope="session")
def blob_file(blob_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`blob_model` as a .keras file."""
    path = tmp_path_factory.mktemp("blobs") / "blobs.keras"
    blob_model.save(path)
    return path


@pytest.fixture(scope="session")
def blob_source(blob_file: Path) -> SourceModel:
    """`blob_model`, loaded as a source."""
    from edge_mnist_exporter.source.source_model import load_source

    return load_source("blobs", blob_file)


@pytest.fixture(scope="session")
def blob_images(draw_blobs: Any) -> Any:
    """A hundred images that `blob_model` was not trained on."""
    return draw_blobs((16, 16, 3), 5, 100, seed=1)[0]


@pytest.fixture(scope="session")
def blob_calibration(draw_blobs: Any) -> Any:
    """Sixty calibration images for `blob_model`, with at least one pixel 0 and one 255."""
    images = draw_blobs((16, 16, 3), 5, 60, seed=2)[0]
    images[0, 0, 0], images[0, -1, -1] = 0, 255
    return images


@pytest.fixture(scope="session")
def report(reference_bundle: Path) -> dict[str, Any]:
    """report.json of the reference bundle."""
    return json.loads((reference_bundle / "report.json").read_text("utf-8"))


@pytest.fixture
def old_bundle(reference_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the reference bundle that an export can replace."""
    return Path(shutil.copytree(reference_bundle, tmp_path / "target" / "bundle"))


@pytest.fixture(scope="session")
def drawn_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with 700 drawn digits, which are faster than MNIST."""
    images, labels = draw_digits(70, seed=1)
    path = tmp_path_factory.mktemp("drawn") / "drawn.npz"
    np.savez(path, images=images, labels=labels)
    return path


@pytest.fixture
def small_old_bundle(tmp_path: Path) -> Path:
    """A tiny folder that looks like an older bundle, so that an export may replace it."""
    bundle = tmp_path / "target" / "bundle"
    bundle.mkdir(parents=True)
    (bundle / "old.tflite").write_bytes(b"a model")
    manifest = {"artifacts": [{"file": "old.tflite"}], "files": {}, "preprocess": {"version": 1}}
    (bundle / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return bundle


@pytest.fixture(scope="session")
def folder_hashes() -> Callable[[Path], dict[str, str]]:
    """SHA-256 of every file of a folder, by name."""

    def hashes(folder: Path) -> dict[str, str]:
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}

    return hashes


@pytest.fixture(scope="session")
def make_report() -> Callable[..., ExportRecord]:
    """Make an export report from known probabilities, without an export.

    Takes the evaluation images, Keras's probabilities, and those of each file by name. The two int8 files are compared.
    `labels` are the class names.
    """
    from edge_mnist_exporter.evaluate.evaluation import compare, measure_model
    from edge_mnist_exporter.evaluate.gates import judge
    from edge_mnist_exporter.evaluate.parity import measure_agreement, measure_int8_parity
    from edge_mnist_exporter.gate_config import GateConfig
    from edge_mnist_exporter.report.report import ArtifactReport, DatasetRecord, ExportRecord

    def make(
        digits: LabelledDigits,
        reference: Any,
        files: dict[str, Any],
        *,
        labels: tuple[str, ...],
        gates: GateConfig | None = None,
        notice: str | None = None,
    ) -> ExportRecord:
        figures = measure_model(reference, digits.labels)
        comparisons = {file: compare(found, reference, digits.labels) for file, found in files.items()}
        pair = [(file, files[file]) for suffix in ("tflite", "onnx") for file in files if f"_int8.{suffix}" in file]
        parity = measure_int8_parity(*pair, 1 / 256) if len(pair) == 2 else None
        return ExportRecord(
            name="model",
            labels=labels,
            source={"file": "model.keras", "sha256": "a" * 64, "parameters": 1234, "preprocess": "recorded"},
            dataset=DatasetRecord.describe(digits, len(labels), notice),
            calibration={"name": "drawn", "split": "train", "n": 5, "seed": 0, "indices_sha256": "b" * 64},
            reference=figures,
            artifacts=tuple(
                ArtifactReport(
                    file, file.split(".")[1], file.split("_")[1].split(".")[0], 12_345, "c" * 64, AUDIT, 0, comparison
                )
                for file, comparison in comparisons.items()
            ),
            agreement=measure_agreement({"keras": reference, **files}),
            int8_parity=parity,
            gates=judge(figures.top1, comparisons.items(), gates or GateConfig(), parity),
            versions={"python": "3.11.0"},
        )

    return make
