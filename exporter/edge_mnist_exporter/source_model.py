"""The Keras model that an export starts from: found, loaded in safe mode, and checked against the tensor contract."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import zipfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.contract import IMAGE_SHAPE, check_preprocess
from edge_mnist_runtime.errors import CorruptModelError, UnsupportedModelError, UsageError, first_line
from edge_mnist_runtime.preprocess import Pixels
from edge_mnist_trainer.run_folder import MODEL_FILE, RECORD_FILE, newest_run

REFERENCE_MODELS: Final = ("edge", "nano", "robust")
"""The trained models inside the trainer package; the first is used where nothing else is there."""

EVALUATION_BATCH: Final = 1000


@dataclass(frozen=True)
class SourceModel:
    """A loaded Keras model that follows the tensor contract."""

    name: str
    """Names the exported files: the run's folder name, or the file's stem."""
    origin: str
    """Where it is from, as shown to people."""
    sha256: str
    """SHA-256 of the .keras file."""
    keras_model: Any
    """A `keras.Model`: float32 (N, 28, 28, 1) in 0..1 to probabilities float32 (N, 10)."""
    preprocess: str
    """`recorded` by the run that trained it and compared with this version's, or `assumed` to be this version's."""

    def probabilities(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Probabilities, float32, shape (N, 10), of images, uint8, shape (N, 28, 28, 1)."""
        predict = self.keras_model.predict
        result: npt.NDArray[np.float32] = predict(images / np.float32(255), batch_size=EVALUATION_BATCH, verbose=0)
        return result

    def build_bytes_model(self) -> Any:
        """The same network with the scaling in front: a `keras.Model` from uint8 (N, 28, 28, 1) in 0..255."""
        import keras

        image = keras.Input(IMAGE_SHAPE, dtype="uint8", name="image")
        return keras.Model(image, self.keras_model(keras.ops.cast(image, "float32") * (1 / 255)))


def find_reference_model(name: str = REFERENCE_MODELS[0]) -> Path:
    """Path of a trained model inside the trainer package."""
    return Path(str(resources.files("edge_mnist_trainer") / "models" / f"{name}.keras"))


def find_source(model: Path | None) -> tuple[str, Path]:
    """Decide what to export: `model`, else the newest run, else the reference model.

    Args:
        model: A .keras file, a run folder, or the name of a reference model where no file has that name.

    Returns:
        The name that the exported files will bear, and the path of the .keras file.

    Raises:
        UsageError: `model` does not exist, or is neither a .keras file nor a run folder.
    """
    if model is None:
        model = newest_run()
        if model is None:
            return find_reference_model().stem, find_reference_model()
    if str(model) in REFERENCE_MODELS and not model.exists():
        return str(model), find_reference_model(str(model))
    if model.is_dir():
        if not (model / MODEL_FILE).is_file():
            raise UsageError(f"{model}: no run folder (it holds no {MODEL_FILE}); name a run or a .keras file")
        return model.resolve().name, model / MODEL_FILE
    if not model.is_file():
        raise UsageError(f"{model}: no such file or run folder")
    if model.suffix != ".keras":
        raise UsageError(f"{model}: not a Keras model; expected a file ending in .keras, or a run folder")
    return model.stem, model


def load_source(name: str, path: Path) -> SourceModel:
    """Load a .keras file (in safe mode: no code inside it is run) and check it against the tensor contract.

    Raises:
        CorruptModelError: The file is no Keras model, or a damaged one.
        UnsupportedModelError: Its inputs, outputs or weights break the contract.
    """
    import keras

    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be opened ({error.strerror or error})") from error
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise CorruptModelError(f"{path}: not a .keras file, or a damaged one (no zip archive); save the model again")
    preprocess = _check_recorded_preprocess(path)
    with tempfile.TemporaryDirectory() as folder:
        # These bytes and no others: a training run may replace the file between hashing and loading.
        copy = Path(folder) / "model.keras"
        copy.write_bytes(data)
        try:
            keras_model = keras.models.load_model(copy, compile=False, safe_mode=True)
        except Exception as error:  # keras raises ValueError, KeyError, OSError, TypeError, ...
            raise CorruptModelError(f"{path}: Keras cannot load this model ({first_line(error)})") from error
    _check_contract(keras_model, path)
    return SourceModel(name, str(path), hashlib.sha256(data).hexdigest(), keras_model, preprocess)


def _check_recorded_preprocess(path: Path) -> str:
    """Compare the preprocessing that a model was trained with, where its run recorded it, with this version's.

    Returns:
        `recorded`, or `assumed` where there is no record: a lone .keras file says nothing of its pixels.

    Raises:
        ContractError: The model was trained with another preprocessing.
    """
    record = path.with_name(RECORD_FILE) if path.name == MODEL_FILE else path.with_suffix(".json")
    try:
        preprocess = json.loads(record.read_text("utf-8"))["preprocess"]
        version, sha256 = preprocess["version"], preprocess["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return "assumed"
    check_preprocess(version, sha256, origin=str(path), remedy="train the model again")
    return "recorded"


def _check_contract(keras_model: Any, path: Path) -> None:
    try:
        inputs, outputs = keras_model.inputs, keras_model.outputs
    except AttributeError:
        raise UnsupportedModelError(
            f"{path}: has no defined input shape; build it with keras.Input((28, 28, 1)) and save it again"
        ) from None
    found = [tuple(tensor.shape) for tensor in (*inputs, *outputs)]
    if len(inputs) != 1 or len(outputs) != 1 or found != [(None, *IMAGE_SHAPE), (None, 10)]:
        raise UnsupportedModelError(
            f"{path}: maps {[tuple(t.shape) for t in inputs]} to {[tuple(t.shape) for t in outputs]}; "
            "expected one input (None, 28, 28, 1) and one output (None, 10)"
        )
    for weight in keras_model.weights:
        if not np.isfinite(np.asarray(weight)).all():
            raise UnsupportedModelError(f"{path}: weight {weight.path} holds NaN or infinity; train the model again")
    grey = np.full((1, *IMAGE_SHAPE), 0.5, np.float32)
    total = float(np.asarray(keras_model(grey, training=False)).sum())
    if not abs(total - 1) < 1e-3:
        raise UnsupportedModelError(
            f"{path}: its ten outputs sum to {total:.3g} where probabilities sum to 1; end the model with a softmax"
        )
