"""`DigitClassifier`: pictures in, digits out."""

from __future__ import annotations

import os
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
from edge_mnist_runtime.reading.modes import ReadingMode, are_tensors, require_mode

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnxruntime

    from edge_mnist_runtime.classifier_info import ClassifierInfo
    from edge_mnist_runtime.rows.reader import RowReading

__all__ = ["DigitClassifier", "Picture", "open_model", "read_any", "to_pixels"]

OnError = Literal["raise", "return"]
"""What becomes of a picture that cannot be classified: its error is raised, or stands in its place."""


CHUNK_PICTURES: Final = 16
"""Pictures of a list or stream that are read before the network gets them, in one call: nobody waits long for the first
one, and an image takes hardly longer than in 64."""

POOL_CHUNK_PICTURES: Final = 64
"""The same where other processes read: each chunk costs a message there and one back."""


def _check_on_error(on_error: str) -> None:
    if on_error not in ("raise", "return"):
        raise UsageError(f"on_error must be raise or return, not {on_error!r}")


class DigitClassifier:
    """Reads handwritten digits with one exported model.

    One classifier may be used by many threads at once, and goes on working in forked children; it can be pickled and
    copied, unless it runs a session of the caller's.

    Args:
        model: A bundle folder, an .onnx file, a .tflite file (extra `litert`), or the name of a model inside this
            package: `robust`, the default, `edge` or `nano`.
        preprocess: How pictures are read. `auto`, the default, passes 28 x 28 tensors on, reads clean drawings as
            `mnist` does and all else as `photo` does: uneven light, shadows, lined and squared paper, any pen. `raw`
            takes nothing but tensors. See `edge_mnist_runtime.reading.reader.read_picture`.
        backend: `onnxruntime`, `litert`, or `auto`, which loads every file of a bundle, and keeps the one that is
            fastest on this machine of those that give its golden digits their recorded answers; `info()` says what was
            measured. None, the default: a bundle's int8 ONNX file, else its mixed, fp16 or fp32 one. A lone file's
            suffix decides, and the models inside this package are .onnx files: with these, `auto` has one choice.
        threads: Threads that one call may use. A net of this size is fastest on one.
        spin: Whether waiting threads burn their core for a faster start. It does nothing for one thread.
        low_memory: Whether memory goes before speed.
        providers: onnxruntime's execution providers, as `CPUExecutionProvider`, the preferred one first.
        session: An onnxruntime session of the caller's, over an exported file. It comes with its own model and options.

    Raises:
        UsageError: `model` does not exist or is no model, or an option is unknown or cannot be honoured.
        IntegrityError: The model or bundle is damaged, or was made for another preprocessing.
        MissingExtraError: LiteRT is needed and not installed.

    Example:
        >>> from edge_mnist_runtime import DigitClassifier
        >>> DigitClassifier().predict("digit.png").digit  # doctest: +SKIP
        7
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        preprocess: ReadingMode = "auto",
        backend: Backend | None = None,
        threads: int = 1,
        spin: bool = False,
        low_memory: bool = False,
        providers: Sequence[str] | None = None,
        session: onnxruntime.InferenceSession | None = None,
    ) -> None:
        options = EngineOptions(threads, spin, low_memory, cast("tuple[str, ...]", providers or ()))
        self._mode = require_mode(preprocess)
        if session is None:
            self._use(find_and_open(model, backend=backend, options=options))
        else:
            self._use(over_session(session, model, backend, options), callers=True)

    @classmethod
    def from_engine(cls, engine: Engine, *, preprocess: ReadingMode = "auto") -> DigitClassifier:
        """A classifier over a model that is loaded already."""
        classifier = cls.__new__(cls)
        classifier._mode = require_mode(preprocess)
        classifier._use(OpenedModel(engine, engine.contract.name), callers=True)
        return classifier

    def _use(self, opened: OpenedModel, *, callers: bool = False) -> None:
        self._opened, self._callers = opened, callers
        self._engine = require_digits(opened.engine, opened.file)
        self._predictor = Predictor(self._engine, self._mode)

    @property
    def engine(self) -> Engine:
        """The loaded model."""
        return self._engine

    def info(self) -> ClassifierInfo:
        """What is really used: model, back end, options, and how pictures are read."""
        from edge_mnist_runtime.classifier_info import describe_classifier

        return describe_classifier(self._opened, self._mode, callers=self._callers)

    def predict(self, picture: Picture) -> Prediction:
        """Classify one picture of one digit.

        Args:
            picture: A path, the bytes of a picture file, a binary file, a Pillow image, or an array of uint8, bool,
                other integers in 0..255, uint16, or floats in 0..1; `edge_mnist_runtime.inputs` has the table. An array
                of shape (28, 28) or (28, 28, 1) with dark corners is read as it is: bright ink on black, as in MNIST.
                Any other, (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), is a picture like those from files. (With
                `preprocess="photo"` each is; with `"raw"` any of 28 by 28 is read as it is.)

        Returns:
            The most probable digit; or none, with the reason, where the picture is blank, shows several digits or one
            that is cut off or too small, or where the network cannot tell.

        Raises:
            InputError: The picture cannot be read at all; the message says why and where.
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
            pictures: Whatever `predict` takes, from a list or any other iterable; or one array of shape (N, 28, 28),
                (N, 28, 28, 1) or (N, 784), each image of which is read as `predict` reads it.
            on_error: `return` gives, in place of a prediction, the error of a picture that cannot be classified;
                `raise` raises the first one. (An array of another shape is always refused.)

        Returns:
            One prediction a picture, in input order; an empty list for no pictures.

        Raises:
            InputError: One of them cannot be classified; the message names its index.
            UsageError: `on_error` is neither.
        """
        _check_on_error(on_error)
        if isinstance(pictures, np.ndarray):
            images = as_tensors(pictures)
            if are_tensors(images, self._mode):
                return self._predictor.predict_tensors(images)
            pictures = [*images[..., 0]]
        return [*self.predict_stream(pictures, on_error=on_error)]

    def predict_stream(
        self, pictures: Iterable[Picture], *, on_error: OnError = "raise", processes: int = 1
    ) -> Iterator[Prediction | InputError]:
        """Classify any number of pictures, in order, in bounded memory: results come while pictures are still read.

        Args:
            pictures: Whatever `predict` takes, from any iterable, of which 16 are read at a time, by several processes
                a few hundred. (Of a live source, give each to `predict`.)
            on_error: As for `predict_batch`.
            processes: Processes that read and classify, 1..256; 1: the caller's alone. Others get this classifier, and
                pictures that can be pickled, as paths can. What starts them must be guarded by `if __name__ ==
                "__main__":` where processes are not forked, as on Windows.

        Yields:
            One prediction a picture, in input order; with `on_error="return"` maybe an error.

        Raises:
            InputError: As `predict_batch`.
            UsageError: `on_error` or `processes` is not one of those named.
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
            picture: As `predict` takes, but never read as a tensor, and always as `preprocess="photo"` reads.

        Returns:
            Each digit with its place. None where the picture is blank or shows several rows: its `reason` says which.

        Raises:
            InputError: The picture cannot be read at all; the message says why and where.
        """
        from edge_mnist_runtime.rows.reader import read_row

        return read_row(decode(picture, in_detail=True), self._predictor.predict_tensors)
