"""Many pictures, answered in one call of the network, and packed for the way between processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from struct import Struct
from typing import TYPE_CHECKING, Final, TypeAlias, cast

import numpy as np

from edge_mnist_runtime.acceptance import CERTAIN, accept_confidences, find_highest, is_accepted
from edge_mnist_runtime.engines import Engine, run_in_batches
from edge_mnist_runtime.errors import InputError
from edge_mnist_runtime.inputs import Picture, read_or_error
from edge_mnist_runtime.prediction import Prediction, Quality, judge_answer, reject
from edge_mnist_runtime.reading.modes import ReadingMode
from edge_mnist_runtime.tensor import TENSOR

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_mnist_runtime.reading.reader import Reading
    from edge_mnist_runtime.tensor import Pixels

Outcome: TypeAlias = "Prediction | InputError"

UNPACK: Final = Struct("10f").unpack
"""Ten probabilities from their bytes."""

ROW_BYTES: Final = "V40"
"""Ten probabilities as bytes, in NumPy's words."""

NO_ANSWERS: Final = np.empty((0, 10), np.float32)
"""What the network gives for no pictures at all."""


@dataclass(frozen=True)
class Answers:
    """What became of some pictures. Pickling an array for each would take longer than the network takes."""

    plain: npt.NDArray[np.float32]
    """Probabilities, shape (N, 10), of the pictures of which there is nothing else to say: tensors, accepted."""
    digits: npt.NDArray[np.intp]
    """The likeliest digit of each, shape (N,)."""
    confidences: npt.NDArray[np.float32]
    """Its probability, shape (N,)."""
    others: dict[int, Outcome]
    """What became of the others, by their places among all pictures, in order."""

    def unpack(self) -> list[Outcome]:
        """What became of every picture, in order."""
        rows = np.ascontiguousarray(self.plain).view(ROW_BYTES)[:, 0].tolist()
        outcomes: list[Outcome] = [*map(Prediction, self.digits.tolist(), self.confidences.tolist(), rows)]
        for place, outcome in self.others.items():
            outcomes.insert(place, outcome)
        return outcomes


class Answerer:
    """A network, with how pictures are read for it, and when its answers are accepted. It can be pickled."""

    def __init__(self, engine: Engine, mode: ReadingMode) -> None:
        self._engine = engine
        self._mode = mode
        self._least_confidence = engine.contract.least_confidence
        # From here on `is_accepted` need not be called: it would say yes.
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
                qualities[len(places)] = found.quality
            places.append(place)
        answers = self._answer_tensors(np.frombuffer(b"".join(tensors), np.uint8).reshape(TENSOR), qualities)
        others |= {places[row]: outcome for row, outcome in answers.others.items()}
        return replace(answers, others=dict(sorted(others.items())))

    def predict_tensors(self, images: Pixels, qualities: Sequence[Quality] = ()) -> list[Prediction]:
        """Of images, uint8, shape (N, 28, 28, 1), and of how well each digit shows, where that is known."""
        return cast("list[Prediction]", self._answer_tensors(images, dict(enumerate(qualities))).unpack())  # no errors

    def _answer_tensors(self, images: Pixels, qualities: Mapping[int, Quality | None]) -> Answers:
        """As `predict_tensors`; how well the digit shows by the image's row."""
        probabilities = np.concatenate([*run_in_batches(self._engine, images)] or [NO_ANSWERS])
        probabilities.setflags(write=False)
        digits, confidences = find_highest(probabilities)
        plain = accept_confidences(confidences, images, self._least_confidence)
        if qualities:
            plain[[*qualities]] = False
        rows = np.flatnonzero(~plain).tolist()
        others: dict[int, Outcome] = {
            row: self._judge(probabilities[row], images[row], qualities.get(row)) for row in rows
        }
        if rows:
            probabilities, digits, confidences = probabilities[plain], digits[plain], confidences[plain]
        return Answers(probabilities, digits, confidences, others)

    def answer_tensor(self, tensor: bytes) -> Prediction:
        """Of one tensor's 784 bytes: no arrays are made, each of which would take 0.3 us of a prediction's 14."""
        answer = self._engine.run_bytes(tensor)
        probabilities = UNPACK(answer)
        confidence = max(probabilities)
        if confidence >= self._certain or is_accepted(confidence, tensor, self._least_confidence):  # never, of NaN
            return Prediction(probabilities.index(confidence), confidence, answer)
        return self._judge(np.frombuffer(answer, np.float32), np.frombuffer(tensor, np.uint8))

    def answer_reading(self, reading: Reading) -> Prediction:
        """Of one picture that was read."""
        if reading.flaw:
            return reject(reading.flaw, reading.quality)
        probabilities = self._engine.run(reading.pixels.reshape(TENSOR))
        probabilities.setflags(write=False)
        return self._judge(probabilities[0], reading.pixels, reading.quality)

    def _judge(
        self, probabilities: npt.NDArray[np.float32], pixels: Pixels, quality: Quality | None = None
    ) -> Prediction:
        """The prediction that probabilities, shape (10,), make of what the network read, 784 values."""
        digit = int(probabilities.argmax())
        confidence = probabilities.item(digit)
        if is_accepted(confidence, pixels.tobytes(), self._least_confidence):
            return Prediction(digit, confidence, probabilities, None, quality)
        reason = judge_answer(probabilities, pixels, self._least_confidence)
        return Prediction(None, confidence, probabilities, reason, quality)
