"""What a network makes of pictures, one by one or many in one call."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from struct import Struct
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from edge_mnist_runtime.acceptance import CERTAIN, accept_confidences, find_highest, is_accepted
from edge_mnist_runtime.engines import Engine, run_in_batches
from edge_mnist_runtime.errors import InputError
from edge_mnist_runtime.inputs import NetworkInput, Picture, to_input
from edge_mnist_runtime.prediction import Prediction, Quality, reject, reject_prediction
from edge_mnist_runtime.reading.modes import ReadingMode
from edge_mnist_runtime.tensor import TENSOR

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_mnist_runtime.tensor import Pixels

Outcome: TypeAlias = "Prediction | InputError"

UNPACK: Final = Struct("10f").unpack
"""Ten probabilities from their bytes."""

NO_PROBABILITIES: Final = np.empty((0, 10), np.float32)
"""What the network gives for no pictures at all."""

NO_QUALITIES: Final = repeat(None)
"""Of tensors, in which nothing was looked for."""


class Predictor:
    """A network, with how pictures are read for it, and when its answers are accepted. It can be pickled."""

    def __init__(self, engine: Engine, mode: ReadingMode) -> None:
        self._engine = engine
        self._mode = mode
        self._least_confidence = engine.contract.least_confidence
        # From here on `is_accepted` need not be called: it would say yes.
        self._certain = max(CERTAIN, self._least_confidence) if self._least_confidence else 0.0

    def predict(self, picture: Picture) -> Prediction:
        """Of one picture. No arrays are made, each of which would take 0.3 us of a prediction's 14.

        Raises:
            InputError: The picture cannot be read.
        """
        tensor, quality, flaw = to_input(picture, self._mode)
        if flaw:
            return reject(flaw, quality)
        answer = self._engine.run_bytes(tensor)
        probabilities = UNPACK(answer)
        confidence = max(probabilities)
        prediction = Prediction(probabilities.index(confidence), confidence, answer, None, quality)
        if confidence >= self._certain or is_accepted(confidence, tensor, self._least_confidence):  # never, of NaN
            return prediction
        return reject_prediction(prediction, np.frombuffer(tensor, np.uint8), self._least_confidence)

    def predict_many(self, pictures: Iterable[Picture]) -> list[Outcome]:
        """Of any pictures, in order, in one call of the network; of one that cannot be read its error."""
        inputs: list[NetworkInput] = []
        others: dict[int, Outcome] = {}
        for place, picture in enumerate(pictures):
            try:
                found = to_input(picture, self._mode)
            except InputError as error:
                others[place] = error
                continue
            if found.flaw:
                others[place] = reject(found.flaw, found.quality)
            else:
                inputs.append(found)
        images = np.frombuffer(b"".join([found.tensor for found in inputs]), np.uint8).reshape(TENSOR)
        outcomes: list[Outcome] = [*self.predict_tensors(images, [found.quality for found in inputs])]
        for place, outcome in others.items():  # in order, so that each finds its place
            outcomes.insert(place, outcome)
        return outcomes

    def predict_tensors(self, images: Pixels, qualities: Iterable[Quality | None] = NO_QUALITIES) -> list[Prediction]:
        """Of images, uint8, shape (N, 28, 28, 1), and of how well each digit shows."""
        answers = np.concatenate([*run_in_batches(self._engine, images)] or [NO_PROBABILITIES])
        digits, confidences = find_highest(answers)
        columns = (digits.tolist(), confidences.tolist(), _split_rows(answers), repeat(None), qualities)
        predictions = [*map(Prediction, *columns)]
        rejected = ~accept_confidences(confidences, images, self._least_confidence)
        for row in np.flatnonzero(rejected).tolist():
            predictions[row] = reject_prediction(predictions[row], images[row], self._least_confidence)
        return predictions


def _split_rows(answers: npt.NDArray[np.float32]) -> list[bytes]:
    """The bytes of each row, shape (N, 10): in 4 us of 256 rows, as items of 40 bytes; slices of `bytes` take 60."""
    return np.ascontiguousarray(answers).view("V40")[:, 0].tolist()  # type: ignore[no-any-return]
