"""What the network makes of a picture, and whether to believe it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

Reason: TypeAlias = Literal["blank", "too small", "cut off", "several digits", "ambiguous", "no digit"]
"""Why a picture is rejected: what was found in it (the first four), or what the network made of it.

`ambiguous`: two digits share the probability; `no digit`: it is spread over more, as over nothing that was ever learnt,
or the image shows several things that its frame cuts.
"""

AMBIGUOUS_SHARE: Final = 0.85
"""Two digits that have this much of the probability between them make a picture ambiguous rather than no digit."""


@dataclass(frozen=True)
class Quality:
    """How well a picture shows its digit."""

    side_pixels: float
    """The digit's longer side in the picture, in the picture's own pixels."""
    contrast: float
    """Part of the ground's light, 0..1, that the ink takes away; of light ink, part of what the ground lacks."""

    def to_dict(self) -> dict[str, Any]:
        """As the command line's JSON has it."""
        return {"side_pixels": round(self.side_pixels, 1), "contrast": round(self.contrast, 3)}


class Prediction:
    """What the network makes of one picture. It cannot be changed; predictions of the same content are equal.

    Args:
        digit: The most probable digit, 0..9; None where the picture was rejected.
        confidence: The highest probability, in 0..1; 0 where the picture never reached the network.
        probabilities: Of the ten digits, float32, shape (10,), read-only, or the bytes of these; all alike where the
            picture never reached the network.
        reason: Why the picture was rejected; None where it was accepted.
        quality: How well the picture shows its digit; None for tensors, in which nothing was looked for.
    """

    # No frozen dataclass: that costs 0.4 us more, of the 15 that a prediction takes.
    __slots__ = ("_confidence", "_digit", "_probabilities", "_quality", "_reason")

    def __init__(
        self,
        digit: int | None,
        confidence: float,
        probabilities: npt.NDArray[np.float32] | bytes,
        reason: Reason | None = None,
        quality: Quality | None = None,
    ) -> None:
        self._digit = digit
        self._confidence = confidence
        self._probabilities = probabilities
        self._reason = reason
        self._quality = quality

    @property
    def digit(self) -> int | None:
        """The most probable digit, 0..9; None where the picture was rejected."""
        return self._digit

    @property
    def confidence(self) -> float:
        """The highest probability, in 0..1; 0 where the picture never reached the network."""
        return self._confidence

    @property
    def probabilities(self) -> npt.NDArray[np.float32]:
        """Of the ten digits, float32, shape (10,), read-only."""
        if isinstance(self._probabilities, bytes):  # made when asked for: 0.3 us of a prediction's 14
            self._probabilities = np.frombuffer(self._probabilities, np.float32)
        return self._probabilities

    @property
    def reason(self) -> Reason | None:
        """Why the picture was rejected; None where it was accepted."""
        return self._reason

    @property
    def quality(self) -> Quality | None:
        """How well the picture shows its digit; None for tensors, in which nothing was looked for."""
        return self._quality

    @property
    def accepted(self) -> bool:
        """Whether there is a digit to rely on."""
        return self._reason is None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Prediction):
            return NotImplemented
        same = (self._digit, self._reason, self._quality) == (other._digit, other._reason, other._quality)
        return same and np.array_equal(self.probabilities, other.probabilities)

    def __hash__(self) -> int:
        return hash((self._digit, self._reason, self._quality, self.probabilities.tobytes()))

    def __repr__(self) -> str:
        verdict = f"digit={self._digit}" if self.accepted else f"reason={self._reason!r}"
        return f"Prediction({verdict}, confidence={self._confidence:.4f})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Bytes go through pickle in a third of an array's time.
        return Prediction, (self._digit, self._confidence, bytes(self._probabilities), self._reason, self._quality)

    def to_dict(self) -> dict[str, Any]:
        """As the command line's JSON has it."""
        return {
            "digit": self._digit,
            "confidence": self._confidence,
            "accepted": self.accepted,
            "reason": self._reason,
            "probabilities": self.probabilities.tolist(),
            "quality": self._quality and self._quality.to_dict(),
        }


def reject(reason: Reason, quality: Quality | None = None) -> Prediction:
    """The answer for a picture that never reached the network."""
    alike = np.full(10, 0.1, np.float32)
    alike.flags.writeable = False
    return Prediction(None, 0.0, alike, reason, quality)


def reject_prediction(prediction: Prediction, pixels: npt.NDArray[np.uint8], least_confidence: float) -> Prediction:
    """The same prediction without its digit, with the reason why it is not to be relied on.

    Args:
        prediction: What the network says.
        pixels: What it read, uint8, 784 values.
        least_confidence: The model's, in 0..1.
    """
    reason = explain_rejection(prediction.probabilities, pixels, least_confidence)
    return Prediction(None, prediction.confidence, prediction.probabilities, reason, prediction.quality)


def explain_rejection(
    probabilities: npt.NDArray[np.float32], pixels: npt.NDArray[np.uint8], least_confidence: float
) -> Reason:
    """Why an answer that was not accepted is not to be relied on.

    Args:
        probabilities: float32, shape (10,).
        pixels: What the network read, uint8, 784 values.
        least_confidence: The model's, in 0..1: an answer above it can be no doubt between two digits.
    """
    if not pixels.any():
        return "blank"
    second, first = np.sort(probabilities)[-2:]
    return "ambiguous" if first < least_confidence and first + second >= AMBIGUOUS_SHARE else "no digit"
