"""`DigitClassifier`, the main class: classify pictures of handwritten digits."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, Literal, cast, overload

import numpy as np

from edge_mnist_runtime.bundles.model_files import find_and_open, open_model, over_session, require_digits
from edge_mnist_runtime.bundles.opened import OpenedModel
from edge_mnist_runtime.engines import Engine
from edge_mnist_runtime.engines.options import Backend, EngineOptions, check_count
from edge_mnist_runtime.errors import InputError, UsageError
from edge_mnist_runtime.images.arrays import as_tensors
from edge_mnist_runtime.inputs import Picture, decode, read_any, require_many, to_pixels
from edge_mnist_runtime.prediction import Prediction
from edge_mnist_runtime.predictions import Outcome, Predictor
from edge_mnist_runtime.reading.modes import ReadingMode, find_tensors, require_mode
from edge_mnist_runtime.thresholds import LeastConfidence, check_least_confidence, find_threshold

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnxruntime

    from edge_mnist_runtime.bundles.signature import SignaturePolicy
    from edge_mnist_runtime.classifier_info import ClassifierInfo
    from edge_mnist_runtime.rows.reader import RowReading

__all__ = ["DigitClassifier", "Picture", "open_model", "read_any", "to_pixels"]

OnError = Literal["raise", "return"]
"""Whether the error of a picture that cannot be classified is raised, or returned in place of a prediction."""

CHUNK_PICTURES: Final = 16
"""Number of pictures read for one call of the network. The first result comes soon, and an image takes hardly longer
than in a batch of 64."""

POOL_CHUNK_PICTURES: Final = 64
"""The same number in child processes. It is larger, because each chunk costs two messages between processes."""


def _check_on_error(on_error: str) -> None:
    if on_error not in ("raise", "return"):
        raise UsageError(f"on_error must be raise or return, not {on_error!r}")


def _load_policy(
    key: str | os.PathLike[str] | None, min_version: int | None, session: object | None
) -> SignaturePolicy | None:
    if key is None:
        if min_version is not None:
            raise UsageError("`min_version` needs `require_signature`: only a signed version can be trusted")
        return None
    if session is not None:
        raise UsageError("require_signature: a session has no signature; name the bundle, or omit require_signature")
    from edge_mnist_runtime.bundles.signature import SignaturePolicy

    return SignaturePolicy.load(key, min_version=min_version)


class DigitClassifier:
    """Classify pictures of handwritten digits with one exported model.

    A classifier is safe to share between threads, and works in forked child processes. It can be pickled and copied,
    unless it uses the caller's session.

    Args:
        model: A bundle folder, an .onnx file, a .tflite file (extra `litert`), or the name of a model inside this
            package: `robust` (default), `edge`, `micro` or `nano`.
        mode: How pictures are read. `auto` (default) passes 28 x 28 tensors on, reads clean drawings like
            `mnist` and all other pictures like `photo`: uneven light, shadows, lined and squared paper, any pen. `raw`
            accepts only tensors. See `edge_mnist_runtime.reading.reader.read_picture`.
        least_confidence: The confidence below which predictions are rejected: a number from 0 to below 1, where 0
            accepts every answer; or `lenient`, `balanced` or `strict`, for which the export found the value at which at
            most 0.1, 0.25 or 1 % of the validation images are rejected. None (default) uses the file's own.
        backend: `onnxruntime`, `litert` or `auto`. None (default) takes a bundle's int8 ONNX file, else its mixed, fp16
            or fp32 one. `auto` loads every file of a bundle, drops those that do not give the recorded answers for its
            golden digits, and keeps the fastest on this machine; `info()` has the measurements. The suffix decides for
            a single file. The models inside this package are .onnx files, so `auto` has no choice there.
        threads: Number of threads that one call may use. A network of this size is fastest on one.
        spin: Whether idle threads busy-wait for a faster start. It has no effect with one thread.
        low_memory: Whether to save memory at the cost of speed.
        providers: onnxruntime's execution providers, such as `CPUExecutionProvider`, in order of preference.
        session: The caller's own onnxruntime session of an exported file. It brings its own model and options.
        require_signature: A PEM file of Ed25519 public keys (extra `sign`). `model` must be a bundle that one of them
            signed; it is loaded only if its signature is valid today. None (default) needs no signature.
        min_version: Lowest accepted version of a signed bundle, at least 1; protects from older bundles.
        preprocess: The old name of `mode`, taken until version 0.2.

    Raises:
        UsageError: `model` does not exist or is not a model, or an option is unknown or not supported; or the model
            does not record the threshold that `least_confidence` names.
        IntegrityError: The model or bundle is damaged, or was made for another preprocessing.
        SignatureError: The bundle is not signed as required.
        MissingExtraError: LiteRT or `cryptography` is needed and not installed.

    Example:
        >>> from edge_mnist_runtime import DigitClassifier
        >>> DigitClassifier().predict("digit.png").digit  # doctest: +SKIP
        7
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        mode: ReadingMode = "auto",
        least_confidence: LeastConfidence | None = None,
        backend: Backend | None = None,
        threads: int = 1,
        spin: bool = False,
        low_memory: bool = False,
        providers: Sequence[str] | None = None,
        session: onnxruntime.InferenceSession | None = None,
        require_signature: str | os.PathLike[str] | None = None,
        min_version: int | None = None,
        preprocess: ReadingMode | None = None,
    ) -> None:
        if preprocess is not None:
            warnings.warn("DigitClassifier(preprocess=...) is now mode=...", DeprecationWarning, stacklevel=2)
            mode = preprocess
        options = EngineOptions(threads, spin, low_memory, cast("tuple[str, ...]", providers or ()))
        self._mode, self._asked = require_mode(mode), least_confidence
        check_least_confidence(least_confidence)  # before the model is loaded
        policy = _load_policy(require_signature, min_version, session)
        if session is None:
            self._use(find_and_open(model, backend=backend, options=options, policy=policy))
        else:
            self._use(over_session(session, model, backend, options), callers=True)

    @classmethod
    def from_engine(
        cls, engine: Engine, *, mode: ReadingMode = "auto", least_confidence: LeastConfidence | None = None
    ) -> DigitClassifier:
        """Make a classifier from a loaded model."""
        classifier = cls.__new__(cls)
        classifier._mode, classifier._asked = require_mode(mode), least_confidence
        classifier._use(OpenedModel(engine, engine.contract.name), callers=True)
        return classifier

    def _use(self, opened: OpenedModel, *, callers: bool = False) -> None:
        self._opened, self._callers = opened, callers
        self._engine = require_digits(opened.engine, opened.file)
        contract = self._engine.contract
        self._least_confidence = find_threshold(
            self._asked,
            recorded=None if contract.is_foreign else contract.least_confidence,
            thresholds=contract.thresholds,
            origin=opened.file,
        )
        self._predictor = Predictor(self._engine, self._mode, self._least_confidence)

    @property
    def engine(self) -> Engine:
        """The loaded model."""
        return self._engine

    def info(self) -> ClassifierInfo:
        """Describe what is really used: model, back end, options, reading mode and confidence threshold."""
        from edge_mnist_runtime.classifier_info import describe_classifier

        return describe_classifier(self._opened, self._mode, self._least_confidence, callers=self._callers)

    def predict(self, picture: Picture) -> Prediction:
        """Classify one picture of one digit.

        Args:
            picture: A path, the bytes of a picture file, a binary file, a Pillow image, or an array of uint8, bool,
                other integers in 0..255, uint16, or floats in 0..1; see the table in `edge_mnist_runtime.inputs`. An
                array of shape (28, 28) or (28, 28, 1) with dark corners is a tensor: bright ink on black, as in MNIST.
                It goes to the network unchanged; only a background that is not black is taken away. Other arrays,
                (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), are read like picture files. With `mode="photo"` all arrays
                are read as pictures, with `"raw"` all 28 x 28 arrays are tensors.

        Returns:
            The most probable digit. It is None, with a `reason`, if the picture is blank, shows several digits or one
            that is cut off or too small, or if the network is not sure enough.

        Raises:
            InputError: The picture cannot be read; the message says why and where.
        """
        return self._predictor.predict(picture)

    @overload
    def predict_batch(
        self, pictures: Iterable[Picture] | npt.NDArray[np.generic], *, on_error: Literal["raise"] = "raise"
    ) -> list[Prediction]: ...

    @overload
    def predict_batch(
        self, pictures: Iterable[Picture] | npt.NDArray[np.generic], *, on_error: Literal["return"]
    ) -> list[Prediction | InputError]: ...

    def predict_batch(
        self, pictures: Iterable[Picture] | npt.NDArray[np.generic], *, on_error: OnError = "raise"
    ) -> list[Prediction] | list[Prediction | InputError]:
        """Classify many pictures, in order.

        Args:
            pictures: An iterable of inputs that `predict` accepts; or one array of shape (N, 28, 28), (N, 28, 28, 1) or
                (N, 784), of which each image is read as in `predict`.
            on_error: `raise` raises the first error. `return` returns the error of each picture that cannot be
                classified, in place of its prediction. (An array of another shape always raises.)

        Returns:
            One prediction for each picture, in input order; an empty list for no pictures.

        Raises:
            InputError: A picture cannot be classified; the message names its index.
            UsageError: `on_error` is neither `raise` nor `return`.
        """
        _check_on_error(on_error)
        if isinstance(pictures, np.ndarray):
            images = as_tensors(pictures)
            tensors = find_tensors(images, self._mode)
            if tensors is not None:
                return self._predictor.predict_tensors(tensors)
            pictures = [*images[..., 0]]
        return [*self.predict_stream(pictures, on_error=on_error)]

    def predict_stream(
        self, pictures: Iterable[Picture], *, on_error: OnError = "raise", processes: int = 1
    ) -> Iterator[Prediction | InputError]:
        """Classify a stream of pictures, in order and in bounded memory; yield results while pictures are still read.

        Args:
            pictures: An iterable of inputs that `predict` accepts. 16 are read ahead, with several processes a few
                hundred. (For a live source, call `predict` for each picture.)
            on_error: As for `predict_batch`.
            processes: Number of processes that read and classify, 1..256. 1 uses only the caller's process. Child
                processes need a classifier and pictures that can be pickled, such as paths. Where processes are not
                forked, as on Windows, guard the calling script with `if __name__ == "__main__":`.

        Yields:
            One prediction for each picture, in input order; with `on_error="return"` possibly an error.

        Raises:
            InputError: As `predict_batch`.
            UsageError: `on_error` or `processes` has an invalid value.
        """
        _check_on_error(on_error)
        check_count("processes", processes)
        return self._stream(iter(require_many(pictures)), on_error, processes)

    def _stream(
        self, pictures: Iterator[Picture], on_error: OnError, processes: int
    ) -> Iterator[Prediction | InputError]:
        size = CHUNK_PICTURES if processes == 1 else POOL_CHUNK_PICTURES
        chunks = iter(lambda: [*islice(pictures, size)], [])
        outcomes: Iterable[list[Outcome]] = map(self._predictor.predict_many, chunks)
        if processes > 1:
            from edge_mnist_runtime.prediction_pool import predict_chunks

            outcomes = predict_chunks(self._predictor, chunks, processes=processes)
        for index, outcome in enumerate(chain.from_iterable(outcomes)):
            if isinstance(outcome, InputError) and on_error == "raise":
                raise type(outcome)(f"item {index}: {outcome}") from outcome
            yield outcome

    def read_row(self, picture: Picture) -> RowReading:
        """Read one row of digits, such as a year, from left to right.

        Args:
            picture: As for `predict`, but never a tensor. It is always read like `mode="photo"`.

        Returns:
            Each digit with its box. There are no digits if the picture is blank or shows several rows; see `reason`.

        Raises:
            InputError: The picture cannot be read; the message says why and where.
        """
        from edge_mnist_runtime.rows.reader import read_row

        return read_row(decode(picture, in_detail=True), self._predictor.predict_tensors)
