"""Find and load the Keras model of an export, and bring it to the signature that converters expect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_exporter.config import SourceConfig
from edge_mnist_exporter.source.model_file import MODEL_SUFFIXES, find_suffix, read_model
from edge_mnist_exporter.source.saved_model import SAVED_MODEL_FILE
from edge_mnist_exporter.source.signature import fit_signature
from edge_mnist_runtime.contract import DIGIT_LABELS, IMAGE_SHAPE, InputRange, check_preprocess
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.paths import describe_missing, exists, is_file, is_folder
from edge_mnist_runtime.tensor import Pixels
from edge_mnist_runtime.thresholds import Thresholds
from edge_mnist_trainer.networks.reference_models import REFERENCE_MODELS, find_reference_model
from edge_mnist_trainer.run_folder import MODEL_FILE, newest_run, read_record_beside
from edge_mnist_trainer.run_record import RunRecord

EVALUATION_BATCH: Final = 1000


@dataclass(frozen=True)
class SourceModel:
    """A loaded Keras image classifier with K classes."""

    name: str
    """Name of the exported files: the name of the run folder, or the stem of the file."""
    origin: str
    """Path of the model, for messages and reports."""
    sha256: str
    """SHA-256 of the file; of a SavedModel, over its files."""
    keras_model: Any
    """A `keras.Model`: float32 (N, H, W, C) in `input_range` to probabilities float32 (N, K)."""
    labels: tuple[str, ...]
    """Names of the K classes, in output order."""
    image_shape: tuple[int, int, int]
    """Height, width and channels of one image."""
    input_range: InputRange
    """The mapping from pixel bytes to the network's input values."""
    preprocess: str
    """`recorded`: the training run recorded its preprocessing, and it equals this version's. `assumed`: there is no
    record. `none`: the model does not read digits."""
    notes: tuple[str, ...] = ()
    """Repairs made to load it, and changes to its signature."""
    least_confidence: float | None = None
    """Confidence in 0..1, chosen by the training run, below which predictions are rejected; None if none was chosen."""
    thresholds: Thresholds | None = None
    """The named thresholds that the run chose; None if it chose none."""

    @property
    def reads_digits(self) -> bool:
        """Whether its input is a digit image from the shared preprocessing."""
        return self.preprocess != "none"

    @property
    def input_quantization(self) -> tuple[float, int]:
        """Scale and zero-point for which an 8-bit input holds the pixel bytes unchanged.

        The zero-point is the mean rounded to a whole grey level.
        """
        return float(np.float32(1 / self.input_range.deviation[0])), math.floor(self.input_range.mean[0] + 0.5)

    def probabilities(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Predict probabilities, float32, shape (N, K), for images, uint8, shape (N, H, W, C)."""
        values = self.input_range.apply(images)
        result: npt.NDArray[np.float32] = self.keras_model.predict(values, batch_size=EVALUATION_BATCH, verbose=0)
        return result

    def build_bytes_model(self) -> Any:
        """Build the same network with the input scaling in front: a `keras.Model` for uint8 (N, H, W, C) in 0..255."""
        import keras

        image = keras.Input(self.image_shape, dtype="uint8", name="image")
        values = keras.ops.cast(image, "float32")
        if self.input_range.mean[0]:
            values = values - self.input_range.mean[0]
        return keras.Model(image, self.keras_model(values * (1 / self.input_range.deviation[0])))


def find_source(model: Path | None) -> tuple[str, Path]:
    """Find the model to export: `model`, else the newest run, else the reference model.

    Args:
        model: A .keras or .h5 file with any name, a SavedModel or run folder, or the name of a reference model. Files
            take precedence over reference models.

    Returns:
        The name for the exported files, and the path of the model.

    Raises:
        UsageError: `model` does not exist, or is none of these.
    """
    if model is None:
        model = newest_run()
        if model is None:
            return find_reference_model().stem, find_reference_model()
    if str(model) in REFERENCE_MODELS and not exists(model):
        return str(model), find_reference_model(str(model))
    if model.name == SAVED_MODEL_FILE and is_file(model):
        model = model.parent
    if is_folder(model):
        if is_file(model / SAVED_MODEL_FILE):
            return model.resolve().name, model
        if not is_file(model / MODEL_FILE):
            raise UsageError(
                f"{model}: neither a run folder (it holds no {MODEL_FILE}) nor a SavedModel (no {SAVED_MODEL_FILE})"
            )
        return model.resolve().name, model / MODEL_FILE
    if not is_file(model):
        raise UsageError(describe_missing(model, "file or run folder"))
    if model.suffix.lower() not in MODEL_SUFFIXES and find_suffix(model.read_bytes()) is None:
        raise UsageError(
            f"{model}: not a Keras model; expected a file ending in {', '.join(MODEL_SUFFIXES)}, a SavedModel or a run"
        )
    return model.stem, model


def load_source(name: str, path: Path, config: SourceConfig | None = None) -> SourceModel:
    """Load a Keras model and bring it to the signature that converters expect.

    Code inside the model does not run unless `config.unsafe` allows it.

    Raises:
        CorruptModelError: The file is no Keras model or a damaged one, or the record of its run is damaged.
        ContractError: The model was trained with another preprocessing.
        UnsupportedModelError: It is no image classifier, or needs code that may not run.
        UsageError: The labels are too few or too many, or the input range contradicts the model.
    """
    config = config or SourceConfig()
    record = read_record_beside(path)
    if record:
        check_preprocess(
            record.preprocess.version, record.preprocess.sha256, origin=str(path), remedy="train the model again"
        )
    loaded = read_model(path, unsafe=config.unsafe)
    fitted = fit_signature(loaded.keras_model, path, input_range=config.input_range)
    labels = config.labels or tuple(map(str, range(fitted.n_classes)))
    if len(labels) != fitted.n_classes:
        raise UsageError(f"{path}: has {fitted.n_classes} classes, but there are {len(labels)} labels")
    is_digits = (labels, fitted.image_shape) == (DIGIT_LABELS, IMAGE_SHAPE)
    return SourceModel(
        name=name,
        origin=str(path),
        sha256=loaded.sha256,
        keras_model=fitted.keras_model,
        labels=labels,
        image_shape=fitted.image_shape,
        input_range=fitted.input_range,
        preprocess=("recorded" if record else "assumed") if is_digits else "none",
        notes=(*loaded.notes, *fitted.notes),
        **(_recorded_thresholds(record) if is_digits else {}),
    )


def _recorded_thresholds(record: RunRecord | None) -> dict[str, Any]:
    """The thresholds of a run, by field of `SourceModel`."""
    acceptance = record.acceptance if record else None
    if acceptance is None or acceptance.least_confidence == 1:  # a model that is certain of every digit chose nothing
        return {}
    return {"least_confidence": acceptance.least_confidence, "thresholds": acceptance.thresholds}
