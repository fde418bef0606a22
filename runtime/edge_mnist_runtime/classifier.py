"""`DigitClassifier`: pictures in, digits out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge_mnist_runtime.bundled_models import find_bundled
from edge_mnist_runtime.engines import MODEL_SUFFIXES, Engine, open_engine, run_in_batches
from edge_mnist_runtime.errors import (
    ContractError,
    InputDtypeError,
    InputError,
    InputShapeError,
    ManifestError,
    UsageError,
)
from edge_mnist_runtime.manifest import Manifest, read_proved
from edge_mnist_runtime.picture_definition import ReadingMode, require_mode
from edge_mnist_runtime.pictures import open_picture
from edge_mnist_runtime.preprocess import Pixels, is_mnist_shaped
from edge_mnist_runtime.reading import Reading, read_picture

Picture: TypeAlias = str | Path | bytes | Image.Image | npt.NDArray[np.uint8]
"""Whatever `DigitClassifier.predict` takes: a path, the bytes of a picture file, a Pillow image, or a uint8 array."""


PREFERRED_PRECISIONS: Final = ("int8", "mixed", "fp16", "fp32")
"""Which of a bundle's ONNX files is used: the first of these that it has."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the network makes of one picture."""

    digit: int
    """The most probable digit, 0..9."""
    confidence: float
    """Its probability, in 0..1."""
    probabilities: npt.NDArray[np.float32]
    """Of the ten digits, float32, shape (10,), read-only."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Prediction):
            return NotImplemented
        return np.array_equal(self.probabilities, other.probabilities)

    def __hash__(self) -> int:
        return hash(self.probabilities.tobytes())

    def to_dict(self) -> dict[str, Any]:
        """As the command line's JSON has it."""
        return {
            "digit": self.digit,
            "confidence": self.confidence,
            "probabilities": [float(probability) for probability in self.probabilities],
        }


class DigitClassifier:
    """Reads handwritten digits with one exported model.

    One classifier may be used by many threads at once.

    Args:
        model: A bundle folder, an .onnx file, a .tflite file (extra `litert`), or the name of a model inside this
            package: `robust`, the default, `edge` or `nano`. Of a bundle, its int8 ONNX file is used, else its mixed,
            fp16 or fp32 one.
        preprocess: How pictures are read. `auto`, the default, passes 28 x 28 tensors on, reads clean drawings as
            `mnist` does and all else as `photo` does: uneven light, shadows, lined and squared paper, any pen. `raw`
            takes nothing but tensors. See `edge_mnist_runtime.reading.read_picture`.
        threads: Threads that one call may use. A net of this size is fastest on one.

    Raises:
        UsageError: `model` does not exist or is no model, `preprocess` is none of the four, or `threads` is not in
            1..256.
        IntegrityError: The model or bundle is damaged, or was made for another preprocessing.
        MissingExtraError: A .tflite file was given and LiteRT is not installed.

    Example:
        >>> from edge_mnist_runtime import DigitClassifier
        >>> DigitClassifier().predict("digit.png").digit  # doctest: +SKIP
        7
    """

    def __init__(self, model: str | Path | None = None, *, preprocess: ReadingMode = "auto", threads: int = 1) -> None:
        self._mode = require_mode(preprocess)
        self._engine = _require_digits(open_model(model, threads=threads), str(model))

    @classmethod
    def from_engine(cls, engine: Engine, *, preprocess: ReadingMode = "auto") -> DigitClassifier:
        """A classifier over a model that is loaded already."""
        classifier = cls.__new__(cls)
        classifier._mode = require_mode(preprocess)
        classifier._engine = _require_digits(engine, engine.contract.name)
        return classifier

    @property
    def engine(self) -> Engine:
        """The loaded model."""
        return self._engine

    def predict(self, picture: Picture) -> Prediction:
        """Classify one picture of one digit.

        Args:
            picture: A path, the bytes of a picture file, a Pillow image, or a uint8 array. An array of shape (28, 28)
                or (28, 28, 1) with dark corners is read as it is: bright ink on black, as in MNIST. Any other, (H, W),
                (H, W, 1), (H, W, 3) or (H, W, 4), is a picture like those from files. (With `preprocess="photo"` each
                is; with `"raw"` any of 28 by 28 is read as it is.)

        Returns:
            The most probable digit. A picture that holds ink but no digit gets one too; a 28 x 28 array is not even
            asked whether it holds ink.

        Raises:
            InputError: The picture cannot be classified; the message says why and where.
        """
        return _prediction(self._engine.run(to_pixels(picture, self._mode).reshape(1, 28, 28, 1))[0])

    def predict_batch(self, pictures: Sequence[Picture] | Pixels) -> list[Prediction]:
        """Classify many pictures, in order.

        Args:
            pictures: A sequence of whatever `predict` takes, or one uint8 array of shape (N, 28, 28) or
                (N, 28, 28, 1), bright ink on black, which is read as it is.

        Returns:
            One prediction a picture, in input order; an empty list for no pictures.

        Raises:
            InputError: One of them cannot be classified; the message names its index.
        """
        predictions: list[Prediction] = []
        for probabilities in run_in_batches(self._engine, _as_batch(pictures, self._mode)):
            predictions += map(_prediction, probabilities)
        return predictions


