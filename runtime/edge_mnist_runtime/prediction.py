"""The result for one picture: digit, probabilities, and the reason if it is rejected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

Reason: TypeAlias = Literal["blank", "too small", "cut off", "several digits", "ambiguous", "no digit"]
"""Why a picture is rejected. The first four reasons are found in the picture, the last two by the network.

The network is asked unless the picture has no ink. If it is sure, its answer counts although the
ink seems cut off, or is grain.

`ambiguous`: two digits share the probability. `no digit`: the probability is spread over more digits, or the image
shows several objects and its frame cuts some of them.
"""

AMBIGUOUS_SHARE: Final = 0.85
"""Minimum sum of the two highest probabilities for `ambiguous`; below it the reason is `no digit`."""


@dataclass(frozen=True)
class Quality:
    """How well a picture shows its digit."""

    side_pixels: float
    """The digit's longer side in the picture, in the picture's own pixels."""
    contrast: float
    """Fraction 0..1: of the background's light that dark ink takes away, or of its darkness that light ink fills."""

    def to_dict(self) -> dict[str, Any]:
        """For the command line's JSON output."""
        return {"side_pixels": round(self.side_pixels, 1), "contrast": round(self.contrast, 3)}


class Prediction:
    """The network's result for one picture. It is immutable, and compares and hashes by value.

    Args:
        digit: The most probable digit, 0..9; None if the picture is rejected.
        confidence: The highest probability, 0..1; 0 if the network did not run.
        probabilities: Probabilities of the ten digits, float32, shape (10,), read-only, or their bytes. All are equal
            if the network did not run.
        reason: Why the picture is rejected; None if it is accepted.
        quality: How well the picture shows its digit; None for tensors and pictures without ink.
    """

    # Not a frozen dataclass: that would cost 0.4 us more, of the 15 us of a prediction.
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
        """The most probable digit, 0..9; None if the picture is rejected."""
        return self._digit

    @property
    def likeliest(self) -> int | None:
        """The most probable digit, 0..9, also of a rejected picture; None if the network did not run.

        It serves to ask a person: "Is it a 4?"
        """
        if self._digit is None and self._confidence:
            return int(self.probabilities.argmax())
        return self._digit

    @property
    def confidence(self) -> float:
        """The highest probability, 0..1; 0 if the network did not run."""
        return self._confidence

    @property
    def probabilities(self) -> npt.NDArray[np.float32]:
        """Probabilities of the ten digits, float32, shape (10,), read-only; a mean where the network looked twice."""
        if isinstance(self._probabilities, bytes):  # converted on demand: it costs 0.3 us of a prediction's 14
            self._probabilities = np.frombuffer(self._probabilities, np.float32)
        return self._probabilities

    @property
    def reason(self) -> Reason | None:
        """Why the picture is rejected; None if it is accepted."""
        return self._reason

    @property
    def quality(self) -> Quality | None:
        """How well the picture shows its digit; None for tensors and pictures without ink."""
        return self._quality

    @property
    def accepted(self) -> bool:
        """Whether the prediction is accepted and has a digit."""
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
        # Bytes pickle in a third of the time of an array.
        return Prediction, (self._digit, self._confidence, bytes(self._probabilities), self._reason, self._quality)

    def to_dict(self) -> dict[str, Any]:
        """For the command line's JSON output."""
        return {
            "digit": self._digit,
            "likeliest": self.likeliest,
            "confidence": self._confidence,
            "accepted": self.accepted,
            "reason": self._reason,
            "probabilities": self.probabilities.tolist(),
            "quality": self._quality and self._quality.to_dict(),
        }


def reject(reason: Reason, quality: Quality | None = None) -> Prediction:
    """The prediction for a picture that the network does not read."""
    uniform = np.full(10, 0.1, np.float32)
    uniform.flags.writeable = False
    return Prediction(None, 0.0, uniform, reason, quality)


def reject_prediction(prediction: Prediction, reason: Reason) -> Prediction:
    """Turn a prediction into a rejected one: without its digit, with the reason."""
    return Prediction(None, prediction.confidence, prediction.probabilities, reason, prediction.quality)


def explain_rejection(probabilities: npt.NDArray[np.float32], least_confidence: float) -> Reason:
    """Find the reason why a prediction was not accepted.

    Args:
        probabilities: float32, shape (10,).
        least_confidence: The model's minimum confidence, 0..1. A prediction above it is never `ambiguous`.
    """
    second, first = sorted(probabilities.tolist())[-2:]
    return "ambiguous" if first < least_confidence and first + second >= AMBIGUOUS_SHARE else "no digit"
