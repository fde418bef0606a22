"""Classify pictures with a loaded model, one by one or in batches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import repeat
from struct import Struct
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from edge_mnist_runtime.acceptance import CERTAIN, find_highest, is_accepted, shows_two_digits
from edge_mnist_runtime.engines import Engine, run_in_batches
from edge_mnist_runtime.errors import InputError
from edge_mnist_runtime.inputs import NetworkInput, Picture, to_input
from edge_mnist_runtime.prediction import Prediction, Quality, explain_rejection, reject, reject_prediction
from edge_mnist_runtime.reading.modes import ReadingMode
from edge_mnist_runtime.tensor import TENSOR, fills_height_as_in_mnist

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_mnist_runtime.box import Box
    from edge_mnist_runtime.tensor import Pixels

Outcome: TypeAlias = "Prediction | InputError"

PROBABILITIES: Final = Struct("10f")

UNPACK: Final = PROBABILITIES.unpack
"""Unpacks ten probabilities from their bytes."""

SURE: Final = 0.9
"""Confidence below which the network looks again; `look_again_below` of the reading parameters, which this module does
not load. A test checks it."""

NO_PROBABILITIES: Final = np.empty((0, 10), np.float32)
"""The network's output for an empty batch."""

NO_QUALITIES: Final = repeat(None)
"""The qualities of tensors, which have none."""


class Predictor:
    """A loaded model with a reading mode and the acceptance rule. It can be pickled."""

    def __init__(self, engine: Engine, mode: ReadingMode, least_confidence: float) -> None:
        self._engine = engine
        self._mode = mode
        self._least_confidence = least_confidence
        # Confidence from which on `is_accepted` is always true, so that the call is skipped.
        self._certain = max(CERTAIN, self._least_confidence)

    def predict(self, picture: Picture) -> Prediction:
        """Classify one picture. It creates no arrays, because each would cost 0.3 us of a prediction's 14.

        Raises:
            InputError: The picture cannot be read.
        """
        tensor, quality, flaw, min_confidence, _ = to_input(picture, self._mode)
        if _is_uniform(tensor):
            return reject("blank", quality)
        prediction = _to_prediction(self._engine.run_bytes(tensor), quality)
        confidence = prediction.confidence
        if flaw and not confidence >= min_confidence:  # true for NaN
            return reject_prediction(self._look_again(prediction, tensor), flaw)
        return prediction if confidence >= self._certain else self._judge(prediction, tensor)  # not certain if NaN

    def predict_many(self, pictures: Iterable[Picture]) -> list[Outcome]:
        """Classify pictures, in order, in one call of the network.

        Returns:
            One prediction for each picture, or the error if it cannot be read.
        """
        return self.predict_located(pictures)[0]

    def predict_located(self, pictures: Iterable[Picture | InputError]) -> tuple[list[Outcome], list[Box | None]]:
        """Like `predict_many`, and also return the box of each digit. The error of a picture stays in its place.

        A box is in the upright picture's own pixels. It is None for tensors, and for pictures that are unreadable or
        without ink.
        """
        inputs: list[NetworkInput] = []
        errors: dict[int, InputError] = {}
        for index, picture in enumerate(pictures):
            if isinstance(picture, InputError):
                errors[index] = picture
                continue
            try:
                inputs.append(to_input(picture, self._mode))
            except InputError as error:
                errors[index] = error
        outcomes: list[Outcome] = [*self.predict_inputs(inputs)]
        boxes = [found.box for found in inputs]
        for index, failed in errors.items():  # in ascending order, so that each index is right
            outcomes.insert(index, failed)
            boxes.insert(index, None)
        return outcomes, boxes

    def predict_inputs(self, inputs: Sequence[NetworkInput]) -> list[Prediction]:
        """Classify pictures that `to_input` has read, in order, in one call of the network."""
        images = np.frombuffer(b"".join([found.tensor for found in inputs]), np.uint8).reshape(TENSOR)
        predictions = self.predict_tensors(images, [found.quality for found in inputs])
        return [*map(_weigh_flaw, predictions, inputs)]

    def predict_tensors(self, images: Pixels, qualities: Iterable[Quality | None] = NO_QUALITIES) -> list[Prediction]:
        """Classify tensors, uint8, shape (N, 28, 28, 1), with the qualities of their digits."""
        outputs = [*run_in_batches(self._engine, images)] or [NO_PROBABILITIES]
        probabilities = outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
        digits, highest = find_highest(probabilities)
        confidences = highest.tolist()
        columns = (digits.tolist(), confidences, _split_rows(probabilities), repeat(None), qualities)
        predictions = [*map(Prediction, *columns)]
        uniform = _find_uniform(images)
        for row, confidence in enumerate(confidences):
            if not (confidence >= self._certain or row in uniform):  # the first is false for NaN
                predictions[row] = self._judge(predictions[row], images[row].tobytes())
        for row in uniform:
            predictions[row] = reject("blank", predictions[row].quality)
        return predictions

    def _judge(self, prediction: Prediction, tensor: bytes) -> Prediction:
        """Look at a digit again if it is doubtful, and reject it if it stays so."""
        prediction = self._look_again(prediction, tensor)
        if prediction.accepted and is_accepted(prediction.confidence, tensor, self._least_confidence):
            return prediction
        return self._reject(prediction, tensor)

    def _reject(self, prediction: Prediction, tensor: bytes) -> Prediction:
        """Reject a prediction, with the reason."""
        if shows_two_digits(tensor):
            return reject_prediction(prediction, "several digits")
        return reject_prediction(prediction, explain_rejection(prediction.probabilities, self._least_confidence))

    def _look_again(self, prediction: Prediction, tensor: bytes) -> Prediction:
        """Read a doubtful digit a second time, smaller or in its place, and weigh both answers."""
        if not prediction.confidence < SURE:  # true for NaN
            return prediction
        if prediction.quality is not None:
            return self._look_at_smaller(prediction, tensor)
        if not self._least_confidence:  # any answer is accepted
            return prediction
        accepts = prediction.confidence >= self._least_confidence
        if self._mode in ("auto", "mnist") and not (accepts and fills_height_as_in_mnist(tensor)):
            return self._look_in_place(prediction, tensor)
        return prediction

    def _look_in_place(self, prediction: Prediction, tensor: bytes) -> Prediction:
        """Weigh a tensor's answer with that for the same digit, moved and scaled to the place of MNIST's.

        A small or moved digit must convince in the mean of both, or be sure in its place. Another tensor is only read
        again if it would be rejected.
        """
        from edge_mnist_runtime.reading.second_look import place_as_in_mnist  # seldom needed, so imported late

        placed = place_as_in_mnist(tensor)
        if placed is None or (prediction.confidence >= self._least_confidence and not placed.is_small):
            return prediction
        output = self._engine.run_bytes(placed.tensor)
        again = _to_prediction(output)
        if placed.is_small:
            prediction = _to_prediction(_geometric_mean(bytes(prediction.probabilities), output))
            if prediction.confidence >= placed.min_mean_confidence:
                return prediction
        if again.confidence >= placed.min_confidence:  # false for NaN
            return again
        return reject_prediction(prediction, "no digit") if placed.is_small else prediction

    def _look_at_smaller(self, prediction: Prediction, tensor: bytes) -> Prediction:
        """The mean of the answers for the digit of a picture and for the same digit, a little smaller."""
        from edge_mnist_runtime.reading.second_look import shrink_digit

        one, other = UNPACK(bytes(prediction.probabilities)), UNPACK(self._engine.run_bytes(shrink_digit(tensor)))
        mean = PROBABILITIES.pack(*((a + b) / 2 for a, b in zip(one, other, strict=True)))
        return _to_prediction(mean, prediction.quality)