def open_model(model: str | Path | None, *, threads: int = 1) -> Engine:
    """Load a bundle's preferred model, a lone model file, or a model inside this package.

    Raises:
        As `DigitClassifier` does.
    """
    if bundled := find_bundled(model):
        return open_engine(bundled.read_bytes(), file_name=bundled.name, threads=threads)
    path = Path(model or "")
    if path.is_dir():
        return _open_bundle(path, threads)
    if path.exists() and path.suffix not in MODEL_SUFFIXES:
        raise UsageError(f"{path}: not a model; expected a bundle folder or a file ending in .onnx or .tflite")
    try:
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise UsageError(f"{path}: cannot be opened ({getattr(error, 'strerror', None) or error})") from error
    return open_engine(data, file_name=str(path), threads=threads)


def _require_digits(engine: Engine, origin: str) -> Engine:
    contract = engine.contract
    if not contract.reads_digits:
        raise ContractError(
            f"{origin}: no digit classifier (images of {contract.image_shape}, {len(contract.labels)} classes); "
            "only `info`, `verify` and `open_model` take it"
        )
    return engine


def _open_bundle(folder: Path, threads: int) -> Engine:
    manifest = Manifest.load(folder)
    by_kind = {(artifact.format, artifact.precision): artifact for artifact in manifest.artifacts}
    for precision in PREFERRED_PRECISIONS:
        if artifact := by_kind.get(("onnx", precision)):
            path = folder / artifact.file
            return open_engine(read_proved(path, artifact.sha256), file_name=str(path), threads=threads)
    raise ManifestError(f"{folder}: the bundle holds no ONNX model; name one of its files instead")


def to_pixels(picture: Picture, mode: ReadingMode = "auto") -> Pixels:
    """The tensor, uint8, 784 values, that the network reads for `picture`; see `DigitClassifier.predict`.

    Raises:
        InputError: The picture cannot be turned into a tensor.
    """
    if isinstance(picture, np.ndarray):  # first and alone, because it costs a quarter of a prediction
        _require_pixels(picture)
        if mode != "photo" and _is_tensor(picture, mode):
            return picture
    return read_any(picture, mode).pixels


def read_any(picture: Picture, mode: ReadingMode = "auto") -> Reading:
    """As `to_pixels`, with what was done on the way.

    Raises:
        InputError: The picture cannot be turned into a tensor.
    """
    if isinstance(picture, np.ndarray):
        _require_pixels(picture)
        grey = picture[..., 0] if picture.shape[2:] == (1,) else picture
        return read_picture(Image.fromarray(grey), mode=mode, origin="array")
    if isinstance(picture, (str, Path)):
        return read_picture(open_picture(Path(picture), origin=str(picture)), mode=mode, origin=str(picture))
    if isinstance(picture, bytes):
        return read_picture(open_picture(picture, origin="bytes"), mode=mode, origin="bytes")
    if isinstance(picture, Image.Image):
        return read_picture(picture, mode=mode)
    raise InputError(f"cannot classify a {type(picture).__name__}; expected a path, bytes, a Pillow image or an array")


def _require_pixels(array: npt.NDArray[Any]) -> None:
    if array.dtype != np.uint8:
        raise InputDtypeError(f"array of dtype {array.dtype}; expected uint8 pixels, 0..255")
    shape = array.shape
    if not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))) or 0 in shape:
        raise InputShapeError(
            f"array of shape {shape}; expected (28, 28), or a picture of (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"
        )


def _is_tensor(array: Pixels, mode: ReadingMode) -> bool:
    if len(array.shape) == 3 and array.shape[2] != 1:
        return False
    return array.shape[:2] == (28, 28) if mode == "raw" else is_mnist_shaped(array)


def _as_batch(pictures: Sequence[Picture] | Pixels, mode: ReadingMode) -> Pixels:
    if isinstance(pictures, np.ndarray):
        if pictures.dtype != np.uint8:
            raise InputDtypeError(f"array of dtype {pictures.dtype}; expected uint8 pixels, 0..255")
        if pictures.shape[1:] not in ((28, 28), (28, 28, 1)):
            raise InputShapeError(
                f"array of shape {pictures.shape}; expected (N, 28, 28) or (N, 28, 28, 1); "
                "one picture goes to predict, several of other sizes go as a list"
            )
        return pictures.reshape(-1, 28, 28, 1)
    if isinstance(pictures, (str, bytes, Path, Image.Image)):
        raise InputError(f"a single {type(pictures).__name__}; expected a list of pictures, one goes to predict")
    return _stack(pictures, mode)


def _stack(pictures: Iterable[Picture], mode: ReadingMode) -> Pixels:
    rows = []
    for index, picture in enumerate(pictures):
        try:
            rows.append(to_pixels(picture, mode).reshape(28, 28, 1))
        except InputError as error:
            raise type(error)(f"item {index}: {error}") from error
    return np.stack(rows) if rows else np.empty((0, 28, 28, 1), np.uint8)


def _prediction(probabilities: npt.NDArray[np.float32]) -> Prediction:
    probabilities.flags.writeable = False
    digit = int(probabilities.argmax())
    return Prediction(digit, float(probabilities[digit]), probabilities)
