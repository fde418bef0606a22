"""Many pictures, answered in one call of the network, and packed for the way between processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from edge_mnist_runtime.acceptance import CERTAIN, accept_answers
from edge_mnist_runtime.arrays import TENSOR
from edge_mnist_runtime.engines import Engine, run_in_batches
from edge_mnist_runtime.errors import InputError
from edge_mnist_runtime.inputs import Picture, read_or_error
from edge_mnist_runtime.prediction import Prediction, Quality, judge_answer, reject
from edge_mnist_runtime.reading_mode import ReadingMode

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_mnist_runtime.preprocess import Pixels

Outcome: TypeAlias = "Prediction | InputError"

NO_ANSWERS: Final = np.empty((0, 10), np.float32)
"""What the network gives for no pictures at all."""


@dataclass(frozen=True)
class Answers:
    """What became of some pictures. Pickling an array for each would take longer than the network takes."""

    plain: npt.NDArray[np.float32]
    """Probabilities, shape (N, 10), of the pictures of which there is nothing else to say: tensors, accepted."""
    others: dict[int, Outcome]
    """What became of the others, by their places among all pictures."""

    def unpack(self) -> list[Outcome]:
        """What became of every picture, in order."""
        self.plain.setflags(write=False)  # here, because what was pickled is writable again
        accepted = map(Prediction, self.plain.argmax(1).tolist(), self.plain.max(1).tolist(), self.plain)
        if not self.others:
            return [*accepted]
        places = range(len(self.plain) + len(self.others))
        return [self.others[place] if place in self.others else next(accepted) for place in places]


class Answerer:
    """A network, with how pictures are read for it, and when its answers are accepted. It can be pickled."""

    def __init__(self, engine: Engine, mode: ReadingMode) -> None:
        self._engine = engine
        self._mode = mode
        self._least_confidence = engine.contract.least_confidence or 0.0
        self._certain = max(CERTAIN, self._least_confidence) if self._least_confidence else 0.0

    def answer(self, pictures: Sequence[Picture]) -> Answers:
        """Read some pictures, and have the network answer to all of them in one call."""
        tensors: list[bytes] = []
        places: list[int] = []
        qualities: dict[int, Quality | None] = {}
        others: dict[int, Outcome] = {}
        for place, picture in enumerate(pictures):
            found = read_or_error(picture, self._mode)
            if isinstance(found, bytes):
                tensors.append(found)
            elif isinstance(found, InputError):
                others[place] = found
                continue
            elif found.flaw:
                others[place] = reject(found.flaw, found.quality)
                continue
            else:
                tensors.append(found.pixels.tobytes())
                qualities[place] = found.quality
            places.append(place)
        images = np.frombuffer(b"".join(tensors), np.uint8).reshape(TENSOR)
        probabilities = np.concatenate([NO_ANSWERS, *run_in_batches(self._engine, images)])
        accepted = accept_answers(probabilities, images, self._least_confidence).tolist()
        rest = [row for row, place in enumerate(places) if place in qualities or not accepted[row]]
        if not rest:
            return Answers(probabilities, others)
        probabilities.setflags(write=False)
        for row in rest:
            others[places[row]] = self.judge(probabilities[row], images[row], qualities.get(places[row]))
        return Answers(np.delete(probabilities, rest, 0), others)

    def predict_tensors(self, images: Pixels, qualities: Sequence[Quality] | None = None) -> list[Prediction]:
        """Of images, uint8, shape (N, 28, 28, 1), and of how well each digit shows, where that is known."""
        predictions: list[Prediction] = []
        for probabilities in run_in_batches(self._engine, images):
            probabilities.setflags(write=False)
            start = len(predictions)
            read = images[start : start + len(probabilities)]
            if qualities is not None:
                predictions += map(self.judge, probabilities, read, qualities[start:])
                continue
            predictions += map(
                Prediction, probabilities.argmax(1).tolist(), probabilities.max(1).tolist(), probabilities
            )
            accepted = accept_answers(probabilities, read, self._least_confidence)
            for row in np.flatnonzero(~accepted).tolist():
                predictions[start + row] = self.judge(probabilities[row], read[row])
        return predictions

    def judge(
        self, probabilities: npt.NDArray[np.float32], pixels: Pixels, quality: Quality | None = None
    ) -> Prediction:
        """The prediction that probabilities, shape (10,), make of what the network read, 784 values."""
        digit = int(probabilities.argmax())
        confidence = probabilities.item(digit)
        if confidence < self._certain and not self._accepts(probabilities, pixels):
            reason = judge_answer(probabilities, pixels, self._least_confidence)
            return Prediction(None, confidence, probabilities, reason, quality)
        return Prediction(digit, confidence, probabilities, None, quality)

    def _accepts(self, probabilities: npt.NDArray[np.float32], pixels: Pixels) -> bool:
        return bool(accept_answers(probabilities[np.newaxis], pixels.reshape(TENSOR), self._least_confidence)[0])