def _to_prediction(output: bytes, quality: Quality | None = None) -> Prediction:
    probabilities = UNPACK(output)
    confidence = max(probabilities)
    return Prediction(probabilities.index(confidence), confidence, output, None, quality)


def _geometric_mean(one: bytes, other: bytes) -> bytes:
    """The normalised geometric mean of two networks' outputs: sure where both agree, or where one is sure."""
    products = [math.sqrt(a * b) for a, b in zip(UNPACK(one), UNPACK(other), strict=True)]
    total = sum(products)
    return PROBABILITIES.pack(*(product / total for product in products)) if total else one


def _weigh_flaw(prediction: Prediction, found: NetworkInput) -> Prediction:
    """Reject a prediction for the flaw of its picture, unless the network is sure, or there is no ink."""
    if not found.flaw or not prediction.confidence or prediction.confidence >= found.min_confidence:
        return prediction
    return reject_prediction(prediction, found.flaw)


def _find_uniform(images: Pixels) -> set[int]:
    """Indices of the images, uint8, shape (N, 28, 28, 1), whose pixels are all equal."""
    planes = images.reshape(-1, 784)
    # 16 pixels in the middle exclude nearly every digit. Compared as words of 8, they take a fifth of the time.
    first, middle = planes[:, :8].view(np.uint64)[:, 0], planes[:, 398:414].view("u8")
    likely = ((middle[:, 0] == first) & (middle[:, 1] == first)).nonzero()[0]
    return {row for row in likely.tolist() if _is_uniform(planes[row].tobytes())}


def _is_uniform(tensor: bytes) -> bool:
    """Whether all pixels are equal: black, or any other level."""
    return tensor == tensor[:1] * len(tensor)  # stops at the first pixel that differs


def _split_rows(probabilities: npt.NDArray[np.float32]) -> list[bytes]:
    """The bytes of each row, shape (N, 10). As items of 40 bytes 256 rows take 4 us; slices of `bytes` take 60 us."""
    return np.ascontiguousarray(probabilities).view("V40")[:, 0].tolist()  # type: ignore[no-any-return]
